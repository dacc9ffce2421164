"""The data codec: what it carries comes out as it went in; what it does not carry fails at the sender, and says where."""

import itertools
import os
import pickle
import re
import socket
import threading
import warnings
from collections import defaultdict
from decimal import Decimal

import numpy as np
import pytest

from oobpickle import DataCodec, DecodeError, EncodeError, Limits, PickleCodec
from oobpickle.codec import data_codec, reducers
from oobpickle.codec.registry import Registry
from tests.alike import assert_alike
from tests.hostile import corpus

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass")

CODEC = corpus.codec()
with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)  # of np.matrix
    GROUPS = {**corpus.plain(), **corpus.arrays()}
del GROUPS["masked"]  # below: numpy gives the dtype of struct[["a", "b"]] an alignment that no dtype can be asked for


def arrived(obj, codec=CODEC, receiver=None):
    """obj as it comes out, on memory of its own, writable where the sender's was."""
    stream, buffers = codec.encode(obj)
    return (receiver or codec).decode(stream, [bytes(b) if b.readonly else bytearray(b) for b in buffers])


def honest():
    """Values of the libraries, or none where these are not installed. (Their import is slow.)"""
    try:
        from tests.hostile import libraries
    except ImportError:
        return []
    return libraries.honest()


class TestRoundTrip:
    @pytest.mark.parametrize("group", GROUPS)
    def test_of_the_standard_library_and_numpy(self, group):
        assert_alike(arrived(GROUPS[group]), GROUPS[group])

    def test_of_all_at_once(self):
        assert_alike(arrived(GROUPS), GROUPS)

    def test_of_the_libraries(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = honest()
            for value in values:
                assert_alike(arrived(value), value)
            got = arrived([values, values])
            assert_alike(got[0], values)
            assert all(a is b for a, b in zip(*got, strict=True))

    def test_stock_pickle_reads_the_stream(self):
        obj = {name: group for name, group in GROUPS.items() if name != "registered"}
        stream, buffers = CODEC.encode(obj)
        assert_alike(pickle.loads(stream, buffers=buffers), obj)

    def test_masked_arrays(self):
        for sent in corpus.arrays()["masked"]:
            got = arrived(sent)
            assert type(got) is np.ma.MaskedArray
            assert got.dtype == sent.dtype
            np.testing.assert_array_equal(got.data, sent.data)
            np.testing.assert_array_equal(got.mask, sent.mask)
            assert (got.fill_value, got.hardmask) == (sent.fill_value, sent.hardmask)

    def test_a_memmap_arrives_as_a_plain_array(self, tmp_path):
        sent = np.memmap(tmp_path / "m.bin", "f8", "w+", shape=(50, 7))
        sent[:] = np.arange(350).reshape(50, 7)
        got = arrived({"m": sent, "rows": sent[::2]})
        assert_alike(got, {"m": np.array(sent), "rows": np.array(sent[::2])})
        sent._mmap.close()

    def test_writability(self):
        fixed = np.arange(5000.0)
        fixed.flags.writeable = False
        got = arrived([fixed, np.arange(5000.0), memoryview(b"x" * 50_000), memoryview(bytearray(50_000))])
        assert [a.flags.writeable for a in got[:2]] == [False, True]
        assert [view.readonly for view in got[2:]] == [True, False]

    def test_one_object_met_twice_is_one_object(self):
        shared, array = [1], np.arange(3)
        a, b, (c, d) = arrived([shared, shared, (array, array)])
        assert a is b
        assert c is d

    def test_cycles_through_lists_and_dicts(self):
        obj = {"list": [1]}
        obj["itself"] = obj
        obj["list"].append(obj["list"])
        obj["list"].append(obj)
        got = arrived(obj)
        assert got["itself"] is got
        assert got["list"][1] is got["list"]
        assert got["list"][2] is got

    def test_two_encodings_are_equal_bytes(self):
        again = DataCodec(types=corpus.registry()).encode(GROUPS)
        first = CODEC.encode(GROUPS)
        assert first[0] == again[0]
        assert list(map(bytes, first[1])) == list(map(bytes, again[1]))

    def test_large_memory_is_not_copied(self):
        array, raw = np.arange(100_000.0), b"x" * 100_000
        _, (first, second) = CODEC.encode({"a": array, "b": raw})
        assert np.shares_memory(np.frombuffer(first, "u1"), array)
        assert np.shares_memory(np.frombuffer(second, "u1"), np.frombuffer(raw, "u1"))
        got = CODEC.decode(*CODEC.encode(array))
        assert np.shares_memory(got, array)


class Stranger:
    pass


class TestWhatItDoesNotCarry:
    def test_the_error_names_type_path_and_the_ways_out(self):
        with pytest.raises(EncodeError) as caught:
            CODEC.encode({"a": [0, 1, 2, corpus.Point(1, Stranger())]})
        error = caught.value
        assert error.path == "obj['a'][3].y"
        assert error.type_name.endswith("test_data_codec.Stranger")
        assert "oobpickle.register" in str(error)
        assert 'codec="pickle"' in str(error)
        assert str(error).startswith(f"{error.path} ({error.type_name}): ")

    @pytest.mark.parametrize("dtype", ["M8[0s]", "m8[0D]", "M8[2000000000s]"])
    @pytest.mark.parametrize("kind", ["an array", "a scalar", "a dtype", "a field"])
    def test_units_of_time_that_no_receiver_takes(self, dtype, kind):
        array = np.zeros(3, dtype)
        value = {"an array": array, "a scalar": array[0], "a dtype": array.dtype, "a field": array.view([("t", dtype)])}
        with pytest.raises(EncodeError):
            CODEC.encode([np.zeros(3, "M8[s]"), value[kind]])

    @pytest.mark.parametrize("dtype", ["f8", "O", "i4, O", "M8[s]"])
    def test_metadata_of_a_dtype(self, dtype):
        array = np.zeros(3, np.dtype(dtype, metadata={"unit": "m"}))
        with pytest.raises(EncodeError, match="metadata") as caught:
            CODEC.encode([np.zeros(3), {"a": array}])
        assert caught.value.path == "obj[1]['a']"
        assert "astype" in str(caught.value)
        assert_alike(arrived(array.astype(np.dtype(dtype))), np.zeros(3, dtype))

    def test_a_factory_that_has_no_name(self):
        with pytest.raises(EncodeError, match="list, dict, set") as caught:
            CODEC.encode([{"a": defaultdict(tuple)}])
        assert (caught.value.path, caught.value.type_name) == ("obj[0]['a']", "collections.defaultdict")
        with pytest.raises(EncodeError) as caught:
            CODEC.encode([defaultdict(list, a=Stranger())])
        assert caught.value.path == "obj[0]['a']"

    @pytest.mark.parametrize("value", [print, arrived, Stranger, np.array, [].append, ValueError("x")], ids=repr)
    def test_code_is_not_to_be_registered(self, value):
        with pytest.raises(EncodeError) as caught:
            CODEC.encode({"a": (value,)})
        assert caught.value.path == "obj['a'][0]"
        assert caught.value.advice.startswith('leave it out, or use codec="pickle" ')
        PickleCodec().encode({"a": (value,)})

    @pytest.mark.parametrize(
        "value",
        [(n for n in ()), map(str, ()), iter([1]), {}.keys(), itertools.count()],
        ids=lambda v: type(v).__name__,
    )
    def test_what_can_be_listed(self, value):
        with pytest.raises(EncodeError) as caught:
            CODEC.encode([value])
        assert caught.value.advice == "leave it out, or send list(...)"

    @pytest.mark.parametrize("value", [lambda: 0, type("Nowhere", (), {})], ids=["lambda", "class"])
    def test_code_without_a_name_that_pickle_finds(self, value):
        with pytest.raises(EncodeError) as caught:
            CODEC.encode([value])
        assert caught.value.advice == (
            'leave it out (codec="pickle" carries functions and classes that can be imported by name)'
        )

    @pytest.mark.parametrize("make", [threading.Lock, socket.socket, lambda: open(os.devnull), lambda: np])
    def test_what_pickle_does_not_carry_either(self, make):
        value = make()
        with pytest.raises(EncodeError) as caught:
            CODEC.encode({"a": value})
        assert caught.value.path == "obj['a']"
        assert caught.value.advice == 'leave it out (codec="pickle" does not carry it either)'
        if hasattr(value, "close"):
            value.close()

    def test_what_copyreg_carries(self):
        with pytest.raises(EncodeError) as caught:
            CODEC.encode(re.compile("x"))
        assert 'use codec="pickle"' in caught.value.advice
        PickleCodec().encode(re.compile("x"))

    def test_to_tell_it_nothing_large_is_pickled(self):
        class Holder:
            def __init__(self):
                self.part = Part()

        class Part:
            def __reduce__(self):
                raise AssertionError("pickled")

        with pytest.raises(EncodeError, match="oobpickle.register its class"):
            CODEC.encode([Holder()])

    def test_a_subclass_of_what_it_carries(self):
        for base in (list, dict, str, int, float, tuple, set, bytes):
            value = type(f"My{base.__name__}", (base,), {})()
            with pytest.raises(EncodeError, match="does not carry"):
                CODEC.encode([value])

    def test_a_cycle_through_a_tuple(self):
        inner = []
        inner.append((inner,))
        assert_alike(arrived([1]), [1])
        got = arrived(inner)
        assert got[0][0] is got

    def test_too_deep(self):
        obj = []
        for _ in range(100_000):
            obj = [obj]
        with pytest.raises(EncodeError, match="nested too deeply"):
            CODEC.encode(obj)

    def test_it_works_on_after_a_failure(self):
        with pytest.raises(EncodeError):
            CODEC.encode([np.arange(9), Stranger()])
        assert_alike(arrived([np.arange(9)]), [np.arange(9)])


KEY = tuple(range(100))
LIMITED = {
    "key_values": (Limits(key_values=5), {"k": [{(1, 2, 3, 4, 5, 6): 0}]}, "obj['k'][0]"),
    "stream_bytes": (Limits(stream_bytes=500), {"k": "x" * 600}, None),
    "text_bytes": (Limits(text_bytes=255), {"k": ["y", "x" * 256]}, "obj['k'][1]"),
    "int_bytes": (Limits(int_bytes=255), {"k": [1, 1 << 2100]}, "obj['k'][1]"),
    "buffers": (Limits(buffers=2), {"k": [np.arange(50_000.0) + n for n in range(3)]}, "obj['k']"),
    "dimensions": (Limits(dimensions=3), {"k": np.zeros((1, 1, 1, 1))}, "obj['k']"),
    "itemsize": (Limits(itemsize=10), {"k": np.zeros(3, "S11")}, "obj['k']"),
    "elements": (Limits(elements=3), {"k": np.array([None] * 4, object)}, "obj['k']"),
    "dtype_text": (Limits(dtype_text=50), {"k": np.zeros(3, [(f"field{n}", "f8") for n in range(9)])}, "obj['k']"),
    "opcodes": (Limits(opcodes=50), {"k": [[]] + [[n] for n in range(60)]}, None),
    "keys_base": (Limits(keys_base=10, keys_per_byte=1), {"k": [{KEY: n} for n in range(100)]}, None),
}


class TestLimits:
    @pytest.mark.parametrize("name", LIMITED)
    def test_a_sender_is_told_which_and_where(self, name):
        limits, obj, path = LIMITED[name]
        with pytest.raises(EncodeError, match=f"limits.{name}") as caught:
            DataCodec(limits=limits).encode(obj)
        if path is not None:
            assert caught.value.path.startswith(path)

    @pytest.mark.parametrize("name", LIMITED)
    def test_a_receiver_refuses_what_a_freer_sender_lets_out(self, name):
        limits, obj, _ = LIMITED[name]
        assert_alike(arrived(obj), obj)
        with pytest.raises(DecodeError, match=f"limits.{name}"):
            arrived(obj, receiver=DataCodec(limits=limits))

    def test_a_verdict_is_of_one_codec(self):
        """What a freer codec has seen is not known to a stricter one."""
        obj = {(1, 2, 3, 4, 5, 6): 0}
        stream, buffers = CODEC.encode(obj)
        strict = DataCodec(limits=Limits(key_values=5))
        for _ in range(2):
            assert CODEC.decode(stream, buffers) == obj
            with pytest.raises(DecodeError):
                strict.decode(stream, buffers)


class TestDecode:
    def test_the_buffers_are_counted(self):
        stream, buffers = CODEC.encode([np.arange(50_000.0), np.arange(40_000.0)])
        for _ in range(2):  # never seen, and seen
            for wrong in ([], buffers[:1], [*buffers, memoryview(b"x")]):
                with pytest.raises(DecodeError, match="buffers"):
                    CODEC.decode(stream, wrong)
            CODEC.decode(stream, buffers)

    def test_a_buffer_of_another_length_is_looked_at_again(self):
        stream, buffers = CODEC.encode(np.arange(50_000.0))
        CODEC.decode(stream, buffers)
        for wrong in (b"", b"x" * 8, bytes(buffers[0])[:-8]):
            with pytest.raises(DecodeError):
                CODEC.decode(stream, [wrong])

    @pytest.mark.parametrize(
        "obj",
        [
            {"a": np.arange(40_000.0), "b": np.arange(9).reshape(3, 3), "n": [1, None, "text"]},
            [b"x", "x", bytearray(9)],
            {"one": 1},
            np.arange(3),
        ],
        ids=["arrays", "bytes", "no buffers", "an array alone"],
    )
    def test_a_stream_that_was_seen_looks_nothing_up(self, obj, monkeypatch):
        codec = DataCodec()
        stream, buffers = codec.encode(obj)
        first = DataCodec().decode(stream, buffers)
        for _ in range(2):
            assert_alike(codec.decode(stream, buffers), first)
        monkeypatch.setattr(reducers.numpy, "array_table", None)
        monkeypatch.setattr(data_codec, "_DataUnpickler", None)
        for _ in range(2):
            assert_alike(codec.decode(stream, buffers), first)

    def test_names_are_looked_up_in_the_vocabulary_whether_seen_or_not(self):
        codec = DataCodec()
        stream, buffers = codec.encode([Decimal(1), np.arange(3)])
        for _ in range(3):
            assert_alike(codec.decode(stream, buffers), [Decimal(1), np.arange(3)])
        codec._vocabulary.known.clear()
        with pytest.raises(DecodeError, match="KeyError"):
            codec.decode(stream, buffers)

    def test_the_stream_is_copied_out_of_memory_that_can_change(self):
        stream, buffers = CODEC.encode(["text", np.arange(3)])
        memory = bytearray(stream)
        got = CODEC.decode(memoryview(memory), buffers)
        memory[:] = bytes(len(memory))
        assert_alike(got, ["text", np.arange(3)])

    def test_a_stream_of_the_pickle_codec(self):
        stream, buffers = PickleCodec().encode(Stranger())
        with pytest.raises(DecodeError) as caught:
            CODEC.decode(stream, buffers)
        assert caught.value.offset is not None
        assert caught.value.opcode

    def test_the_pickle_codec_reads_a_stream_of_this_one(self):
        assert_alike(PickleCodec().decode(*CODEC.encode([1, np.arange(3)])), [1, np.arange(3)])


class TestLibraries:
    def test_what_is_at_fault_in_a_table_is_found_in_its_column(self):
        pd = pytest.importorskip("pandas")
        values = ["a", {"deep": [1, Stranger()]}, 3]
        for table, path in (
            (pd.DataFrame({"n": [1, 2, 3], "label": values}), "obj['t']['label'].array[1]['deep'][1]"),
            (pd.Series(values, index=list("xyz"), dtype=object), "obj['t'].array[1]['deep'][1]"),
        ):
            with pytest.raises(EncodeError) as caught:
                CODEC.encode({"t": table})
            assert caught.value.path == path
            assert caught.value.type_name.endswith("Stranger")

    def test_they_can_be_restricted(self):
        pd = pytest.importorskip("pandas")
        series = pd.Series([1, 2])
        without = DataCodec(libraries=["scipy"])
        with pytest.raises(EncodeError, match="does not carry"):
            without.encode({"s": series})
        stream, buffers = CODEC.encode(series)
        with pytest.raises(DecodeError, match="name"):
            without.decode(stream, buffers)
        with pytest.raises(ValueError, match="pandas, pyarrow"):
            DataCodec(libraries=["os"])

    def test_none_is_imported_before_a_message_needs_it(self, python):
        pytest.importorskip("pandas")
        code = """
import sys, numpy, oobpickle
libraries = {"pandas", "pyarrow", "scipy", "torch"}
plain = oobpickle.dumps([1, numpy.arange(3)])
oobpickle.loads(plain)
before = sorted(libraries & set(sys.modules))
from oobpickle import DataCodec
stream = bytes.fromhex(sys.argv[1])
try:
    DataCodec(libraries=["scipy"]).decode(stream, [])
except oobpickle.DecodeError:
    refused = sorted(libraries & set(sys.modules))
value = DataCodec().decode(stream, [])
print(before, refused, type(value).__name__, "pandas" in sys.modules)
"""
        import pandas as pd

        stream, buffers = CODEC.encode(pd.Timestamp("2024"))
        assert not buffers
        assert python(code, stream.hex()).strip() == "[] [] Timestamp True"


class TestTypes:
    def test_a_codec_of_its_own_registry(self):
        own = DataCodec(types=[corpus.Point])
        assert_alike(arrived(corpus.Point(1), own), corpus.Point(1))
        with pytest.raises(EncodeError, match="oobpickle.register"):
            own.encode(corpus.Colour.RED)
        stream, buffers = own.encode(corpus.Point(1))
        with pytest.raises(DecodeError, match="^no class is registered"):
            DataCodec(types=Registry()).decode(stream, buffers)

    def test_a_registered_object_is_no_key(self):
        for obj in ({corpus.Pair(1, 2): 3}, {corpus.Colour.RED}, frozenset([corpus.Checked(1, 2)])):
            with pytest.raises(EncodeError, match="key|set"):
                CODEC.encode([obj])
