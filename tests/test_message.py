"""`dumps` and `loads`: frames that are the object's own memory, and objects that are views of the frames."""

import pickle
from typing import NamedTuple

import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

import oobpickle
from oobpickle import DataCodec, DecodeError, EncodeError, PickleCodec, limits, message, wire
from oobpickle.codec import Codec
from tests.same import assert_same

LARGE = np.arange(100_000.0)
OBJECT = {
    "image": LARGE,
    "label": "a",
    "small": np.arange(7),
    "blob": b"x" * 100_000,
    "times": np.arange(9).astype("M8[ms]"),
}


def copies(frames):
    """The frames as they arrive: other, writable memory."""
    return [bytearray(frame) for frame in frames]


class TestFrames:
    def test_small_objects_are_one_frame(self):
        for obj in (None, 1, "text", [], {"a": np.arange(100.0)}, [np.arange(n) for n in range(50)], b"x" * 30_000):
            assert len(oobpickle.dumps(obj)) == 1

    def test_large_ones_are_a_head_and_a_frame_each(self):
        frames = oobpickle.dumps([LARGE, "between", b"x" * 100_000, LARGE + 1])
        assert sorted(map(len, frames[1:])) == [100_000, 800_000, 800_000]
        assert len(frames[0]) < 1000
        assert wire.is_head(frames[0])

    def test_two_dumps_are_equal_bytes(self):
        first = [bytes(frame) for frame in oobpickle.dumps(OBJECT)]
        assert [bytes(frame) for frame in oobpickle.dumps(OBJECT)] == first
        again = oobpickle.loads(copies(first))
        assert [bytes(frame) for frame in oobpickle.dumps(again)] == first

    def test_numbers_are_zero_until_an_endpoint_stamps_them(self):
        taken = wire.unpack([memoryview(frame) for frame in oobpickle.dumps(OBJECT)])
        assert (taken.epoch, taken.sequence, taken.sent_at, taken.flags) == (0, 0, 0, 0)


class TestZeroCopy:
    def test_frames_share_memory_with_the_object(self):
        blob = bytearray(b"x" * 100_000)
        frames = oobpickle.dumps({"a": LARGE, "b": blob, "c": LARGE[5:50_000]})
        shared = [np.frombuffer(frame, "u1") for frame in frames[1:]]
        assert len(shared) == 2  # one of the views is a part of the other
        for source in (LARGE, np.frombuffer(blob, "u1")):
            assert sum(np.shares_memory(source, frame) for frame in shared) == 1

    def test_arrays_share_memory_with_the_frames(self):
        frames = copies(oobpickle.dumps({"a": LARGE, "b": LARGE.astype("M8[s]"), "v": memoryview(bytearray(200_000))}))
        got = oobpickle.loads(frames)
        for value in (got["a"], got["b"], np.frombuffer(got["v"], "u1")):
            assert sum(np.shares_memory(value, np.frombuffer(frame, "u1")) for frame in frames[1:]) == 1

    def test_an_array_keeps_its_frame_and_no_other(self):
        frames = copies(oobpickle.dumps([LARGE, LARGE + 1]))
        first, _ = oobpickle.loads(frames)
        second_frame = frames.pop()
        del _
        second_frame.clear()  # nobody has a view of it any more
        with pytest.raises(BufferError):
            frames[1].clear()
        np.testing.assert_array_equal(first, LARGE)

    def test_a_small_array_does_not_keep_the_message(self):
        frames = copies(oobpickle.dumps([LARGE, np.arange(5)]))
        small = oobpickle.loads(frames)[1]
        for frame in frames:
            frame.clear()
        assert small.tolist() == [0, 1, 2, 3, 4]


class TestMutability:
    def test_writable_frames_give_writable_arrays(self):
        got = oobpickle.loads(copies(oobpickle.dumps(OBJECT)))
        assert got["image"].flags.writeable
        assert got["small"].flags.writeable
        assert got["times"].flags.writeable

    def test_read_only_frames_give_read_only_views_of_what_is_large(self):
        frames = [bytes(frame) for frame in oobpickle.dumps(OBJECT)]
        got = oobpickle.loads(frames)
        assert not got["image"].flags.writeable
        assert any(np.shares_memory(got["image"], np.frombuffer(frame, "u1")) for frame in frames)
        assert got["small"].flags.writeable  # a copy

    def test_what_was_read_only_arrives_read_only(self):
        large, small = LARGE.copy(), np.arange(5)
        large.flags.writeable = small.flags.writeable = False
        for obj in ([large, small], [large], [small], [small, np.arange(5)] * 10):
            for got, sent in zip(oobpickle.loads(copies(oobpickle.dumps(obj))), obj, strict=True):
                assert got.flags.writeable is sent.flags.writeable

    def test_memoryviews_keep_their_mutability(self):
        read_only, writable = memoryview(b"x" * 100_000), memoryview(bytearray(100_000))
        for obj in ([read_only, writable], [read_only[:10], writable[:10]]):
            got = oobpickle.loads(copies(oobpickle.dumps(obj)))
            assert [view.readonly for view in got] == [True, False]


