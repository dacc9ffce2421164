"""`dump`, `load` and `iter_file`: a documented container, atomic, appendable, mapped; damage is a DecodeError."""

import gzip
import io
import os
import pickle
import re
import resource
import stat
import struct
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import oobpickle
from oobpickle import DecodeError, EncodeError, files, wire
from tests.same import assert_same

LARGE = np.arange(100_000.0)
OBJECT = {"image": LARGE, "small": np.arange(7), "blob": bytearray(b"x" * 100_000), "text": "a", "frozen": LARGE[:3]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "objects.oob"


class TestPaths:
    @pytest.mark.parametrize("kind", [str, os.fspath, lambda path: path])
    def test_round_trip(self, path, kind):
        oobpickle.dump(OBJECT, kind(path))
        assert_same(oobpickle.load(kind(path)), OBJECT)

    def test_the_layout_is_as_documented(self, path):
        oobpickle.dump([LARGE, "small"], path)
        content = path.read_bytes()
        magic, count, head_length, frame_length = struct.unpack_from("<8sQQQ", content)
        frames = oobpickle.dumps([LARGE, "small"])
        assert (magic, count) == (b"\xf5oobfile", 2)
        assert [head_length, frame_length] == [len(frame) for frame in frames]
        assert content[32:64] == bytes(32)
        assert content[64 : 64 + head_length] == frames[0]
        start = -(-(64 + head_length) // 64) * 64
        assert content[64 + head_length : start] == bytes(start - 64 - head_length)
        assert content[start : start + frame_length] == bytes(frames[1])
        assert len(content) % 64 == 0
        assert len(content) - start - frame_length < 64

    def test_equal_objects_give_equal_files(self, path):
        oobpickle.dump(OBJECT, path)
        first = path.read_bytes()
        oobpickle.dump(oobpickle.load(path), path)
        assert path.read_bytes() == first

    def test_arrays_are_views_of_the_map(self, path):
        oobpickle.dump(np.zeros(50 << 20, "u1"), path)
        before = resident()
        a = oobpickle.load(path)
        assert resident() - before < 5 << 20
        assert a.nbytes == 50 << 20
        assert str(path) in Path("/proc/self/maps").read_text()

    def test_writes_do_not_reach_the_file(self, path):
        oobpickle.dump(OBJECT, path)
        content = path.read_bytes()
        got = oobpickle.load(path)
        got["image"][:] = -1
        assert path.read_bytes() == content
        assert oobpickle.load(path)["image"][5] == 5

    def test_arrays_are_aligned(self, path):
        oobpickle.dump([np.ones(50_001, "u1"), np.ones(50_000, "g"), b"x" * 70_001, np.ones(5000, "c16")], path)
        got = oobpickle.load(path)
        for a in got[0], got[1], got[3]:
            assert a.flags.aligned
            assert a.__array_interface__["data"][0] % 64 == 0

    def test_a_file_larger_than_memory_is_mapped(self, path):
        with open(path, "wb") as file:
            oobpickle.dump({"first": LARGE}, file)
            file.write(files.MAGIC + struct.pack("<QQ", 1, 1 << 40))  # and a message of a terabyte
            file.truncate(file.tell() + (1 << 40) + 64)
        np.testing.assert_array_equal(oobpickle.load(path)["first"], LARGE)

    def test_a_missing_file(self, path):
        with pytest.raises(FileNotFoundError):
            oobpickle.load(path)
        with pytest.raises(FileNotFoundError):
            oobpickle.dump(1, path / "below" / "nothing")
        with pytest.raises(FileNotFoundError):
            list(oobpickle.iter_file(path))


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class TestAtomicity:
    def test_an_object_that_cannot_be_encoded_leaves_the_file(self, path):
        oobpickle.dump("first", path)
        with pytest.raises(EncodeError):
            oobpickle.dump([LARGE, lambda: 0], path)
        assert oobpickle.load(path) == "first"
        assert os.listdir(path.parent) == [path.name]

    def test_a_full_disk_leaves_the_file(self, path, python):
        oobpickle.dump("first", path)
        code = """
import resource, signal, sys
import numpy as np, oobpickle
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    oobpickle.dump(np.zeros(10 << 20, "u1"), sys.argv[1])
except OSError as error:
    print(type(error).__name__, error.errno)
"""
        assert python(code, path).split() == ["OSError", "27"]
        assert oobpickle.load(path) == "first"
        assert os.listdir(path.parent) == [path.name]

    def test_what_is_mapped_survives_a_replacement(self, path):
        oobpickle.dump(OBJECT, path)
        got = oobpickle.load(path)
        oobpickle.dump("another", path)
        assert oobpickle.load(path) == "another"
        np.testing.assert_array_equal(got["image"], LARGE)

    def test_a_link_is_followed(self, path):
        link = path.parent / "link"
        link.symlink_to(path.name)
        oobpickle.dump("first", link)
        assert link.is_symlink()
        assert oobpickle.load(path) == "first"

    def test_permissions_stay(self, path):
        """A file that only its owner may read does not become one that all may."""
        for mode in (0o600, 0o640, 0o666):
            path.touch()
            path.chmod(mode)
            oobpickle.dump("secret", path)
            assert stat.S_IMODE(path.stat().st_mode) == mode

    def test_new_files_have_the_usual_permissions(self, path):
        umask = os.umask(0o027)
        try:
            oobpickle.dump(1, path)
        finally:
            os.umask(umask)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_a_device_or_pipe_is_written_to_not_replaced(self, path):
        oobpickle.dump(OBJECT, "/dev/null")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
        os.mkfifo(path)
        received = []

        def read():
            with open(path, "rb") as file:
                received.append(oobpickle.load(file))

        reader = threading.Thread(target=read)
        reader.start()
        oobpickle.dump(OBJECT, path)
        reader.join(30)
        assert_same(received[0], OBJECT)

    def test_a_directory(self, tmp_path):
        with pytest.raises(IsADirectoryError):
            oobpickle.dump(1, tmp_path)
        with pytest.raises(OSError):  # noqa: PT011
            oobpickle.load(tmp_path)

    @pytest.mark.parametrize("name", ["nowhere/x.oob", "x" * 252 + ".oob", "/dev/full"])
    def test_errors_name_the_file_as_the_user_did(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(OSError, match=re.escape(f"{name!r}") + "$"):
            oobpickle.dump(OBJECT, name)
        assert not list(tmp_path.iterdir())


class TestFileObjects:
    def test_several_messages_in_a_row(self):
        file = io.BytesIO()
        for obj in ("first", OBJECT, [LARGE] * 2, 3):
            oobpickle.dump(obj, file)
            assert file.tell() % 64 == 0
        file.seek(0)
        assert oobpickle.load(file) == "first"
        assert_same(oobpickle.load(file), OBJECT)
        assert_same(oobpickle.load(file), [LARGE] * 2)
        assert oobpickle.load(file) == 3
        with pytest.raises(DecodeError, match="no further message"):
            oobpickle.load(file)

    def test_at_a_position(self):
        file = io.BytesIO(b"header")
        file.seek(6)
        oobpickle.dump(OBJECT, file)
        file.write(b"trailer")
        file.seek(6)
        assert_same(oobpickle.load(file), OBJECT)
        assert file.read() == b"trailer"

    def test_appended_to(self, path):
        for number in range(3):
            with open(path, "ab") as file:
                oobpickle.dump([number, LARGE + number], file)
        assert oobpickle.load(path)[0] == 0
        for number, obj in enumerate(oobpickle.iter_file(path)):
            assert_same(obj, [number, LARGE + number])
        assert number == 2

    @pytest.mark.parametrize("buffering", [-1, 0], ids=["buffered", "raw"])
    def test_what_could_not_be_appended_whole_is_cut_off(self, path, buffering):
        """As on a full disk: the next message begins as one."""
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        with open(path, "ab", buffering=buffering) as file:
            oobpickle.dump("first", file)
            size = os.fstat(file.fileno()).st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + LARGE.nbytes // 2, limits[1]))
            try:
                with pytest.raises(OSError, match="File too large"):
                    oobpickle.dump(LARGE, file)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            assert os.fstat(file.fileno()).st_size == size
            oobpickle.dump([LARGE], file)
        assert_same(list(oobpickle.iter_file(path)), ["first", [LARGE]])

    def test_in_the_middle_of_a_file_nothing_is_cut_off(self, path):
        oobpickle.dump(LARGE, path)
        whole = path.read_bytes()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        with open(path, "r+b") as file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) // 2, limits[1]))
            try:
                with pytest.raises(OSError, match="File too large"):
                    oobpickle.dump(LARGE, file)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.stat().st_size == len(whole)

    @pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
    def test_a_message_that_was_cut_off_before_others_came_is_not_given(self, path, kept):
        """As by a kill in the middle of a write: what follows would be taken for its end."""
        with open(path, "wb") as file:
            oobpickle.dump("first", file)
            start = file.tell()
            oobpickle.dump(LARGE, file)
            file.truncate(start + int(kept * (file.tell() - start)))
        with open(path, "ab") as file:
            for number in range(3):
                oobpickle.dump([number, LARGE], file)
        given = []
        with pytest.raises(DecodeError, match=path.name):
            for obj in oobpickle.iter_file(path):
                given.append(obj)
        assert given == ["first"]

    def test_through_gzip(self, path):
        with gzip.open(path, "wb", compresslevel=1) as file:
            oobpickle.dump(OBJECT, file)
        with gzip.open(path, "rb") as file:
            assert_same(oobpickle.load(file), OBJECT)

    def test_an_unbuffered_pipe_takes_and_gives_a_part_at_a_time(self):
        read, write = os.pipe()
        received = []

        def read_all():
            with open(read, "rb", buffering=0) as file:
                received.append(oobpickle.load(file))
                received.append(oobpickle.load(file))

        reader = threading.Thread(target=read_all)
        reader.start()
        with open(write, "wb", buffering=0) as file:
            oobpickle.dump(OBJECT, file)
            oobpickle.dump("second", file)
        reader.join(30)
        assert_same(received, [OBJECT, "second"])

    def test_a_writer_that_gives_nothing_back(self):
        class Writer:
            """As many wrappers are: pickle does not look at what write gives either."""

            def __init__(self):
                self.content = b""

            def write(self, piece):
                self.content += piece

        writer = Writer()
        oobpickle.dump(OBJECT, writer)
        assert_same(oobpickle.load(io.BytesIO(writer.content)), OBJECT)

    def test_a_pipe_that_would_block(self):
        read, write = os.pipe()
        os.set_blocking(write, False)
        with open(read, "rb", buffering=0), open(write, "wb", buffering=0) as file, pytest.raises(BlockingIOError):
            oobpickle.dump(LARGE, file)

    def test_an_object_that_cannot_be_encoded_writes_nothing(self):
        file = io.BytesIO()
        with pytest.raises(EncodeError):
            oobpickle.dump([LARGE, lambda: 0], file)
        assert file.getvalue() == b""

    def test_arrays_read_are_writable_and_aligned(self):
        file = io.BytesIO()
        oobpickle.dump([LARGE, np.ones(5000, "g")], file)
        file.seek(0)
        for a in oobpickle.load(file):
            assert a.flags.writeable
            assert a.flags.aligned
            a[:] = 0


@pytest.mark.parametrize("wrong", [{"a": 1}, b"x.oob", 3, None], ids=repr)
def test_what_is_no_file(path, wrong):
    """Also the arguments of dump in the wrong order: with a path first, or a file whose type cannot be sent."""
    told = f"file must be a path or a binary file object, not {type(wrong).__name__}$"
    with open(path, "wb") as file:
        for first in (str(path), file):
            with pytest.raises(TypeError, match=rf"^dump\(obj, file\): {told}"):
                oobpickle.dump(first, wrong)
    with pytest.raises(TypeError, match=rf"^load\(file\): {told}"):
        oobpickle.load(wrong)


def test_a_text_file(path):
    for mode, use in (("w", lambda file: oobpickle.dump(1, file)), ("r", oobpickle.load)):
        with open(path, mode) as file, pytest.raises(TypeError, match="binary file object, not _io.TextIOWrapper"):
            use(file)


class TestDamage:
    def test_every_truncation(self, path):
        oobpickle.dump([np.arange(20_000, dtype="u1").repeat(2), "x"], path)
        content = path.read_bytes()
        lengths = {*range(400), *range(400, len(content), 997), *range(len(content) - 200, len(content))}
        whole = content.rstrip(b"\0")
        for length in sorted(lengths):
            path.write_bytes(content[:length])
            for load in (oobpickle.load, load_object, lambda path: list(oobpickle.iter_file(path))):
                if length < len(whole):
                    with pytest.raises(DecodeError):
                        load(path)

    def test_of_what_follows_spares_what_came_before(self, path):
        with open(path, "wb") as file:
            oobpickle.dump("first", file)
            oobpickle.dump(OBJECT, file)
            file.truncate(file.tell() - 1000)
        assert oobpickle.load(path) == "first"
        objects = oobpickle.iter_file(path)
        assert next(objects) == "first"
        with pytest.raises(DecodeError, match="ends within a message"):
            next(objects)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"x",
            b"hello, this is a text file\n" * 10,
            b"\x93NUMPY\x01\x00" + bytes(200),
            pickle.dumps(1),
            b"\xf5oob" * 100,
        ],
        ids=["empty", "short", "text", "npy", "pickle", "magic of a frame"],
    )
    def test_foreign_files(self, path, content):
        path.write_bytes(content)
        for load in (oobpickle.load, load_object):
            with pytest.raises(DecodeError):
                load(path)
        if content:
            with pytest.raises(DecodeError):
                list(oobpickle.iter_file(path))

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            *((pickle.dumps(1, protocol), "a plain pickle, .*: read it with pickle.load$") for protocol in range(2, 6)),
            (pickle.dumps(list(range(100))), "a plain pickle, .*: read it with pickle.load$"),
            (pickle.dumps(1, 0), "not a file of oobpickle messages$"),
            (b"\x93NUMPY\x01\x00" + bytes(200), "not a file of oobpickle messages: numpy.load reads it$"),
            (b"\x93NUMPY\x01", "numpy.load reads it$"),
            (b"\x80", "not a file of oobpickle messages$"),
            (files.MAGIC[:5], "ends within a message$"),
        ],
        ids=range(10),
    )
    def test_what_is_no_file_of_ours_is_told_with_what_reads_it(self, path, content, told):
        path.write_bytes(content)
        for load in (oobpickle.load, load_object, lambda path: list(oobpickle.iter_file(path))):
            with pytest.raises(DecodeError, match=told):
                load(path)

    def test_a_lie_in_a_length_costs_one_piece_of_memory_at_the_most(self, path):
        tracemalloc.start()
        try:
            for record in (
                struct.pack("<8sQ", files.MAGIC, 2**61),
                struct.pack("<8sQ", files.MAGIC, 2**64 - 1),
                struct.pack("<8sQQ", files.MAGIC, 1, 2**63),
                struct.pack("<8sQQQ", files.MAGIC, 2, 48, 2**64 - 1) + bytes(500),
                struct.pack("<8sQ", files.MAGIC, 0),
            ):
                path.write_bytes(record)
                for load in (oobpickle.load, load_object):
                    with pytest.raises(DecodeError):
                        load(path)
            assert tracemalloc.get_traced_memory()[1] < files._PIECE + (1 << 20)
        finally:
            tracemalloc.stop()

    def test_frames_that_do_not_fit_the_head(self, path):
        frames = [bytes(frame) for frame in oobpickle.dumps(LARGE)]
        for wrong in (frames[:1], [*frames, b"x"], [frames[0], frames[1][:-8]], frames[::-1], [b"hello"]):
            with open(path, "wb") as file:
                files.write_frames(wrong, file)
            with pytest.raises(DecodeError):
                oobpickle.load(path)

    def test_another_codec(self, path):
        class Codec:
            number = wire.DATA

            def encode(self, obj):
                return b"x", []

            def decode(self, stream, buffers):
                raise AssertionError("the stream was read")

        oobpickle.dump({"a": 1}, path, codec="pickle")
        for codec in (Codec(), "data"):
            with pytest.raises(DecodeError, match="pickle codec"):
                oobpickle.load(path, codec=codec)
            with pytest.raises(DecodeError, match="pickle codec"):
                list(oobpickle.iter_file(path, codec=codec))


def load_object(path):
    with open(path, "rb") as file:
        return oobpickle.load(file)
