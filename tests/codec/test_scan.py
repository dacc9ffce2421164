"""The form of a stream, and the keeping of verdicts."""

import pickle

import pytest

from oobpickle.codec.scan import check_form, scan
from oobpickle.errors import DecodeError
from oobpickle.limits import DEFAULT
from tests.hostile.attacks import ATTACKS
from tests.hostile.opcodes import framed
from tests.hostile.targets import NAMES


def test_plain_data_of_every_kind():
    """What pickle itself writes about plain values is accepted, once it is in one frame."""
    import io

    shared = [1]
    cycle = {}
    cycle["itself"] = [cycle]
    loop = ([],)
    loop[0].append(loop)
    value = {
        "atoms": [None, True, False, 0, 255, 65536, -1, 2**31, 2**63, 1 << 3000, 1.5, "", "x" * 300, b"", b"y" * 300],
        "containers": [
            (),
            (1,),
            (1, 2),
            (1, 2, 3),
            (1, 2, 3, 4),
            [],
            [1],
            {},
            {1: 2},
            set(),
            {1, 2},
            frozenset({1, 2}),
        ],
        "keys": {None: 1, True: 2, 1.5: 3, "a": 4, b"b": 5, (1, (2, "c")): 6, frozenset({7}): 8},
        "bytearray": bytearray(b"z"),
        "shared": [shared, shared, cycle, loop],
        "long": [list(range(n)) for n in (999, 1000, 1001, 3000)]
        + [dict.fromkeys(range(n)) for n in (1000, 1001, 3000)],
        "sets": [set(range(n)) for n in (1000, 1001, 3000)],
    }
    file = io.BytesIO()
    pickler = pickle._Pickler(file, 5)
    pickler.framer.start_framing = lambda: None
    pickler.dump(value)
    stream = framed(file.getvalue()[2:])
    assert scan(stream, NAMES) == (0, 0, False, True, True)
    loaded = pickle.loads(stream)
    assert loaded["keys"] == value["keys"]


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"\x80\x05",
        b"N.",
        b"\x80\x05N.",
        framed(b"N.")[:-1],
        framed(b"N.") + b"N",
        framed(b""),
        b"\x80\x04" + framed(b"N.")[2:],
        b"\x80\x05" + framed(b"N."),
    ],
)
def test_other_forms_are_refused(stream):
    with pytest.raises(DecodeError) as caught:
        check_form(stream, DEFAULT)
    assert caught.value.offset in (0, 2)


def test_only_bytes_are_scanned():
    """Anything else might be changed after the scan."""
    for stream in (bytearray(framed(b"N.")), memoryview(framed(b"N."))):
        with pytest.raises(TypeError):
            scan(stream, NAMES)


def test_the_length_is_bounded():
    stream = framed(b"N.")
    scan(stream, NAMES, DEFAULT.replace(stream_bytes=len(stream)))
    with pytest.raises(DecodeError, match="limits.stream_bytes"):
        scan(stream, NAMES, DEFAULT.replace(stream_bytes=len(stream) - 1))


def test_every_truncation_is_refused():
    stream = framed(b"}(\x8c\x01aK\x01\x8c\x01b(NNNNtu.")
    for end in range(len(stream)):
        with pytest.raises(DecodeError):
            scan(stream[:end], NAMES)
        with pytest.raises(DecodeError):
            scan(framed(stream[11:end]), NAMES)


def test_errors_survive_pickling():
    with pytest.raises(DecodeError) as caught:
        scan(ATTACKS["BUILD on a dict"][0], NAMES)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.reason, copy.offset, copy.opcode) == (caught.value.reason, caught.value.offset, "BUILD")