class Framed(NamedTuple):
    """Something that gives its bytes in one of the forms that `loads` takes."""

    name: str
    make: object


FORMS = [
    Framed("bytes", bytes),
    Framed("bytearray", bytearray),
    Framed("memoryview", lambda frame: memoryview(bytes(frame))),
    Framed("memoryview of signed bytes", lambda frame: memoryview(bytes(frame)).cast("b")),
    Framed("array", lambda frame: np.frombuffer(bytes(frame), "u1")),
    Framed("zmq.Frame", lambda frame: zmq.Frame(bytes(frame))),
]


@pytest.mark.parametrize("make", [form.make for form in FORMS], ids=[form.name for form in FORMS])
class TestFormsOfFrames:
    def test_in_a_list_or_tuple(self, make):
        frames = list(map(make, oobpickle.dumps(OBJECT)))
        assert_same_values(oobpickle.loads(frames), OBJECT)
        assert_same_values(oobpickle.loads(tuple(frames)), OBJECT)

    def test_one_alone(self, make):
        [frame] = oobpickle.dumps({"a": 1})
        assert oobpickle.loads(make(frame)) == {"a": 1}


def assert_same_values(got, sent):
    assert list(got) == list(sent)
    for key in sent:
        np.testing.assert_array_equal(got[key], sent[key])


class TestNotFrames:
    @pytest.mark.parametrize("wrong", ["text", 5, None, object(), [1], ["text"], iter([b""]), memoryview(b"abcd")[::2]])
    def test_what_is_not_bytes_is_a_type_error(self, wrong):
        with pytest.raises(TypeError):
            oobpickle.loads(wrong)

    @pytest.mark.parametrize(
        "wrong", [[], (), [b""], b"", b"hello", [b"hello", b"x"], b"\x80", b"\x80\x05", b"\x80\x05N"]
    )
    def test_what_is_no_message_is_a_decode_error(self, wrong):
        with pytest.raises(DecodeError):
            oobpickle.loads(wrong)


class TestDamage:
    frames = copies(oobpickle.dumps(OBJECT))

    def test_truncated_missing_surplus_of_another_length_exchanged(self):
        head, *rest = self.frames
        for wrong in (
            [head[:-1], *rest],
            [head[:40], *rest],
            [head],
            [head, *rest[:-1]],
            [head, *rest, b""],
            [head, *rest, rest[0]],
            [head, rest[0][:-1], *rest[1:]],
            [head, rest[0] + b"x", *rest[1:]],
            [head, *rest[::-1]],
            rest,
            [*rest, head],
        ):
            with pytest.raises(DecodeError):
                oobpickle.loads(wrong)
        assert_same_values(oobpickle.loads(self.frames), OBJECT)

    @given(st.data())
    def test_any_damage_to_a_stream_is_a_decode_error_or_another_object(self, data):
        """With trusted peers a damaged stream still does not raise anything else. (No opcode here can run code.)"""
        [head] = oobpickle.dumps({"a": [1, 2.5, "text", None], "b": np.arange(3)})
        damaged = bytearray(head)
        start = damaged.index(b"\x940}")  # in the user's part: the table before it names functions
        position = data.draw(st.integers(start, len(damaged) - 1))
        damaged[position] = data.draw(st.sampled_from(b"\x00\xff.KJ}(]\x85\x8c"))
        try:
            oobpickle.loads([damaged])
        except DecodeError as error:
            assert error.__cause__ is not None or error.reason


class NumberedCodec:
    """A codec of a user's own."""

    def __init__(self, number):
        self.number = number
        self.decoded = []

    def encode(self, obj):
        return repr(obj).encode(), [memoryview(b"x" * 50_000)]

    def decode(self, stream, buffers):
        self.decoded.append(bytes(stream))
        assert [len(view) for view in buffers] == [50_000]
        return bytes(stream).decode()


def refuse_to_read(*_):
    raise AssertionError("the stream was read")


