"""`assert_same`: two values are alike to the last bit, as far as a receiver can tell."""

import numpy as np


def assert_same(got, sent, *, where="obj"):
    """Types, dtypes with all that they carry, shapes, bytes (NaNs as bits), writability; containers item by item."""
    assert type(got) is type(sent), where
    if isinstance(sent, np.ndarray):
        assert_same_array(got, sent, where)
    elif isinstance(sent, dict):
        assert list(got) == list(sent), where
        for key, value in sent.items():
            assert_same(got[key], value, where=f"{where}[{key!r}]")
    elif isinstance(sent, (list, tuple)):
        assert len(got) == len(sent), where
        for index, (a, b) in enumerate(zip(got, sent, strict=True)):
            assert_same(a, b, where=f"{where}[{index}]")
    elif isinstance(sent, memoryview):
        assert (got.tobytes(), got.format, got.shape) == (sent.tobytes(), sent.format, sent.shape), where
        assert got.readonly is sent.readonly, where
    else:
        assert got == sent or (got != got and sent != sent), where


def assert_same_array(got, sent, where="array"):
    assert_same_dtype(got.dtype, sent.dtype, where)
    assert got.shape == sent.shape, where
    assert got.flags.writeable is sent.flags.writeable, where
    assert got.flags.aligned, where
    if isinstance(sent, np.ma.MaskedArray):
        assert_same_array(got.data, sent.data, where)
        assert (got.mask is np.ma.nomask) is (sent.mask is np.ma.nomask), where
        np.testing.assert_array_equal(got.mask, sent.mask)
        np.testing.assert_equal(got.fill_value, sent.fill_value)
        assert got.hardmask is sent.hardmask, where
    elif sent.dtype.hasobject:
        np.testing.assert_array_equal(got, sent)
    else:
        assert fields_of(got) == fields_of(sent), where
    if sent.flags.f_contiguous and not sent.flags.c_contiguous:
        assert got.flags.f_contiguous, where


def fields_of(a):
    """The bytes of every element, without the padding of structures, which is nobody's value."""
    if a.dtype.names is not None:
        return [fields_of(a[name]) for name in a.dtype.names]
    if a.dtype.kind in "gG" or a.dtype.char in "gG":  # 10 bytes of 16 are the number
        return a.astype(a.dtype.newbyteorder("=")).reshape(-1).view("u1").reshape(-1, 16)[:, :10].tobytes()
    return a.tobytes()


def assert_same_dtype(got, sent, where="dtype"):
    """Equal, and what numpy's equality leaves out: type, alignment, metadata, titles, in all its parts."""
    assert got == sent, where
    assert got.str == sent.str, where
    assert got.type is sent.type or sent.kind != "V", where  # longlong arrives as the equal long, as in pickle
    assert got.isalignedstruct == sent.isalignedstruct, where
    assert got.alignment == sent.alignment, where
    assert dict(got.metadata or {}) == dict(sent.metadata or {}), where
    assert (got.subdtype is None) is (sent.subdtype is None), where
    if sent.subdtype is not None:
        assert_same_dtype(got.subdtype[0], sent.subdtype[0], where)
    assert got.names == sent.names, where
    for name in sent.names or ():
        assert got.fields[name][1:] == sent.fields[name][1:], where
        assert_same_dtype(got.fields[name][0], sent.fields[name][0], f"{where}.{name}")
