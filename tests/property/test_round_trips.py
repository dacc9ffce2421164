"""Whatever goes in comes out, by every way, to the last bit."""

import io
import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import oobpickle
from oobpickle import PickleCodec, Pickler, Unpickler
from tests.property.strategies import arrays, objects
from tests.same import assert_same

CODECS = {small: PickleCodec(small=small) for small in (0, 1, 100, 32 * 1024, 1 << 22)}


def arrived(frames):
    """The frames as a socket gives them: writable memory of their own."""
    return [bytearray(frame) for frame in frames]


@given(objects())
def test_dumps_loads(obj):
    assert_same(oobpickle.loads(arrived(oobpickle.dumps(obj))), obj)


@given(objects(), st.sampled_from(sorted(CODECS)))
def test_codec(obj, small):
    codec = CODECS[small]
    stream, buffers = codec.encode(obj)
    assert all(type(view) is memoryview and view.format == "B" and view.ndim == 1 for view in buffers)
    assert_same(codec.decode(stream, buffers), obj)


@given(objects(), st.sampled_from(sorted(CODECS)))
def test_stock_pickle_reads_the_stream(obj, small):
    stream, buffers = CODECS[small].encode(obj)
    assert_same(pickle.loads(stream, buffers=buffers), obj)


@given(objects())
def test_drop_in_pickler(obj):
    buffers = []
    file = io.BytesIO()
    Pickler(file, 5, buffer_callback=buffers.append).dump(obj)
    assert_same(Unpickler(io.BytesIO(file.getvalue()), buffers=buffers).load(), obj)
    assert_same(pickle.loads(file.getvalue(), buffers=buffers), obj)


@given(objects(), st.lists(st.booleans(), min_size=50, max_size=50))
def test_drop_in_pickler_with_some_buffers_in_band(obj, in_band):
    buffers = []
    choices = iter(in_band + [False] * 1000)

    def callback(buffer):
        return next(choices) or buffers.append(buffer)

    file = io.BytesIO()
    Pickler(file, 5, buffer_callback=callback).dump(obj)
    assert_same(pickle.loads(file.getvalue(), buffers=buffers), obj)


@given(objects())
def test_two_dumps_are_equal_bytes(obj):
    first = [bytes(frame) for frame in oobpickle.dumps(obj)]
    assert [bytes(frame) for frame in oobpickle.dumps(obj)] == first
    codec = PickleCodec()
    codec.encode([obj, {"another": np.arange(5)}])
    stream, buffers = codec.encode(obj)
    again_stream, again_buffers = PickleCodec().encode(obj)
    assert stream == again_stream
    assert [bytes(view) for view in buffers] == [bytes(view) for view in again_buffers]


@given(objects())
def test_sent_on_it_is_the_same(obj):
    """What a relay decodes and encodes again arrives as the original."""
    relayed = oobpickle.loads(arrived(oobpickle.dumps(obj)))
    frames = oobpickle.dumps(relayed)
    assert_same(oobpickle.loads(arrived(frames)), obj)


@given(objects().filter(lambda obj: isinstance(obj, (np.ndarray, list, dict, bytearray))))
def test_identity(obj):
    """One object met twice arrives as one object."""
    a, b, (c,) = oobpickle.loads(arrived(oobpickle.dumps([obj, obj, [obj]])))
    assert a is b
    assert a is c


@settings(max_examples=300)
@given(arrays(max_side=40))
def test_arrays_alone(a):
    assert_same(oobpickle.loads(arrived(oobpickle.dumps(a))), a)


@given(st.lists(arrays(), min_size=9, max_size=30), st.integers(1, 12))
def test_many_arrays(some, times):
    """Enough of each kind to be gathered by kind, in an order that mixes the kinds."""
    obj = [a.copy() for _ in range(times) for a in some]
    assert_same(oobpickle.loads(arrived(oobpickle.dumps(obj))), obj)


@given(arrays(), st.integers(0, 15))
def test_frames_at_any_address(a, shift):
    """Received frames start anywhere: arrays are aligned all the same."""
    obj = {"a": a, "b": np.arange(5000.0), "c": np.arange(3000, dtype="g"), "n": [a, a[...]]}
    frames = []
    for frame in oobpickle.dumps(obj):
        memory = bytearray(len(memoryview(frame)) + shift)
        memory[shift:] = frame
        frames.append(memoryview(memory)[shift:])
    assert_same(oobpickle.loads(frames), obj)
