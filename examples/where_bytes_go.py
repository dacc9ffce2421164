"""What `dumps` does with the bytes of an object: which frames are views of its own memory, and which are not."""

import numpy as np

import oobpickle

image = np.zeros((1000, 1000))
CASES = {
    "a contiguous array": image,
    "a part of it": image[:100],
    "in Fortran order": np.asfortranarray(image),
    "time stamps": np.zeros(1_000_000, "M8[ns]"),
    "every second row": image[::2],
    "the array and a part of it": [image, image[:100]],
    "a megabyte of bytes": bytes(1_000_000),
    "100 arrays of 100 numbers": [np.full(100, number, float) for number in range(100)],
}


def memory(frame: object) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    return np.frombuffer(frame, np.uint8)  # type: ignore[call-overload]


print(f"{'bytes':28}{'in the head':>12}{'views':>12}{'gathered':>12}")
totals = {}
for title, obj in CASES.items():
    first, second = oobpickle.dumps(obj), oobpickle.dumps(obj)
    # A view is at the same address both times; a copy cannot be, while both are alive.
    same = [np.shares_memory(memory(a), memory(b)) for a, b in zip(first, second, strict=True)]
    views = sum(len(frame) for frame, is_view in zip(first, same, strict=True) if is_view)
    gathered = sum(map(len, first[1:])) - views
    totals[title] = (len(first[0]), views, gathered)
    print(f"{title:28}{len(first[0]):12,}{views:12,}{gathered:12,}")

assert totals["a contiguous array"][1:] == (image.nbytes, 0)
assert totals["every second row"][1:] == (0, image.nbytes // 2)
assert totals["the array and a part of it"][1:] == (image.nbytes, 0)
