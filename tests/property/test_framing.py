"""Large bytes anywhere in a stream: what the C pickler writes around them is told apart by counting, never by looks.

Each property compares with stock pickle: equal values, and the same of them the same objects.
"""

import io
import pickle
import pickletools
import struct

from hypothesis import given
from hypothesis import strategies as st

from oobpickle import PickleCodec, Pickler

LARGE = 64 * 1024  # from here on the C pickler writes bytes by themselves, and closes a frame

# Floats, integers and texts whose bytes in a stream look like the header of a bytes or bytearray.
HEADERS = [
    opcode + length.to_bytes(size, "little")
    for opcode, size in ((b"B", 4), (b"\x8e", 8), (b"\x96", 8))
    for length in (LARGE, LARGE + 1, 2 * LARGE)
]
LOOK_ALIKES = [
    *(struct.unpack(">d", header[-8:].rjust(8, b"\x00"))[0] for header in HEADERS),
    *(struct.unpack(">d", header.ljust(8, b"\x00")[:8])[0] for header in HEADERS),
    *(int.from_bytes(header, "little") for header in HEADERS),
    *HEADERS,
]
SMALL = st.one_of(
    st.sampled_from(LOOK_ALIKES),
    st.integers(),
    st.none(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.floats(allow_nan=False),
)
LENGTHS = st.sampled_from([LARGE - 1, LARGE, LARGE + 1, LARGE + 7, 2 * LARGE, 100_000])
VALUES = st.tuples(st.sampled_from([bytes, bytearray]), LENGTHS, st.integers(0, 255)).map(
    lambda spec: spec[0](bytes([spec[2]]) * spec[1])
)
TEXTS = st.tuples(LENGTHS, st.sampled_from("aB\x8e\x96€")).map(lambda spec: spec[0] * spec[1])


@st.composite
def fillers(draw):
    """Many small values: so many that a frame of 64 KiB ends about here, give or take some bytes."""
    count = draw(st.sampled_from([0, 1, 2, 3, 100, 7_281, 7_282, 13_100, 21_800, 32_760, 32_767, 32_768])) + draw(
        st.integers(0, 5)
    )
    value = draw(st.sampled_from([0, 1.5, LOOK_ALIKES[0], 70_000, "ab"]))
    return [value] * count


@st.composite
def sequences(draw):
    pool = draw(st.lists(st.one_of(VALUES, VALUES, TEXTS, SMALL), min_size=1, max_size=5))
    parts = draw(
        st.lists(st.one_of(st.sampled_from(pool), st.sampled_from(pool), fillers(), SMALL), min_size=1, max_size=12)
    )
    flat = []
    for part in parts:
        flat += part if isinstance(part, list) else [part]
    return flat


def identities(sequence):
    """Which of the large values are the same object."""
    seen = {}
    return [seen.setdefault(id(v), len(seen)) for v in sequence if isinstance(v, (bytes, bytearray)) and len(v) > 100]


def check(stream, buffers, sequence, *, memo=True):
    got = pickle.loads(stream, buffers=buffers)
    assert list(map(type, got)) == list(map(type, sequence))
    assert got == sequence
    if memo:
        assert identities(got) == identities(pickle.loads(pickle.dumps(sequence, 5)))
    large = {id(v) for v in sequence if isinstance(v, (bytes, bytearray)) and len(v) >= LARGE}
    if memo:
        assert len(buffers) == len(large)
    texts = sum(len(t.encode()) for t in {id(v): v for v in sequence if isinstance(v, str) and len(v) > 100}.values())
    assert len(stream) < texts + 20 * len(sequence) + 70 * (len(buffers) + 1) + 2 * LARGE * memo_misses(sequence, memo)
    for _ in pickletools.genops(stream):
        pass


def memo_misses(sequence, memo):
    """In fast mode what is met again is written again; below 64 KiB that is in the stream."""
    just_below = [v for v in sequence if isinstance(v, (bytes, bytearray, str)) and 100 < len(v)]
    return 3 * len(just_below) if not memo else sum(len(v) < LARGE for v in just_below)


@given(sequences())
def test_pickler(sequence):
    file, buffers = io.BytesIO(), []
    Pickler(file, 5, buffer_callback=buffers.append).dump(sequence)
    check(file.getvalue(), buffers, sequence)


@given(sequences())
def test_pickler_in_fast_mode(sequence):
    file, buffers = io.BytesIO(), []
    pickler = Pickler(file, 5, buffer_callback=buffers.append)
    pickler.fast = True
    pickler.dump(sequence)
    check(file.getvalue(), buffers, sequence, memo=False)


@given(sequences(), sequences())
def test_pickler_used_again(first, second):
    """A second dump on one pickler refers to the memo of the first, as with pickle's."""
    file, buffers = io.BytesIO(), []
    pickler = Pickler(file, 5, buffer_callback=buffers.append)
    for sequence in (first, second, first):
        pickler.dump(sequence)
    unpickler = pickle.Unpickler(io.BytesIO(file.getvalue()), buffers=iter(buffers))
    got = [unpickler.load() for _ in range(3)]
    assert got == [first, second, first]
    assert got[2] is got[0]


@given(sequences())
def test_codec(sequence):
    stream, buffers = PickleCodec().encode(sequence)
    check(stream, buffers, sequence)
    assert stream[:3] == b"\x80\x05\x95"
    assert int.from_bytes(stream[3:11], "little") == len(stream) - 11  # one frame, to the end
    assert sum(opcode.name == "FRAME" for opcode, _, _ in pickletools.genops(stream)) == 1


@given(sequences(), st.sampled_from([0, LARGE + 1, 2 * LARGE + 1, 1 << 30]))
def test_codec_of_another_threshold(sequence, small):
    codec = PickleCodec(small=small)
    stream, buffers = codec.encode(sequence)
    assert codec.decode(stream, buffers) == sequence
    assert all(view.nbytes >= max(small, LARGE) for view in buffers)


@given(sequences(), st.lists(st.booleans(), max_size=10))
def test_a_callback_may_keep_bytes_in_band(sequence, answers):
    file, buffers = io.BytesIO(), []
    left = iter(answers)
    Pickler(file, 5, buffer_callback=lambda buffer: next(left, False) or buffers.append(buffer)).dump(sequence)
    assert pickle.loads(file.getvalue(), buffers=buffers) == sequence
