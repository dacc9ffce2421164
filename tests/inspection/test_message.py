"""A message taken apart: what is said of it is so, and whatever the bytes are, something is said."""

import pickle
from random import Random

import numpy as np
import pytest

import oobpickle
from oobpickle import DecodeError, PickleCodec, wire
from oobpickle.codec.data_codec import DataCodec
from oobpickle.codec.framing import canonical
from oobpickle.inspection.message import inspect_message
from tests.hostile.sources import attack_cases

OBJECT = {
    "image": np.zeros((200, 100)),
    "small": np.arange(600),
    "tiny": np.arange(5),
    "blob": b"x" * 100_000,
    "names": ["a", "b"],
}


def views(frames):
    return [memoryview(frame) for frame in frames]


def inspected(frames):
    return inspect_message(views(frames))


def message(topic=b"", **fields):
    frames = wire.pack(0, *PickleCodec().encode(OBJECT), **fields)
    return [topic + bytes(frames[0]), *frames[1:]]


def test_header_frames_and_buffers():
    frames = message(epoch=5, sequence=7, sent_at=9, flags=1)
    found = inspected(frames)
    header = found.header
    assert (header.version, header.codec, header.flags, header.epoch, header.sequence, header.sent_at) == (
        wire.VERSION,
        0,
        1,
        5,
        7,
        9,
    )
    assert (header.buffers, header.references, header.stream) == (3, 0, len(found.stream))
    assert found.frames == tuple(map(len, frames))
    assert found.problem == ""
    assert [(buffer.nbytes, buffer.where, buffer.read_only) for buffer in found.buffers] == [
        (160_000, "frame 1", False),
        (4800, "the head", False),
        (100_000, "frame 2", False),
    ]
    assert [buffer.items[0].path for buffer in found.buffers] == ["obj['image']", "obj['small']", "obj['blob']"]
    assert {name.name for name in found.names} == {"oobpickle.codec.reducers.numpy.array_table", "builtins.bytes"}


def test_opcodes_are_tied_to_buffers():
    found = inspected(message())
    lines = {(line.name, line.note) for line in found.lines() if line.note}
    assert ("NEXT_BUFFER", "buffer 0 (156.2 KB, frame 1): obj['image'] float64 (200, 100)") in lines
    assert ("REDUCE", "obj['image'] float64 (200, 100) on buffer 0") in lines
    assert ("REDUCE", "obj['small'] int64 (600,) on buffer 1") in lines
    assert ("REDUCE", "obj['tiny'] int64 (5,) in the stream") in lines
    assert ("STACK_GLOBAL", "builtins.bytes") in lines
    assert sum(name == "NEXT_BUFFER" for name, _ in lines) == 3


def test_lines_show_arguments_and_depth():
    lines = list(inspected([pickle.dumps({"a": [1, "x" * 100, 2.5], "b": (1, 2, 3, 4)})]).lines())
    shown = [(line.name, line.depth, line.argument) for line in lines]
    assert ("SHORT_BINUNICODE", 1, "'a'") in shown
    assert ("SHORT_BINUNICODE", 2, "(101 bytes)") in shown
    assert ("BINFLOAT", 2, "2.5") in shown
    assert ("SETITEMS", 0, "") in shown
    assert shown[-1] == ("STOP", 0, "")
    memo = [line.argument for line in lines if line.name == "MEMOIZE"]
    assert memo == [f"({number})" for number in range(len(memo))]


@pytest.mark.parametrize("topic", ["", "camera/left", "é"])
def test_a_topic_before_the_head(topic):
    found = inspected(message(topic.encode() + b"\0"))
    assert (found.topic, found.problem, len(found.buffers)) == (topic, "", 3)


def test_a_topic_as_a_frame():
    assert inspected([b"camera", *message()]).topic == "camera"
    assert inspected([b"camera", pickle.dumps(1)]).topic == "camera"
    assert inspected([b"\xff\x1b[31m\0" + bytes(message()[0])]).topic == "\\xff\x1b[31m"
    assert inspected(message()).topic is None


def test_plain_pickles():
    buffers = []
    stream = pickle.dumps({"a": np.ones(1000)}, 5, buffer_callback=buffers.append)
    found = inspected([stream, buffers[0].raw()])
    assert (found.header, found.problem) == (None, "")
    assert found.buffers[0].where == "frame 1"
    assert found.buffers[0].items[0].description == "float64 (1000,)"
    alone = inspected([stream])
    assert (alone.buffers[0].where, alone.buffers[0].nbytes) == ("not here", None)
    assert "1 buffers, and there are 0" in alone.problem


def test_shared_references():
    stream, buffers = PickleCodec().encode(OBJECT)
    frames = wire.pack(0, stream, buffers, shared={0}, references=b"r" * 30)
    found = inspected(frames)
    assert (found.buffers[0].where, found.buffers[0].nbytes) == ("shared memory", 160_000)
    assert found.header.references == 30


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([b""], "no STOP"),
        ([b"\xffhello"], "no opcode"),
        ([pickle.dumps(1)[:-1]], "no STOP"),
        ([pickle.dumps(1) + b"more"], "4 bytes after the end"),
        ([wire.MAGIC], "truncated"),
        ([wire.MAGIC + bytes([99]) + bytes(50)], "version 99"),
        (message()[:1], "missing"),
        ([*message(), b"more"], "surplus"),
        (wire.pack(0, b"N.", [memoryview(b"x")]), "takes 0 buffers, and there are 1"),
    ],
)
def test_what_is_wrong(frames, problem):
    found = inspected(frames)
    assert problem in found.problem
    list(found.lines())


def test_the_header_is_shown_of_a_message_that_is_cut_off():
    found = inspected([message(sequence=3)[0]])
    assert found.header.sequence == 3
    assert (len(found.stream), list(found.lines())) == (0, [])


def test_whatever_the_bytes_are():
    random = Random(4)
    good = [bytes(frame) for frame in message(b"topic\0")] + [pickle.dumps(OBJECT)]
    for _ in range(1500):
        damaged = bytearray(random.choice(good)[:600])
        for _ in range(random.choice((1, 2, 8))):
            if damaged:
                damaged[random.randrange(len(damaged))] = random.randrange(256)
        frames = [damaged, *random.choices(good, k=random.randrange(3))]
        found = inspected(frames)
        list(found.lines())
        assert found.frames == tuple(map(len, frames))
    for case in {name: case.stream for name, case in attack_cases() if len(case.stream) < 5000}.values():
        list(inspected([case]).lines())
        list(inspected(wire.pack(1, case, [])).lines())


class TestTheDataCodecsVerdict:
    def test_of_its_own_messages(self):
        found = inspected(wire.pack(1, *DataCodec().encode(OBJECT)))
        assert (found.refusal, found.problem) == ("", "")
        assert {buffer.items[0].path for buffer in found.buffers} == {
            f"obj[{key!r}]" for key in OBJECT if key != "names"
        }

    @pytest.mark.parametrize(
        ("stream", "reason"),
        [
            (canonical(b"\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."), "'os.system' is no name"),
            (canonical(b"N0N"), "truncated"),
            (b"cos\nsystem\n.", "begins with PROTO 5"),
            (canonical(b"Nb."), "BUILD"),
        ],
    )
    def test_why_it_refuses(self, stream, reason):
        refusal = inspected(wire.pack(1, stream, [])).refusal
        assert reason in refusal
        with pytest.raises(DecodeError) as caught:
            DataCodec().decode(stream, [])
        assert str(caught.value) == refusal
