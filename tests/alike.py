"""`assert_alike`: what `assert_same` says of arrays and containers, said of everything that the data codec carries."""

import array
import collections
import dataclasses
import datetime as dt
import decimal
import struct
import sys

import numpy as np

from tests.same import assert_same_array, assert_same_dtype


def assert_alike(got, sent, where="obj"):
    """Types, values to the last bit, order, dtypes, writability, names, time zones, freq, attrs; item by item."""
    if isinstance(sent, np.dtype):
        assert_same_dtype(got, sent, where)
        return
    assert type(got) is type(sent), where
    if type(sent).__module__.startswith("scipy"):
        _of_scipy(got, sent, where)
    elif isinstance(sent, float):
        assert struct.pack("d", got) == struct.pack("d", sent), where
    elif isinstance(sent, complex) and type(sent) is complex:
        assert struct.pack("dd", got.real, got.imag) == struct.pack("dd", sent.real, sent.imag), where
    elif isinstance(sent, np.ndarray):
        _array(got, sent, where)
    elif isinstance(sent, np.generic):
        _array(np.asarray(got), np.asarray(sent), where)
    elif isinstance(sent, dict):
        _mapping(got, sent, where)
    elif isinstance(sent, (list, tuple, collections.deque)):
        assert len(got) == len(sent), where
        assert getattr(got, "maxlen", None) == getattr(sent, "maxlen", None), where
        for index, (a, b) in enumerate(zip(got, sent, strict=True)):
            assert_alike(a, b, f"{where}[{index}]")
    elif isinstance(sent, (set, frozenset)):
        assert got == sent, where
        assert sorted(map(_told, got)) == sorted(map(_told, sent)), where
    elif isinstance(sent, memoryview):
        assert (got.tobytes(), got.format, got.shape, got.readonly) == (
            sent.tobytes(),
            sent.format,
            sent.shape,
            sent.readonly,
        ), where
    elif isinstance(sent, decimal.Decimal):
        assert got.as_tuple() == sent.as_tuple(), where
    elif isinstance(sent, array.array):
        assert (got.typecode, got.tobytes()) == (sent.typecode, sent.tobytes()), where
    elif dataclasses.is_dataclass(sent) and not isinstance(sent, type):
        for field in dataclasses.fields(sent):
            assert_alike(getattr(got, field.name), getattr(sent, field.name), f"{where}.{field.name}")
    else:
        for check in (_of_pandas, _of_pyarrow, _of_torch):
            if check(got, sent, where):
                return
        if isinstance(sent, (dt.datetime, dt.time)):
            assert got.fold == sent.fold, where
            assert_alike(got.tzinfo, sent.tzinfo, f"{where}.tzinfo")
        assert got == sent, where


def _told(value):
    return f"{type(value)} {value!r}"


def _array(got, sent, where):
    if sent.dtype.hasobject and not isinstance(sent, np.ma.MaskedArray) and sent.dtype.names is None:
        assert_same_dtype(got.dtype, sent.dtype, where)
        assert got.shape == sent.shape, where
        for index in np.ndindex(sent.shape):
            assert_alike(got[index], sent[index], f"{where}[{index}]")
    else:
        assert_same_array(got, sent, where)


def _mapping(got, sent, where):
    assert_alike(list(got), list(sent), f"{where}.keys()")
    if isinstance(sent, collections.defaultdict):
        assert got.default_factory is sent.default_factory, where
    for key, value in sent.items():
        assert_alike(got[key], value, f"{where}[{key!r}]")


def _of_pandas(got, sent, where):
    pd = sys.modules.get("pandas")
    if pd is None or not type(sent).__module__.startswith("pandas"):
        return False
    if isinstance(sent, (pd.DataFrame, pd.Series)):
        check = pd.testing.assert_frame_equal if isinstance(sent, pd.DataFrame) else pd.testing.assert_series_equal
        check(got, sent, check_exact=True, check_freq=True, check_flags=True, check_index_type=True, obj=where)
        assert_alike(got.attrs, sent.attrs, f"{where}.attrs")
        _of_pandas(got.index, sent.index, f"{where}.index")
    elif isinstance(sent, pd.Index):
        pd.testing.assert_index_equal(got, sent, exact=True, check_exact=True, obj=where)
        assert_alike(list(got.names), list(sent.names), f"{where}.names")
        assert getattr(got, "freq", None) == getattr(sent, "freq", None), where
    elif isinstance(sent, pd.api.extensions.ExtensionArray):
        pd.testing.assert_extension_array_equal(got, sent, check_exact=True, obj=where)
        assert got.dtype == sent.dtype, where
        assert getattr(got, "freq", None) == getattr(sent, "freq", None), where
    elif sent is pd.NA or sent is pd.NaT:
        assert got is sent, where
    else:
        assert got == sent, where
        assert repr(got) == repr(sent), where
        for name in ("tz", "unit", "freq"):
            assert str(getattr(got, name, None)) == str(getattr(sent, name, None)), where
    return True


def _of_pyarrow(got, sent, where):
    if not type(sent).__module__.startswith("pyarrow"):
        return False
    metadata = {"check_metadata": True} if hasattr(sent, "schema") or hasattr(sent, "field") else {}
    try:
        assert got.equals(sent, **metadata), where
    except TypeError:
        assert got.equals(sent), where
    if hasattr(sent, "validate"):
        got.validate(full=True)
    return True


def _of_scipy(got, sent, where):
    assert (got.format, got.shape, got.dtype) == (sent.format, sent.shape, sent.dtype), where
    if sent.format in ("csr", "csc", "bsr"):
        parts = ("indptr", "indices", "data")
    else:
        parts = {"coo": ("coords", "data"), "dia": ("offsets", "data"), "lil": ("rows", "data")}.get(sent.format, ())
    for part in parts:
        assert_alike(getattr(got, part), getattr(sent, part), f"{where}.{part}")
    np.testing.assert_array_equal(got.toarray(), sent.toarray())


def _of_torch(got, sent, where):
    if not type(sent).__module__.startswith("torch"):
        return False
    import torch

    assert (got.dtype, got.shape, got.requires_grad) == (sent.dtype, sent.shape, sent.requires_grad), where
    assert torch.equal(got, sent), where
    return True
