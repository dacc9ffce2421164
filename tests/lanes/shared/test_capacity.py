import os

from oobpickle.lanes.shared.capacity import default_limit


def test_a_quarter_of_memory_at_the_most():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < default_limit() <= memory // 4
