import numpy as np

from oobpickle.lanes.shared.address import AddressBook, address_of


class Whole:
    def __init__(self, name):
        self.name = name

    def at(self, offset, length):
        return self.name, offset


def test_the_address_is_numpys():
    array = np.arange(100, dtype=np.uint8)
    view = memoryview(array)[7:]
    assert address_of(view) == address_of(view.toreadonly()) == array[7:].ctypes.data


def test_ranges():
    book = AddressBook()
    for start in (1000, 3000, 2000):
        book.add(start, 100, Whole(start))
    assert book.find(2000, 100) == (2000, 0)
    assert book.find(3050, 50) == (3000, 50)
    assert book.find(1050, 51) is None  # reaches over the end
    assert book.find(999, 2) is None
    assert book.find(1100, 1) is None
    book.remove(2000)
    assert book.find(2000, 1) is None
    assert book.find(3000, 1) == (3000, 0)
    assert AddressBook().find(0, 1) is None
