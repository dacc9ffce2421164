"""Objects for property tests: arrays of every dtype and layout that numpy can make, and structures of them."""

import sys

import numpy as np
from hypothesis import strategies as st

UNITS = ["generic", "Y", "M", "D", "h", "s", "ms", "us", "ns", "25s", "as"]
SIZES = st.integers(0, 5)


def plain_dtypes():
    numbers = st.tuples(st.sampled_from("<>"), st.sampled_from("?bBhHiIlLqQefdgFDG")).map(
        lambda order_char: np.dtype(order_char[1]).newbyteorder(order_char[0])
    )
    times = st.tuples(st.sampled_from("<>"), st.sampled_from("mM"), st.sampled_from(UNITS)).map(
        lambda t: np.dtype(f"{t[0]}{t[1]}8" + ("" if t[2] == "generic" else f"[{t[2]}]"))
    )
    texts = st.tuples(st.sampled_from("<>"), st.sampled_from("SUV"), SIZES).map(
        lambda t: np.dtype(f"{t[0]}{t[1]}{t[2]}")
    )
    return st.one_of(numbers, numbers, times, texts)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=4)


@st.composite
def structured(draw, fields):
    """A structure: fields in any order of offsets, with gaps, titles, subarrays; aligned, or a record."""
    names = draw(st.lists(NAMES, min_size=0, max_size=4, unique=True))
    formats = [draw(fields) for _ in names]
    formats = [
        np.dtype((f, tuple(draw(st.lists(SIZES, max_size=2))))) if f.itemsize and draw(st.booleans()) else f
        for f in formats
    ]
    if draw(st.booleans()):  # at places of their own choice
        offsets, end = [], 0
        for dtype in formats:
            end += draw(st.integers(0, 9))
            offsets.append(end)
            end += dtype.itemsize
        spec = {"names": names, "formats": formats, "offsets": offsets, "itemsize": end + draw(st.integers(0, 9))}
        titles = draw(st.lists(NAMES, min_size=len(names), max_size=len(names), unique=True))
        if draw(st.booleans()) and names and not set(titles) & set(names):
            spec["titles"] = titles
        dtype = np.dtype(spec)
    else:
        spec = list(zip(names, formats, strict=True))
        dtype = np.dtype(spec, align=draw(st.booleans())) if spec else np.dtype([])
    return np.dtype((np.record, dtype)) if draw(st.booleans()) else dtype


def dtypes():
    return st.one_of(plain_dtypes(), plain_dtypes(), structured(st.one_of(plain_dtypes(), structured(plain_dtypes()))))


def values(dtype, shape, seed):
    """Random bytes as an array; of a dtype without bytes, an array of that."""
    count = int(np.prod(shape))
    if not dtype.itemsize:
        return np.zeros(shape, [("f", dtype)])["f"]
    raw = np.random.default_rng(seed).integers(0, 256, count * dtype.itemsize, "u1")
    return raw.view(dtype).reshape(shape) if count else np.zeros(shape, dtype)


@st.composite
def arrays(draw, dtypes=dtypes(), max_side=7):
    """An array: C or Fortran order, permuted axes, strided, reversed, broadcast, misaligned, 0-d, 0-size, read-only."""
    shape = tuple(draw(st.lists(st.integers(0, max_side), max_size=3)))
    a = values(draw(dtypes), shape, draw(st.integers(0, 2**32)))
    layout = draw(
        st.sampled_from(["C", "C", "F", "permuted", "strided", "reversed", "broadcast", "odd", "field", "one of"])
    )
    if layout == "F":
        a = np.asfortranarray(a) if a.dtype.names is None else a.T
    elif layout == "permuted":
        a = a.transpose(draw(st.permutations(range(a.ndim))))
    elif layout == "strided" and a.ndim:
        a = a[tuple(slice(draw(st.integers(0, 2)), None, draw(st.integers(1, 3))) for _ in shape)]
    elif layout == "reversed" and a.ndim:
        a = a[tuple(slice(None, None, draw(st.sampled_from([-1, 1, -2]))) for _ in shape)]
    elif layout == "broadcast":
        a = np.broadcast_to(a, (draw(st.integers(0, 3)), *a.shape))
    elif layout == "odd" and a.nbytes and a.flags.c_contiguous:
        raw = np.empty(a.nbytes + 1, "u1")
        raw[1:] = a.reshape(-1).view("u1")
        a = raw[1:].view(a.dtype).reshape(a.shape)
    elif layout == "field":
        whole = np.zeros(a.shape, [("pad", "u1"), ("a", a.dtype), ("end", "u1")])
        whole["a"] = a
        a = whole["a"]
    elif layout == "one of" and a.ndim:
        a = np.repeat(a[None], 2, axis=0)[draw(st.integers(0, 1))]
    if draw(st.integers(0, 3)) == 0:
        a.flags.writeable = False
    return a


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=40),
    st.sampled_from([b"x" * 65536, bytearray(b"y" * 70000), "z" * 70000, b"", bytearray(), b"w" * 40000]),
)


@st.composite
def objects(draw):
    """Nested lists, tuples and dicts of arrays and plain values; some arrays and values are met several times, or in part."""
    pool = draw(st.lists(st.one_of(arrays(), arrays(), PLAIN), min_size=1, max_size=6))
    pool += [a[1:] for a in pool if isinstance(a, np.ndarray) and a.ndim and draw(st.booleans())]
    leaves = st.sampled_from(pool)
    return draw(
        st.recursive(
            leaves,
            lambda inner: st.one_of(
                st.lists(inner, max_size=5),
                st.lists(inner, max_size=3).map(tuple),
                st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=5),
            ),
            max_leaves=15,
        )
    )


assert sys.byteorder == "little"
