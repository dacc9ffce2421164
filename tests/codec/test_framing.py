"""What the C pickler writes, taken apart by counting. (tests/property/test_framing.py has the long run.)"""

import io
import pickle
import pickletools

import pytest

from oobpickle.codec import framing
from oobpickle.codec.framing import OutOfBandFile, Recording, canonical, split

LARGE = 64 * 1024


class Writes(list):
    """A file that remembers each write."""

    write = list.append


def writes(*objects, fast=False):
    file = Writes()
    pickler = pickle.Pickler(file, 5)
    pickler.fast = fast
    for obj in objects:
        pickler.dump(obj)
    return file


class TestTheRuleHoldsInThisPython:
    """The structure of the C pickler's writes, on which all stands."""

    @pytest.mark.parametrize("fast", [False, True])
    @pytest.mark.parametrize(
        "value", [b"x" * LARGE, bytearray(b"y" * LARGE), "z" * LARGE], ids=lambda v: type(v).__name__
    )
    def test_a_large_value_is_a_write_of_its_own_after_its_header(self, value, fast):
        [first, payload, last] = writes(value, fast=fast)
        assert payload is value or payload == value.encode()
        start, end = split(first)
        assert start == end == 2
        header = first[end:]
        assert header[0] in {bytes: b"B", bytearray: b"\x96", str: b"X"}[type(value)]
        assert int.from_bytes(header[1:], "little") == LARGE
        assert split(last) == (0, len(last)) if len(last) < 4 else split(last) == (9, len(last))

    def test_one_byte_less_is_not(self):
        [whole] = writes(b"x" * (LARGE - 1))
        assert split(whole) == (11, len(whole))

    @pytest.mark.parametrize("count", range(0, 8))
    def test_unframed_opcodes(self, count):
        """Fewer than four bytes of opcodes are written without a frame."""
        large = b"x" * LARGE
        obj = large
        for _ in range(count):
            obj = (obj,)
        for write in writes([large, obj, bytearray(large)]):
            if len(write) < LARGE:
                start, end = split(write)
                for opcode, _, _ in pickletools.genops(write[start:end] + b"."):
                    assert opcode.name not in ("BINBYTES", "BYTEARRAY8", "FRAME")

    def test_a_value_of_4_gib_has_a_header_of_nine_bytes(self):
        header = b"\x8e" + (5 << 30).to_bytes(8, "little")
        assert split(b"\x80\x05" + header) == (2, 2)
        assert split(b"\x94" + header) == (0, 1)
        assert split(b"aaa" + header) == (0, 3)
        frame = b"\x95" + (4).to_bytes(8, "little") + b"abcd"
        assert split(frame + header) == (9, 13)
        assert split(b"\x80\x05" + frame + header) == (11, 15)


class TestCanonical:
    def test_one_frame_to_the_end(self):
        stream = canonical(b"N", b".")
        assert stream == b"\x80\x05\x95\x02\0\0\0\0\0\0\0N."
        assert pickle.loads(stream) is None


class TestFile:
    def dump(self, obj, callback):
        written = io.BytesIO()
        file = OutOfBandFile(written.write, callback)
        pickle.Pickler(file, 5, buffer_callback=callback).dump(obj)
        return written.getvalue()

    def test_bytes_and_bytearrays_are_their_own_memory(self):
        value, array = b"x" * LARGE, bytearray(b"y" * LARGE)
        kept = []
        stream = self.dump([value, array, value], kept.append)
        assert [buffer.raw().obj for buffer in kept] == [value, array]
        assert kept[0].raw().obj is value
        got = pickle.loads(stream, buffers=kept)
        assert got == [value, array, value]
        assert got[0] is got[2]
        assert type(got[1]) is bytearray

    def test_text_stays(self):
        kept = []
        stream = self.dump(["é" * LARGE, "x" * LARGE], kept.append)
        assert kept == []
        assert pickle.loads(stream) == ["é" * LARGE, "x" * LARGE]

    def test_in_band_where_the_callback_says_so(self):
        stream = self.dump([b"x" * LARGE, bytearray(LARGE)], lambda buffer: True)
        assert stream == b"".join(writes([b"x" * LARGE, bytearray(LARGE)]))

    def test_in_band_picklebuffers_stay(self):
        """They are written in the same way, and are the callback's own business."""
        calls = []
        obj = [pickle.PickleBuffer(bytearray(LARGE)), pickle.PickleBuffer(b"x" * LARGE)]
        stream = self.dump(obj, lambda buffer: calls.append(buffer) or True)
        assert calls == obj
        assert pickle.loads(stream) == [bytearray(LARGE), b"x" * LARGE]

    def test_a_failed_dump_leaves_nothing_pending(self):
        class Failing:
            def __init__(self):
                self.fail = True
                self.content = b""

            def write(self, data):
                if self.fail and len(data) > 1000:
                    raise OSError("full")
                self.content += data

        target = Failing()
        file = OutOfBandFile(target.write, lambda buffer: True)
        pickler = pickle.Pickler(file, 5, buffer_callback=lambda buffer: True)
        with pytest.raises(OSError, match="full"):
            pickler.dump(b"x" * LARGE)
        target.fail, target.content = False, b""
        pickler.clear_memo()
        file.start()
        pickler.dump([b"x" * LARGE, 1])
        assert pickle.loads(target.content) == [b"x" * LARGE, 1]


class TestRecording:
    def record(self, obj, small=LARGE):
        recording = Recording(small)
        pickle.Pickler(recording, 5, buffer_callback=recording.keep).dump(obj)
        return recording.take()

    def test_opcodes_and_buffers_in_their_order(self):
        values = [
            b"a" * LARGE,
            pickle.PickleBuffer(b"b" * LARGE),
            bytearray(b"c" * LARGE),
            pickle.PickleBuffer(b"d" * LARGE),
        ]
        opcodes, buffers = self.record(values)
        assert [bytes(view[:1]) for view in buffers] == [b"a", b"b", b"c", b"d"]
        assert all(type(view) is memoryview for view in buffers)
        got = pickle.loads(canonical(opcodes), buffers=buffers)
        assert [bytes(value[:1]) for value in got] == [b"a", b"b", b"c", b"d"]

    def test_small_buffers_stay(self):
        opcodes, buffers = self.record([pickle.PickleBuffer(b"small"), b"x" * LARGE], small=LARGE + 1)
        assert buffers == []
        assert pickle.loads(canonical(opcodes)) == [b"small", b"x" * LARGE]

    def test_a_second_take_finds_nothing_of_the_first(self):
        recording = Recording(0)
        pickler = pickle.Pickler(recording, 5, buffer_callback=recording.keep)
        pickler.dump(b"x" * LARGE)
        assert len(recording.take()[1]) == 1
        pickler.clear_memo()
        pickler.dump(5)
        opcodes, buffers = recording.take()
        assert (pickle.loads(canonical(opcodes)), buffers) == (5, [])


def test_what_is_put_in_place_of_a_value_decodes():
    for cls, opcodes in framing.FROM_BUFFER.items():
        got = pickle.loads(canonical(opcodes, b"."), buffers=[b"abc"])
        assert type(got) is cls
        assert got == b"abc"
