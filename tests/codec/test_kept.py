"""Kept forgets the oldest, and never holds more bytes than it may."""

from concurrent.futures import ThreadPoolExecutor

from oobpickle.codec.kept import KEPT_BYTES, KEPT_EACH, Kept


def stream(number, size=KEPT_EACH):
    return number.to_bytes(4, "little").ljust(size)


def test_it_tells_what_it_was_told():
    kept = Kept()
    assert kept.get(b"a") is None
    kept.keep(b"a", 1)
    assert kept.get(bytes(bytearray(b"a"))) == 1
    kept.keep(b"a", 2)
    assert kept.get(b"a") == 2
    assert kept._bytes == 1


def test_a_long_stream_is_not_kept():
    kept = Kept()
    kept.keep(stream(0, KEPT_EACH + 1), 1)
    assert kept.get(stream(0, KEPT_EACH + 1)) is None
    assert kept._bytes == 0


def test_the_oldest_are_forgotten():
    kept = Kept()
    fitting = KEPT_BYTES // KEPT_EACH
    for number in range(2 * fitting):
        kept.keep(stream(number), number)
        assert kept._bytes == sum(map(len, kept._known)) <= KEPT_BYTES
    assert kept.get(stream(fitting - 1)) is None
    assert kept.get(stream(fitting)) == fitting


def test_many_threads():
    kept = Kept()
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda number: kept.keep(stream(number % 100, 20_000 - 100 * (number % 100)), number), range(5000))
        )
    assert kept._bytes == sum(map(len, kept._known)) <= KEPT_BYTES
