"""A pytest plugin: `pickle` is a round trip through `oobpickle.dumps` and `oobpickle.loads`, codec "pickle".

Of the collected tests those stay whose code speaks of pickle. What an explicit `buffers` or `buffer_callback` asks for, and what was not
written by us (files from old versions), stays with pickle. At the end how often ours was called is written to $COUNTS.
"""

import inspect
import io
import json
import os
import pickle
import struct

import pytest

import oobpickle

SKIPPED = {
    "test_writeable_pickle": "asserts that protocols 0 to 4 leave bytes as the base of an array",
    "test_datetime64_byteorder": "asserts that pickling makes the byte order native; ours survives",
    "test_pickle_module": "asserts where in numpy the rebuilders are that a stream names; ours are in oobpickle",
    "test_unpickle_legacy_timestamp": "edits the opcodes of a stream that pickle wrote",
    "test_unpickle_timestamp_by_component": "edits the opcodes of a stream that pickle wrote",
    "test_read_pickle_legacy_timestamp": "edits the opcodes of a stream that pickle wrote",
    "test_pickle_compat_0_14_1": "reads a file that is not in the wheel",
    "test_pickle_frame_v124_unpickle_130": "reads a file that is not in the wheel",
    "test_read_fspath_all": "reads files that are not in the wheel",
    "test_request_headers": "asks for a web server, which comes with a plugin of pytest",
}
"""Tests of the libraries that cannot hold here, each with the reason."""

_dumps, _load = pickle.dumps, pickle.load
_MAGIC = b"oobpickle frames"

counts = {"dumps": 0, "loads": 0, "buffers": 0}


def dumps(obj, protocol=None, *, fix_imports=True, buffer_callback=None):
    if buffer_callback is not None:
        return _dumps(obj, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback)
    try:
        frames = oobpickle.dumps(obj, codec="pickle")
    except oobpickle.EncodeError as error:
        raise error.__cause__ from None  # what a test of pickle asks for
    counts["dumps"] += 1
    counts["buffers"] += len(frames) - 1
    lengths = [len(frame) for frame in frames]
    return b"".join([_MAGIC, struct.pack(f"<{len(lengths) + 1}Q", len(lengths), *lengths), *frames])


def loads(data, /, **keywords):
    return load(io.BytesIO(data), **keywords)


def dump(obj, file, protocol=None, *, fix_imports=True, buffer_callback=None):
    file.write(dumps(obj, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback))


def load(file, **keywords):
    start = file.tell()
    if file.read(len(_MAGIC)) != _MAGIC:
        file.seek(start)
        return _load(file, **keywords)
    counts["loads"] += 1
    [number] = struct.unpack("<Q", file.read(8))
    lengths = struct.unpack(f"<{number}Q", file.read(8 * number))
    frames = [bytearray(file.read(length)) for length in lengths]  # writable, as a socket's are
    try:
        return oobpickle.loads(frames, codec="pickle")
    except oobpickle.DecodeError as error:
        raise (error.__cause__ or error) from None


def pytest_configure(config):
    pickle.dump, pickle.dumps, pickle.load, pickle.loads = dump, dumps, load, loads


def pytest_collection_modifyitems(config, items):
    kept = [item for item in items if "pickle" in inspect.getsource(item.function)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept
    for item in items:
        for name, reason in SKIPPED.items():
            if item.originalname.startswith(name):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish(session):
    with open(os.environ["COUNTS"], "w") as file:
        json.dump(counts, file)
