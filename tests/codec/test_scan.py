"""The form of a stream, and the keeping of verdicts."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from oobpickle.codec import scan as module
from oobpickle.codec.scan import KEPT_BYTES, KEPT_EACH, Scanner, check_form, scan
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
        "long": [list(range(3000)), {n: str(n) for n in range(3000)}],
    }
    file = io.BytesIO()
    pickler = pickle._Pickler(file, 5)
    pickler.framer.start_framing = lambda: None
    pickler.dump(value)
    stream = framed(file.getvalue()[2:])
    assert scan(stream, NAMES) == (0, 0)
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


def test_a_verdict_is_kept_by_the_bytes(monkeypatch):
    weighed = []
    weigh = module.weigh
    monkeypatch.setattr(module, "weigh", lambda *args: (weighed.append(args[0]), weigh(*args))[1])
    scanner = Scanner(NAMES)
    stream = framed(b"(\x97\x97t.")
    assert scanner.scan(stream) == scanner.scan(bytes(bytearray(stream))) == (2, 0)
    assert len(weighed) == 1
    scanner.scan(framed(b"(\x97Nt."))
    assert len(weighed) == 2


def test_a_refusal_is_not_kept_as_a_verdict():
    scanner = Scanner(NAMES)
    for _ in range(2):
        with pytest.raises(DecodeError):
            scanner.scan(framed(b"b."))


def test_what_is_kept_is_bounded():
    scanner = Scanner(NAMES)

    def stream(size, number):
        size -= 11 + 5 + 1
        return framed(b"B", size.to_bytes(4, "little"), number.to_bytes(4, "little").ljust(size), b".")

    scanner.scan(stream(KEPT_EACH + 1, 0))
    assert not scanner._kept
    for number in range(KEPT_BYTES // KEPT_EACH * 2):
        scanner.scan(stream(KEPT_EACH, number))
    assert sum(map(len, scanner._kept)) == scanner._kept_bytes == KEPT_BYTES


def test_many_threads_scan_with_one_scanner():
    scanner = Scanner(NAMES)
    streams = [framed(b"(" + b"\x97" * (n % 50) + b"K" + bytes([n % 256]) + b"t.") for n in range(400)]
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(scanner.scan, streams * 5))
    assert [verdict.buffers for verdict in verdicts] == [n % 50 for n in range(400)] * 5
    assert scanner._kept_bytes == sum(map(len, scanner._kept))


def test_errors_survive_pickling():
    with pytest.raises(DecodeError) as caught:
        scan(ATTACKS["BUILD on a dict"][0], NAMES)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.reason, copy.offset, copy.opcode) == (caught.value.reason, caught.value.offset, "BUILD")
