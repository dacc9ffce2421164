"""Views of one array arrive aliased exactly when the union of their extents is no larger than they are together."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import oobpickle
from oobpickle import PickleCodec
from tests.same import assert_same

CODECS = [PickleCodec(small=small) for small in (0, 200, 32 * 1024)]


@st.composite
def views_of_one_array(draw):
    shape = draw(st.sampled_from([(60,), (600,), (12, 15), (40, 3), (5, 4, 6)]))
    dtype = draw(st.sampled_from(["f8", "<i2", "M8[s]", "u1", "g"]))
    base = np.arange(np.prod(shape)).astype("i8").astype(dtype).reshape(shape)
    if draw(st.booleans()):
        base = np.asfortranarray(base)
    views = []
    for _ in range(draw(st.integers(2, 12))):
        index = []
        for length in shape:
            start, stop = sorted(draw(st.tuples(st.integers(0, length), st.integers(0, length))))
            step = draw(st.sampled_from([1, 1, 1, 2, 3, -1, -2]))
            index.append(slice(start, stop, step) if step > 0 else slice(stop - 1 if stop else None, None, step))
        views.append(base[tuple(index)])
    if draw(st.booleans()):
        views.insert(draw(st.integers(0, len(views))), base)
    return base, views


def extent(a):
    """The offsets of the lowest byte and past the highest, from address 0."""
    address = a.__array_interface__["data"][0]
    steps = [(n - 1) * stride for n, stride in zip(a.shape, a.strides, strict=True)]
    return address + sum(s for s in steps if s < 0), address + sum(s for s in steps if s > 0) + a.itemsize


def clusters(views):
    """The rule, written once more: groups of two and more views that overlap, one with the next, and pay as one."""
    order = sorted((extent(a), number) for number, a in enumerate(views) if a.size)
    groups, high = [], -1
    for (low, end), number in order:
        if low >= high:
            groups.append([])
        groups[-1].append(number)
        high = max(high, end)
    result = []
    for group in groups:
        union = max(extent(views[n])[1] for n in group) - min(extent(views[n])[0] for n in group)
        if len(group) > 1 and union <= sum(views[n].nbytes for n in group):
            result.append((set(group), union))
    return result


@given(views_of_one_array(), st.sampled_from(CODECS))
def test_views(base_and_views, codec):
    _, views = base_and_views
    stream, buffers = codec.encode(views)
    got = codec.decode(stream, [bytearray(buffer) for buffer in buffers])
    assert_same(got, views)
    check_aliasing(got, views)
    unions = clusters(views)
    apart = [a.nbytes for n, a in enumerate(views) if not any(n in group for group, _ in unions)]
    padding = 16 * len(views)
    assert sum(view.nbytes for view in buffers) <= sum(size for _, size in unions) + sum(apart) + padding


def check_aliasing(got, views):
    unions = clusters(views)
    for i in range(len(views)):
        for j in range(i):
            together = any({i, j} <= group for group, _ in unions)
            assert np.shares_memory(got[i], got[j]) is (together and np.shares_memory(views[i], views[j]))
            if together:
                assert extent(got[i])[0] - extent(got[j])[0] == extent(views[i])[0] - extent(views[j])[0]


@given(views_of_one_array())
def test_views_sent_on(base_and_views):
    """A relay that decodes and encodes again keeps what it was given: what is one buffer to it."""
    _, views = base_and_views
    first = oobpickle.loads([bytearray(frame) for frame in oobpickle.dumps(views)])
    second = oobpickle.loads([bytearray(frame) for frame in oobpickle.dumps(first)])
    assert_same(second, views)
    check_aliasing(second, first)


@given(views_of_one_array(), st.data())
def test_a_write_through_one_is_seen_by_the_others(base_and_views, data):
    base, views = base_and_views
    got = oobpickle.loads([bytearray(frame) for frame in oobpickle.dumps(views)])
    together = [group for group, _ in clusters(views)]
    assume(together)
    group = data.draw(st.sampled_from(together))
    number = data.draw(st.sampled_from(sorted(group)))
    one = base.dtype.type(1) if base.dtype.kind != "M" else np.timedelta64(1, "s")
    views[number][...] += one
    got[number][...] += one
    for other in group:
        np.testing.assert_array_equal(got[other], views[other])
    for other in set(range(len(views))) - group:
        assert not np.shares_memory(got[other], got[number])
