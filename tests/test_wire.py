"""The wire format: bytes in, bytes out, and nothing but DecodeError for anything else."""

import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oobpickle import wire
from oobpickle.errors import DecodeError


def views(frames):
    return [memoryview(frame) for frame in frames]


def unpack(frames, **keywords):
    return wire.unpack(views(frames), **keywords)


def buffers(*lengths, start=1):
    """Views whose bytes differ from buffer to buffer."""
    return [memoryview(bytes([number % 251]) * length) for number, length in enumerate(lengths, start)]


MIXED = buffers(40_000, 10, 0, 32 * 1024, 70_000, 3, 40_000)


class TestLayout:
    def test_a_message_without_buffers_is_header_and_stream(self):
        [head] = wire.pack(wire.PICKLE, b"stream", [], flags=3, epoch=5, sequence=7, sent_at=9)
        assert head == (
            b"\xf5oob"  # magic
            b"\x01"  # version
            b"\x00"  # codec
            b"\x03\x00"  # flags
            b"\x06\0\0\0\0\0\0\0"  # length of the stream
            b"\x05\0\0\0\0\0\0\0"  # epoch
            b"\x07\0\0\0\0\0\0\0"  # sequence
            b"\x09\0\0\0\0\0\0\0"  # sent at
            b"\x00\0\0\0"  # number of buffers
            b"\x00\0\0\0"  # length of the references
            b"stream"
        )

    def test_every_part_in_its_place(self):
        large, first, second, elsewhere = buffers(100_000, 5, 3, 9)
        frames = wire.pack(wire.DATA, b"stream", [large, first, elsewhere, second], shared={2}, references=b"refs")
        head = frames[0]
        assert frames[1:] == [large]
        assert head[5] == wire.DATA
        assert struct.unpack_from("<II", head, 40) == (4, 4)
        assert struct.unpack_from("<4Q", head, 48) == (100_000, 1 << 62 | 5, 2 << 62 | 9, 1 << 62 | 3)
        assert head[80:84] == b"refs"
        assert head[84:90] == b"stream"
        assert head[90:] == bytes(first) + bytes(11) + bytes(second)  # each at a multiple of 16, zeros between

    @pytest.mark.parametrize(("kind", "rest"), [("glued", b"\1" * 100), ("shared", b"")])
    def test_of_one_buffer_every_part_is_in_its_place_too(self, kind, rest):
        shares = {"shared": {0}, "references": b"refs"} if kind == "shared" else {}
        [head] = wire.pack(wire.DATA, b"stream", buffers(100), epoch=5, **shares)
        references = shares.get("references", b"")
        assert struct.unpack_from("<IIQ", head, 40) == (1, len(references), (2 if shares else 1) << 62 | 100)
        assert head[56:] == references + b"stream" + rest
        message = unpack([head], allow_shared=True)
        assert (message.stream, message.references, message.epoch) == (b"stream", references, 5)
        assert message.buffers == ([100] if shares else buffers(100))

    def test_the_magic_begins_neither_text_nor_a_pickle(self):
        with pytest.raises(UnicodeDecodeError):
            wire.MAGIC.decode()
        assert wire.MAGIC[0] != 0x80

    def test_equal_arguments_give_equal_bytes(self):
        def pack():
            return [bytes(frame) for frame in wire.pack(0, b"s" * 100, MIXED, epoch=1, sequence=2, sent_at=3)]

        assert pack() == pack()

    def test_unstamped_numbers_are_zero(self):
        assert bytes(wire.pack(0, b"", [])[0][16:40]) == bytes(24)

    def test_is_head(self):
        assert wire.is_head(wire.pack(0, b"", [])[0])
        assert wire.is_head(memoryview(wire.MAGIC))
        for other in (b"", b"\xf5oo", b"\x80\x05N.", memoryview(b"xxxx")):
            assert not wire.is_head(other)


