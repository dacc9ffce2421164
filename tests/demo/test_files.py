"""The user's files: what is taken, and what is said about the rest."""

import os
import zipfile

import numpy as np
import pytest

from oobpickle.demo import files
from oobpickle.demo.files import BadFile


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def taken(path):
    files.check([path])
    return files.load(path)


def test_npy(folder):
    a = np.arange(12.0).reshape(3, 4)
    np.save("a.npy", a)
    np.testing.assert_array_equal(taken("a.npy"), a)


def test_npz(folder):
    np.savez_compressed("a.npz", one=np.arange(3), two=np.array(["x", "yz"]))
    loaded = taken("a.npz")
    assert list(loaded) == ["one", "two"]
    assert loaded["two"].tolist() == ["x", "yz"]


CSV = 'when,count,what\n2025-01-01,1,"a, b"\n2025-01-02,2.5,c\n'


def test_csv_with_pandas(folder):
    pytest.importorskip("pandas")
    (folder / "a.csv").write_text(CSV)
    frame = taken("a.csv")
    assert list(frame.columns) == ["when", "count", "what"]
    assert frame["count"].tolist() == [1, 2.5]


@pytest.fixture
def no_pandas(monkeypatch):
    monkeypatch.setattr(files, "find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (CSV, {"when": ["2025-01-01", "2025-01-02"], "count": [1, 2.5], "what": ["a, b", "c"]}),
        ("1,2\n\n3,4\n", {"0": [1, 3], "1": [2, 4]}),
        ("\ufeffa\n99999999999999999999\n", {"a": [1e20]}),
    ],
    ids=["header", "no header", "byte order mark"],
)
def test_csv_without_pandas(folder, no_pandas, text, columns):
    (folder / "a.csv").write_text(text, encoding="utf-8")
    assert {name: column.tolist() for name, column in taken("a.csv").items()} == columns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a,b\n1\n", "not of one length"),
        ("a,a\n1,2\n", "same name"),
        ("a,b\n", "no rows"),
        ('"', "end of data"),
    ],
)
def test_bad_csv_without_pandas(folder, no_pandas, text, words):
    (folder / "a.csv").write_text(text)
    with pytest.raises(BadFile, match=words):
        taken("a.csv")


def write_npy(path, shape, content=b""):
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
        file.write(content)


def bad():
    def missing(path):
        return path.with_name("nowhere.npy")

    def other_kind(path):
        path = path.with_name("a.txt")
        path.write_text("hello")
        return path

    def a_folder(path):
        path.mkdir()

    def pipe(path):
        os.mkfifo(path)

    def pickled(path):
        np.save(path, np.array([{}, print], object), allow_pickle=True)

    def pickled_in_npz(path):
        np.savez(path.with_suffix(".npz"), a=np.arange(3), b=np.array([print], object))
        return path.with_suffix(".npz")

    def text(path):
        path.write_text("hello")

    def text_as_npz(path):
        path.with_suffix(".npz").write_text("hello")
        return path.with_suffix(".npz")

    def a_pickle(path):
        path.write_bytes(b"\x80\x05N.")

    def cut_off(path):
        write_npy(path, (1000,), bytes(100))

    def larger_than_memory(path):
        write_npy(path, (10**15,), bytes(100))

    def huge(path):
        with open(path, "wb") as file:
            file.truncate(files.MAX_BYTES + 1)

    def bomb(path):
        path = path.with_suffix(".npz")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
            member.write(bytes(1 << 24))
        assert path.stat().st_size < 1 << 18
        return path

    def damaged_npz(path):
        path = path.with_suffix(".npz")
        np.savez_compressed(path, a=np.arange(10_000))
        content = bytearray(path.read_bytes())
        content[200:300] = bytes(100)
        path.write_bytes(content)
        return path

    def too_much_text(path):
        with open(path.with_suffix(".csv"), "wb") as file:
            file.truncate(files.MAX_CSV + 1)
        return path.with_suffix(".csv")

    yield missing, "No such file"
    yield other_kind, r"the demo takes \.npy, \.npz, \.csv"
    yield a_folder, "not a file"
    yield pipe, "not a file"
    yield pickled, "pickled Python objects"
    yield pickled_in_npz, "pickled Python objects"
    yield text, "does not begin as numpy's files do"
    yield a_pickle, "does not begin as numpy's files do"
    yield text_as_npz, "not an .npz file"
    yield cut_off, "cannot be read as .npy"
    yield larger_than_memory, "larger than this machine's memory"
    yield huge, "too large"
    yield bomb, "too large"
    yield damaged_npz, "cannot be read as .npz"
    yield too_much_text, "too large"


@pytest.mark.parametrize(("make", "words"), [pytest.param(make, words, id=make.__name__) for make, words in bad()])
def test_bad(tmp_path, monkeypatch, make, words):
    monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)
    path = str(make(tmp_path / "a.npy") or tmp_path / "a.npy")
    with pytest.raises(BadFile, match=words) as raised:
        taken(path)
    assert raised.value.path == path
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(folder):
    np.save("a.npy", np.arange(3))
    os.chmod("a.npy", 0)
    with pytest.raises(BadFile, match="Permission denied"):
        taken("a.npy")


def test_the_limit_is_on_all_files_together(folder):
    for name in ("a.npy", "b.npy"):
        with open(name, "wb") as file:
            file.truncate(files.MAX_BYTES // 2 + 1)
    files.check(["a.npy"])
    with pytest.raises(BadFile, match=r"^b\.npy: too large"):
        files.check(["a.npy", "b.npy"])
