"""Which views of one array are sent as one. (tests/property/test_aliasing.py has the long run.)"""

import numpy as np
import pytest

from oobpickle import PickleCodec
from oobpickle.codec.overlap import overlapping


def found(*arrays):
    return [(bytes(flat), members) for flat, members in overlapping(list(arrays))]


A = np.arange(100, dtype="u1")


class TestTogether:
    def test_an_array_and_a_part_of_it(self):
        assert found(A, A[10:20]) == [(A.tobytes(), [(0, 0), (1, 10)])]

    def test_the_same_memory_twice(self):
        assert found(A[5:], A[5:]) == [(A[5:].tobytes(), [(0, 0), (1, 0)])]

    def test_neighbours_that_overlap(self):
        assert found(A[:60], A[50:]) == [(A.tobytes(), [(0, 0), (1, 50)])]

    def test_even_and_odd(self):
        [(union, members)] = found(A[::2], A[1::2])
        assert (len(union), sorted(members)) == (100, [(0, 0), (1, 1)])

    def test_reversed(self):
        assert found(A[::-1], A[:50]) == [(A.tobytes(), [(1, 0), (0, 99)])]

    def test_other_dtypes_and_shapes_of_the_memory(self):
        [(union, members)] = found(A[:96].view("<f8"), A[:96].reshape(8, 12), A[:96].view("<i2")[3:])
        assert (len(union), sorted(members)) == (96, [(0, 0), (1, 0), (2, 6)])

    def test_a_chain(self):
        parts = [A[start : start + 20] for start in range(0, 80, 10)]
        [(union, members)] = found(*parts)
        assert len(union) == 90
        assert sorted(members) == [(number, 10 * number) for number in range(8)]

    def test_through_a_subclass(self):
        matrix = np.arange(12.0).reshape(3, 4).view(np.matrix)
        [(union, members)] = found(matrix.view(np.ndarray), np.asarray(matrix)[1:])
        assert (len(union), sorted(members)) == (96, [(0, 0), (1, 32)])

    def test_fortran_order(self):
        f = np.asfortranarray(np.arange(12.0).reshape(3, 4))
        [(union, members)] = found(f, f[:, 1:])
        assert (len(union), sorted(members)) == (96, [(0, 0), (1, 24)])


class TestApart:
    @pytest.mark.parametrize(
        "arrays",
        [
            [A],
            [A, A.copy()],
            [A[:10], A[90:]],
            [A[:50], A[50:]],
            [A[::50], A[1::50]],  # the union would be larger than they are together
            [A[:0], A[5:5]],
            [np.broadcast_to(A[:1], (50,)), A[:1]],
            [A[1:9].view("u1"), A[2:2]],
        ],
        ids=range(8),
    )
    def test_no_union(self, arrays):
        assert found(*arrays) == []

    def test_misaligned_views(self):
        """On the union they would be misaligned for the receiver too."""
        assert found(A[1:97].view("<f8"), A[1:97].view("<f8")) == []

    def test_objects(self):
        objects = np.array([1, "two", None], object)
        assert found(objects, objects[1:]) == []

    def test_the_base_is_never_sent(self):
        base = np.zeros(50 << 20, "u1")
        views = [base[1000:2000], base[1500:2500], base[40 << 20 : (40 << 20) + 10]]
        stream, buffers = PickleCodec().encode(views)
        assert len(stream) + sum(view.nbytes for view in buffers) < 3500


def test_two_arrays_of_one_buffer_are_two():
    """Documented: numpy gives two frombuffer calls on one object two bases."""
    memory = bytearray(1000)
    assert found(np.frombuffer(memory, "u1"), np.frombuffer(memory, "u1")) == []


def test_the_union_starts_where_each_view_is_aligned():
    base = np.zeros(64, "u1")
    shift = -base.__array_interface__["data"][0] % 16
    base = np.zeros(64 + 16, "u1")[shift:]
    for first, second in ((base[8:24].view("<f8"), base[12:28].view("<i4")), (base[3:11], base[8:24].view("<f8"))):
        [(_, members)] = found(first, second)
        for number, offset in members:
            assert offset % (first, second)[number].dtype.alignment == 0