class TestWhatIsGlued:
    def test_small_messages_are_one_frame(self):
        assert len(wire.pack(0, b"s", buffers(100, 200, 0))) == 1

    def test_up_to_the_limit_each(self):
        assert len(wire.pack(0, b"s", buffers(wire.GLUE_EACH))) == 1
        assert len(wire.pack(0, b"s", buffers(wire.GLUE_EACH + 1))) == 2

    def test_up_to_the_limit_together(self):
        assert len(wire.pack(0, b"s", buffers(wire.GLUE_EACH, wire.GLUE_TOTAL - wire.GLUE_EACH))) == 1
        frames = wire.pack(0, b"s", buffers(wire.GLUE_EACH, wire.GLUE_TOTAL - wire.GLUE_EACH, 1, 0))
        assert [len(frame) for frame in frames[1:]] == [1]  # what has no bytes fits always
        many = wire.pack(0, b"s", buffers(*[1000] * 1000))
        assert len(many[0]) < wire.GLUE_TOTAL + 48 + 8 * 1000 + 10

    def test_own_frames_are_the_views_that_were_given(self):
        frames = wire.pack(0, b"s", MIXED)
        given = [view for view in MIXED if view.nbytes > wire.GLUE_EACH]
        assert all(frame is view for frame, view in zip(frames[1:], given, strict=True))

    @given(st.lists(st.sampled_from([0, 1, 15, 16, 17, 1000, 20_000, 32_768, 32_769, 65_536]), max_size=30))
    def test_round_trip(self, lengths):
        sent = buffers(*lengths)
        message = unpack(wire.pack(0, b"stream", sent))
        assert bytes(message.stream) == b"stream"
        assert message.buffers == sent
        assert bytes(message.references) == b""


class TestArrival:
    def test_numbers(self):
        message = unpack(wire.pack(1, b"s", MIXED, flags=65535, epoch=2**64 - 1, sequence=2**63, sent_at=1))
        assert message[:5] == (1, 65535, 2**64 - 1, 2**63, 1)

    def test_own_frames_are_not_copied(self):
        frames = views(wire.pack(0, b"s", MIXED))
        arrived = wire.unpack(frames).buffers
        assert [view for view in arrived if view.nbytes > wire.GLUE_EACH] == frames[1:]
        for view, frame in zip([view for view in arrived if view.nbytes > wire.GLUE_EACH], frames[1:], strict=True):
            assert view.obj is frame.obj

    def test_glued_buffers_are_a_fresh_aligned_writable_copy(self):
        import numpy as np

        for shift in range(16):  # a received frame starts at any address
            frames = wire.pack(0, b"stream", buffers(5, 7, 100))
            head = memoryview(bytes(shift) + frames[0])[shift:]
            arrived = wire.unpack([head]).buffers
            assert arrived == buffers(5, 7, 100)
            for view in arrived:
                assert not view.readonly
                assert np.frombuffer(view, "u1").__array_interface__["data"][0] % 16 == 0
                assert view.obj is not head.obj
            arrived[0][:] = bytes(5)
            assert arrived[1:] == buffers(7, 100, start=2)

    def test_the_stream_is_a_view_of_the_head(self):
        [head] = views(wire.pack(0, b"stream", buffers(3)))
        assert wire.unpack([head]).stream.obj is head.obj

    def test_shared_buffers_need_leave(self):
        frames = wire.pack(0, b"s", buffers(50, 9), shared={0}, references=b"refs")
        message = unpack(frames, allow_shared=True)
        assert message.buffers[0] == 50
        assert bytes(message.buffers[1]) == bytes([2] * 9)
        assert bytes(message.references) == b"refs"
        with pytest.raises(DecodeError, match="shared memory"):
            unpack(frames)

    @pytest.mark.parametrize(("shared", "references"), [({0}, b""), ((), b"refs")])
    def test_shared_buffers_and_references_go_together(self, shared, references):
        with pytest.raises(DecodeError):
            unpack(wire.pack(0, b"s", buffers(50), shared=shared, references=references), allow_shared=True)


def samples():
    return {
        "no buffers": wire.pack(0, b"a stream", []),
        "empty": wire.pack(0, b"", []),
        "glued": wire.pack(0, b"a stream", buffers(20, 0, 5)),
        "own": wire.pack(0, b"a stream", buffers(40_000, 40_001)),
        "mixed": wire.pack(1, b"a stream", MIXED),
        "shared": wire.pack(1, b"a stream", buffers(4, 40_000, 7), shared={0}, references=b"refs"),
        "one shared": wire.pack(1, b"a stream", buffers(4), shared={0}, references=b"refs"),
    }


