"""Whatever an object is, what is said of its message is true."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import oobpickle
from oobpickle import PickleCodec
from oobpickle.inspection.outline import outline
from oobpickle.inspection.placement import parts_of
from oobpickle.inspection.places import MISSING, Places
from tests.test_explain import assert_true
from tests.inspection.test_placement import assert_true_of
from tests.property.strategies import arrays, objects


@settings(max_examples=50)
@given(objects())
def test_every_byte_is_somebodys(obj):
    stream, buffers = PickleCodec().encode(obj)
    read = outline(stream)
    assert read.problem is None
    assert read.end == len(stream)
    assert len(read.buffers) == len(buffers)
    assert read.rest + sum(value.size for value in read.large) == len(stream)


@settings(max_examples=50)
@given(objects(), st.sampled_from([0, 100, 32 * 1024]))
def test_what_stands_on_the_buffers(obj, small):
    assert_true_of(obj, small)


@settings(max_examples=50)
@given(st.lists(arrays(), max_size=30), st.sampled_from([0, 32 * 1024]))
def test_what_stands_on_the_buffers_of_many_arrays(obj, small):
    assert_true_of(obj, small)


@settings(max_examples=50)
@given(objects())
def test_a_path_leads_to_what_was_found_there(obj):
    read = outline(PickleCodec().encode(obj)[0])
    places, far = Places(read, obj), Places(read, MISSING)
    for part in parts_of(read):
        place = places.of(part.value)
        assert far.of(part.value).path == place.path
        if "..." not in place.path and "<" not in place.path:  # a key too long to write out
            assert eval(place.path, {"obj": obj}) is place.found


@settings(max_examples=50)
@given(objects(), st.sampled_from([0, 100, 32 * 1024]))
def test_the_ledger(obj, small):
    assert_true(obj, codec=PickleCodec(small=small))


@settings(max_examples=50)
@given(objects())
def test_the_ledger_of_frames(obj):
    frames = oobpickle.dumps(obj)
    ledger = oobpickle.explain(frames)
    assert ledger.frames == tuple(map(len, frames))
    for number, frame in enumerate(frames):
        assert sum(entry.nbytes for entry in ledger.entries if entry.frame == number) == len(frame)
    assert np.all([len(line) <= 70 for line in ledger.text(70).splitlines()])