class TestCodecs:
    def test_by_name_and_by_instance(self):
        frames = oobpickle.dumps(OBJECT, codec="pickle")
        assert [bytes(f) for f in frames] == [bytes(f) for f in oobpickle.dumps(OBJECT, codec=PickleCodec())]
        for codec in ("pickle", PickleCodec(), PickleCodec(small=0)):
            assert_same_values(oobpickle.loads(frames, codec=codec), OBJECT)

    def test_an_unknown_name(self):
        for use in (lambda: oobpickle.dumps(1, codec="json"), lambda: oobpickle.loads(b"", codec="json")):
            with pytest.raises(ValueError, match="json.*pickle"):
                use()

    def test_one_of_the_users_own(self):
        codec = NumberedCodec(200)
        assert isinstance(codec, Codec)
        frames = oobpickle.dumps([1, 2], codec=codec)
        assert oobpickle.loads(copies(frames), codec=codec) == "[1, 2]"

    def test_a_message_of_another_codec_is_refused_before_its_stream_is_read(self):
        codec = NumberedCodec(wire.DATA)
        with pytest.raises(DecodeError, match="pickle codec"):
            oobpickle.loads(copies(oobpickle.dumps({"a": 1}, codec="pickle")), codec=codec)
        with pytest.raises(DecodeError, match="codec number 200.*its stream was not read$"):
            oobpickle.loads(copies(oobpickle.dumps(1, codec=NumberedCodec(200))), codec="pickle")
        assert codec.decoded == []

    def test_the_default_refuses_a_message_of_the_pickle_codec(self, monkeypatch):
        """Unread: whatever looks at the stream would raise here. The pickle codec takes what the data codec made."""
        frames = copies(oobpickle.dumps({"a": 1, "b": LARGE}, codec="pickle"))
        with monkeypatch.context() as patch:
            patch.setattr(DataCodec, "decode", refuse_to_read)
            for chosen in ({}, {"codec": "data"}, {"codec": DataCodec()}):
                with pytest.raises(
                    DecodeError, match='of the pickle codec.*its stream was not read; codec="pickle" here'
                ):
                    oobpickle.loads(frames, **chosen)
        assert_same_values(oobpickle.loads(copies(oobpickle.dumps(OBJECT)), codec="pickle"), OBJECT)

    def test_a_plain_pickle_message_is_for_the_pickle_codec_only(self):
        buffers = []
        plain = [pickle.dumps({"a": LARGE, "n": 1}, 5, buffer_callback=buffers.append), *buffers]
        assert_same_values(oobpickle.loads(copies(plain), codec="pickle"), {"a": LARGE, "n": 1})
        assert oobpickle.loads(pickle.dumps("two", 2), codec="pickle") == "two"
        codec = NumberedCodec(wire.DATA)
        for wanted in (codec, "data"):
            with pytest.raises(DecodeError, match="not an oobpickle message"):
                oobpickle.loads(copies(plain), codec=wanted)
        assert codec.decoded == []

    @pytest.mark.parametrize("codec", ["data", "pickle"])
    @pytest.mark.parametrize("topic", ["", "camera/left", "x" * limits.TOPIC_MAX], ids=len)
    def test_a_publishers_message_is_told_apart(self, topic, codec):
        """Its topic is before its head. What only has a head somewhere is foreign."""
        head, *rest = copies(oobpickle.dumps(OBJECT))
        with pytest.raises(DecodeError, match="Publisher's message: receive it with oobpickle.Subscriber"):
            oobpickle.loads([topic.encode() + b"\0" + head, *rest], codec=codec)
        for foreign in (topic.encode() + b"x" + head, b"x\0" + topic.encode() + b"\0" + head):
            if topic:
                with pytest.raises(DecodeError, match="^not an oobpickle message$"):
                    oobpickle.loads([foreign, *rest], codec=codec)

    def test_a_plain_message_with_frames_missing_or_surplus(self):
        buffers = []
        stream = pickle.dumps([LARGE, LARGE + 1], 5, buffer_callback=buffers.append)
        for wrong in ([stream], [stream, buffers[0]], [stream, *buffers, b""]):
            with pytest.raises(DecodeError):
                oobpickle.loads(wrong, codec="pickle")


class TestFailure:
    def test_what_cannot_be_encoded(self):
        with pytest.raises(EncodeError) as caught:
            oobpickle.dumps({"a": [1, {"b": lambda: 0}]})
        assert caught.value.path == "obj['a'][1]['b']"
        assert caught.value.type_name == "function"
        assert "obj['a'][1]['b'] (function)" in str(caught.value)

    def test_what_cannot_be_decoded_names_the_reason(self):
        frames = oobpickle.dumps(Unloadable(), codec="pickle")
        with pytest.raises(DecodeError, match="ZeroDivisionError") as caught:
            oobpickle.loads(frames, codec="pickle")
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def test_what_is_out_of_memory_says_so(self):
        """MemoryError is not the object's fault and not the peer's."""
        with pytest.raises(MemoryError):
            oobpickle.dumps(OutOfMemory(), codec="pickle")
        with pytest.raises(MemoryError):
            oobpickle.loads(oobpickle.dumps(OutOfMemoryOnArrival(), codec="pickle"), codec="pickle")


class Unloadable:
    def __reduce__(self):
        return divmod, (1, 0)


class OutOfMemory:
    def __reduce__(self):
        raise MemoryError


class OutOfMemoryOnArrival:
    def __reduce__(self):
        return raise_memory_error, ()


def raise_memory_error():
    raise MemoryError


def test_unpack_takes_views():
    """What sockets and files call: the same, of views."""
    frames = [memoryview(frame) for frame in copies(oobpickle.dumps(OBJECT))]
    assert_same(message.unpack(frames, PickleCodec())["small"], OBJECT["small"])