@pytest.mark.parametrize("name", samples())
class TestDamage:
    def test_every_truncation_of_the_head(self, name):
        head, *rest = samples()[name]
        for length in range(min(len(head), 70_000) - 1, -1, -max(1, len(head) // 500)):
            with pytest.raises(DecodeError):
                unpack([head[:length], *rest], allow_shared=True)

    def test_a_longer_head(self, name):
        head, *rest = samples()[name]
        for surplus in (b"\0", b"\0" * 16, b"x" * 100):
            with pytest.raises(DecodeError):
                unpack([head + surplus, *rest], allow_shared=True)

    def test_a_missing_or_surplus_or_exchanged_frame(self, name):
        head, *rest = samples()[name]
        for wrong in ([*rest, b""], [*rest, b"x"], rest[:-1], rest[::-1], [*rest, head]):
            if [len(frame) for frame in wrong] != [len(frame) for frame in rest]:
                with pytest.raises(DecodeError):
                    unpack([head, *wrong], allow_shared=True)

    def test_frames_of_another_length(self, name):
        head, *rest = samples()[name]
        for number, frame in enumerate(rest):
            for wrong in (bytes(frame)[:-1], bytes(frame) + b"x", b""):
                with pytest.raises(DecodeError):
                    unpack([head, *rest[:number], wrong, *rest[number + 1 :]], allow_shared=True)

    def test_every_flipped_bit_of_header_and_table(self, name):
        """It is another message, or none: never another error, and never memory that is not there."""
        head, *rest = samples()[name]
        count = struct.unpack_from("<I", head, 40)[0]
        for position in range(8 * (48 + 8 * count)):
            damaged = bytearray(head)
            damaged[position // 8] ^= 1 << position % 8
            try:
                message = unpack([damaged, *rest], allow_shared=True)
            except DecodeError:
                continue
            sizes = sum(view if isinstance(view, int) else view.nbytes for view in message.buffers)
            assert len(message.buffers) == struct.unpack_from("<I", damaged, 40)[0]
            assert sizes <= sum(map(len, (head, *rest))) + 2**62


class TestForeign:
    @pytest.mark.parametrize(
        "head", [b"", b"\xf5", b"\xf5oob", b"hello", bytes(48), b"\xf6oob" + bytes(44), b"x" * 1000]
    )
    def test_not_ours(self, head):
        with pytest.raises(DecodeError):
            unpack([head])

    def test_another_version(self):
        head = bytearray(wire.pack(0, b"s", [])[0])
        head[4] = 9
        with pytest.raises(DecodeError, match="version 9"):
            unpack([head])

    def test_an_unknown_kind_of_buffer(self):
        head = bytearray(wire.pack(0, b"s", buffers(4))[0])
        head[55] |= 0xC0
        with pytest.raises(DecodeError, match="unknown kind"):
            unpack([head])

    def test_a_lie_in_a_length_costs_no_memory(self):
        lies = [
            wire.HEADER.pack(wire.MAGIC, wire.VERSION, 0, 0, 10, 0, 0, 0, 2**32 - 1, 0) + bytes(100),
            wire.HEADER.pack(wire.MAGIC, wire.VERSION, 0, 0, 2**64 - 1, 0, 0, 0, 1, 2**32 - 1) + bytes(100),
            wire.HEADER.pack(wire.MAGIC, wire.VERSION, 0, 0, 0, 0, 0, 0, 2, 0)
            + struct.pack("<2Q", *[(1 << 62) | (2**61)] * 2),
            wire.HEADER.pack(wire.MAGIC, wire.VERSION, 0, 0, 0, 0, 0, 0, 1, 0) + struct.pack("<Q", 2**62 - 1),
            wire.HEADER.pack(wire.MAGIC, wire.VERSION, 0, 0, 0, 0, 0, 0, 1, 0) + struct.pack("<Q", 3 << 62),
        ]
        tracemalloc.start()
        try:
            for head in lies:
                with pytest.raises(DecodeError):
                    unpack([head])
            assert tracemalloc.get_traced_memory()[1] < 100_000
        finally:
            tracemalloc.stop()

    @settings(max_examples=800)
    @given(st.binary(max_size=300), st.lists(st.binary(max_size=50), max_size=4), st.booleans(), st.booleans())
    def test_random_bytes(self, body, rest, ours, allow_shared):
        head = (wire.MAGIC + bytes([wire.VERSION]) if ours else b"") + body
        try:
            message = unpack([head, *rest], allow_shared=allow_shared)
        except DecodeError:
            return
        assert ours or head.startswith(wire.MAGIC)
        assert all(isinstance(view, (memoryview, int)) for view in message.buffers)

    @settings(max_examples=800)
    @given(
        st.integers(0, 5),
        st.sampled_from([0, 1, 3, 2**16, 2**32 - 1, 2**63, 2**64 - 1, 100]),
        st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([1 << 62, 1 << 62 | 16, 2 << 62 | 3, 5, 0]), max_size=6),
        st.sampled_from([0, 0, 4, 2**32 - 1]),
        st.binary(max_size=80),
        st.lists(st.sampled_from([b"", b"abcde", b"x" * 16]), max_size=5),
    )
    def test_made_up_headers(self, count, stream_length, table, references, body, rest):
        head = wire.HEADER.pack(wire.MAGIC, wire.VERSION, 0, 0, stream_length, 0, 0, 0, count, references)
        head += struct.pack(f"<{len(table)}Q", *table) + body
        try:
            message = unpack([head, *rest], allow_shared=True)
        except DecodeError:
            return
        assert message.stream.nbytes == stream_length
        assert len(message.buffers) == count
