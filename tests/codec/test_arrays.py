"""The array table: how the arrays of one object are laid out on buffers."""

import io
import pickle
import pickletools

import numpy as np
import pytest

from oobpickle import PickleCodec
from oobpickle.codec import arrays
from oobpickle.codec.pickle_codec import SMALL
from tests.same import assert_same

CODEC = PickleCodec()


def encode(obj, codec=CODEC):
    stream, buffers = codec.encode(obj)
    assert_same(codec.decode(stream, [bytearray(view) for view in buffers]), obj)
    return stream, buffers


class TestLayout:
    def test_large_arrays_are_their_own_memory(self):
        some = [np.arange(SMALL // 8 + n, dtype="f8") for n in range(20)]
        _, buffers = encode(some)
        assert len(buffers) == 20
        for a, view in zip(some, buffers, strict=True):
            assert np.frombuffer(view, "f8").__array_interface__["data"] == a.__array_interface__["data"]

    def test_a_gap_costs_one_copy(self):
        a = np.arange(2_000_000.0)[::2]
        _, [view] = encode(a)
        assert view.nbytes == a.nbytes
        assert not np.shares_memory(np.frombuffer(view, "f8"), a)

    def test_many_small_ones_are_gathered(self):
        """10,000 arrays: a few buffers of about a megabyte, and no more bytes than they have."""
        some = [np.full(100, number, "f8") for number in range(10_000)]
        stream, buffers = encode(some)
        assert len(buffers) == 8
        assert sum(view.nbytes for view in buffers) == 8_000_000
        assert max(view.nbytes for view in buffers) <= arrays.CHUNK
        assert len(stream) < 10 * len(some)

    def test_small_ones_of_many_kinds_are_gathered(self):
        some = [np.arange(n).astype(dtype) for n in range(40) for dtype in ("f8", "i4", "M8[s]", "S3", "g")]
        _, buffers = encode(some)
        assert len(buffers) <= 3

    def test_one_kept_array_pins_a_chunk(self):
        some = [np.full(100, number, "f8") for number in range(10_000)]
        stream, buffers = CODEC.encode(some)
        copies = [bytearray(view) for view in buffers]
        kept = CODEC.decode(stream, copies)[5]
        pinned = 0
        for copy in copies:
            try:
                copy.clear()
            except BufferError:
                pinned += len(copy)
        assert pinned <= arrays.CHUNK
        assert kept[0] == 5

    @pytest.mark.parametrize("small", [0, 1, 1000, 1 << 20, 1 << 30])
    @pytest.mark.parametrize("nbytes", [8, 100_000, 3_000_000])
    @pytest.mark.parametrize("count", [1, 2, 7, 8, 20])
    def test_any_threshold(self, small, nbytes, count):
        if nbytes * count <= 24_000_000:
            encode([np.full(nbytes // 8, n, "f8") for n in range(count)], PickleCodec(small=small))

    def test_arrays_without_bytes_among_others(self):
        empty = [np.zeros(0), np.zeros((0, 5), "i4"), np.zeros((3, 0), "M8[s]"), np.zeros(2, np.dtype([]))]
        zero = np.zeros(3, [("f", "S0")])["f"]
        for some in (empty, [*empty, zero] * 3, [np.ones(3), *empty, np.ones(2, "i1"), *empty, *[np.ones(())] * 9]):
            encode(some)

    def test_alignment_in_gathered_buffers(self):
        some = [np.ones(n, dtype) for n in (1, 3, 5) for dtype in ("u1", "f8", "g", "c16", "U1", "i2")] * 4
        stream, buffers = CODEC.encode(some)
        for shift in range(16):
            moved = []
            for view in buffers:
                memory = bytearray(view.nbytes + shift)
                memory[shift:] = view
                moved.append(memoryview(memory)[shift:])
            for a in CODEC.decode(stream, moved):
                assert a.flags.aligned


class TestKinds:
    """Arrays are gathered by kind; what numpy calls equal dtypes need not be one kind."""

    @pytest.mark.parametrize("count", [1, 3, 20])
    def test_metadata(self, count):
        one, other = np.dtype("i4", metadata={"unit": "m"}), np.dtype("i4", metadata={"unit": "s"})
        nested = np.dtype([("a", one)]), np.dtype([("a", other)]), np.dtype([("a", "i4")])
        for dtypes in ((one, other, np.dtype("i4")), nested):
            encode([np.ones(3, dtype) for dtype in dtypes] * count)
            for dtype in dtypes:  # nor from one message to the next
                encode(np.ones(3, dtype))

    @pytest.mark.parametrize("count", [1, 3, 20])
    def test_records_and_alignment(self, count):
        fields = [("a", "i4"), ("b", "i4")]
        some = [np.dtype(fields), np.dtype((np.record, fields)), np.dtype(fields, align=True)]
        encode([np.ones(3, dtype) for dtype in some] * count)

    @pytest.mark.parametrize("count", [1, 3, 20])
    def test_byte_order(self, count):
        values = np.arange(5)
        dtypes = ("<i8", ">i8", ">f8", "<m8", ">m8", ">M8", "<M8[s]", ">M8[s]", ">U2", ">c8", ">g")
        encode([values.astype("i8").astype(d, casting="unsafe") for d in dtypes] * count)

    @pytest.mark.parametrize("count", [1, 3, 20])
    def test_order_writability_and_shape(self, count):
        base = np.arange(24.0).reshape(2, 3, 4)
        frozen = base.copy()
        frozen.flags.writeable = False
        some = [
            base,
            np.asfortranarray(base),
            base.transpose(1, 0, 2),
            base[:, ::2],
            frozen,
            frozen.T,
            base.reshape(24),
        ]
        encode([a.copy("K") if a.flags.writeable else a for a in some] * count)


class TestPadding:
    """The bytes between the fields of a structure are the sender's, or zero: never what malloc found."""

    dtype = np.dtype([("a", "i1"), ("b", "f8"), ("c", "S3")], align=True)
    between = [1, 2, 3, 4, 5, 6, 7, 19, 20, 21, 22, 23]

    def array(self, count):
        return np.full(count * self.dtype.itemsize, 0x11, "u1").view(self.dtype)

    @pytest.mark.parametrize(
        "make",
        [
            lambda self: self.array(4000)[::2],
            lambda self: self.array(4000)[["a", "c"]][::2],
            lambda self: np.broadcast_to(self.array(4), (1000, 4)),
            lambda self: [self.array(10) for _ in range(20)],
            lambda self: [self.array(20)[::2] for _ in range(3)],
            lambda self: [self.array(20)[::2] for _ in range(20)],
            lambda self: [self.array(1).reshape(()) for _ in range(20)],
        ],
        ids=["strided", "fields", "broadcast", "gathered", "few strided", "many strided", "0-d"],
    )
    def test_of_gathered_structures(self, make):
        obj = make(self)
        for _ in range(5):
            dirty = [np.full(3000 * 24, 0xAB, "u1") for _ in range(10)]  # what a later allocation may find
            del dirty
            _, buffers = CODEC.encode(obj)
            for view in buffers:
                content = np.frombuffer(view, "u1").reshape(-1, self.dtype.itemsize)
                assert set(content[:, self.between].ravel().tolist()) <= {0x11, 0}


class TestStream:
    def test_it_is_one_frame_of_ordinary_opcodes(self):
        for obj in (1, [np.arange(3)], [np.arange(3)] * 20, {"a": np.arange(9000), "b": np.arange(9000)[::2]}):
            stream, buffers = CODEC.encode(obj)
            names = [opcode.name for opcode, _, _ in pickletools.genops(stream)]
            assert names[:2] == ["PROTO", "FRAME"]
            assert names.count("FRAME") == names.count("PROTO") == 1
            assert names.count("NEXT_BUFFER") == len(buffers)
            pickletools.dis(stream, out=io.StringIO())

    def test_memo_places_are_as_pickle_gives_them(self):
        """The table stands at place 0; what follows is numbered on."""
        shared = ["shared"]
        for obj in ([shared, shared], [np.ones(2), shared, shared, np.ones(2)], [shared, *[np.ones(3)] * 20, shared]):
            stream, buffers = CODEC.encode(obj)
            got = pickle.loads(stream, buffers=buffers)
            first, second = (i for i, value in enumerate(obj) if value is shared)
            assert got[first] is got[second]

    def test_one_array_met_again_is_one(self):
        a = np.arange(5)
        got = CODEC.decode(*CODEC.encode([a, [a], {"a": a}]))
        assert got[0] is got[1][0] is got[2]["a"]

    def test_the_placeholder_is_never_called(self):
        with pytest.raises(NotImplementedError):
            arrays.source()
