"""The pages of docs/: the guide's code runs, the wire format's examples are what the code writes, links lead somewhere."""

import io
import pickle
import re

import pytest

import oobpickle
from oobpickle import wire
from tests.documents import ROOT, code_of, dead_ends

PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "CHANGELOG.md"])
WIRE_FORMAT = ROOT / "docs" / "wire-format.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    assert not dead_ends(page)


def test_a_dead_end_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[a](#a-heading) [b](nowhere.md) [c](#nothing) `tests/test_docs.py` `tests/no.py`\n")
    assert dead_ends(page) == ["tests/no.py", "nowhere.md", "#nothing"]


def test_the_guide_runs(python):
    assert "malloc" in python(code_of(ROOT / "docs" / "guide.md"))


def test_the_page_on_endpoints_runs(python):
    assert "on its way" in python(code_of(ROOT / "docs" / "endpoints.md"))


def test_the_page_on_speed_runs(python):
    assert "view" in python(code_of(ROOT / "docs" / "speed.md"))


def test_the_page_on_security_runs(python):
    assert "its stream was not read" in python(code_of(ROOT / "docs" / "security.md"))


class TheExample:
    """A codec that gives what the page says, whatever the object."""

    number = wire.PICKLE

    def __init__(self, *buffers):
        self.buffers = buffers

    def encode(self, obj):
        return pickle.dumps("hi", 5), [memoryview(buffer) for buffer in self.buffers]

    def decode(self, stream, buffers):
        return pickle.loads(stream), [bytes(buffer) for buffer in buffers]


def hex_blocks():
    """Each block as (its bytes, the offsets that its lines claim, the offsets that they have)."""
    for block in re.findall(r"^```hex\n(.*?)^```", WIRE_FORMAT.read_text(), re.S | re.M):
        content, claimed, real = b"", [], []
        for line in block.splitlines():
            offset, data = re.match(r"([0-9a-f]{4})  ((?:[0-9a-f]{2} ?)+)(?: |$)", line).groups()
            claimed.append(int(offset, 16))
            real.append(len(content))
            content += bytes.fromhex(data)
        yield content, claimed, real


def test_the_wire_formats_examples_are_what_the_code_writes():
    message, file = hex_blocks()
    for _, claimed, real in (message, file):
        assert claimed == real
    buffers = (b"abc", bytes(40_000), b"de")
    assert oobpickle.dumps(None, codec=TheExample(*buffers)) == [message[0], buffers[1]]
    written = io.BytesIO()
    oobpickle.dump(None, written, codec=TheExample())
    assert written.getvalue() == file[0]


def test_the_wire_formats_examples_are_read_as_the_page_says():
    message, file = hex_blocks()
    codec = TheExample()
    assert oobpickle.loads([message[0], bytes(40_000)], codec=codec) == ("hi", [b"abc", bytes(40_000), b"de"])
    assert oobpickle.load(io.BytesIO(file[0]), codec=codec) == ("hi", [])


def test_the_page_is_about_the_version_of_the_code():
    (version,) = re.findall(r"^\| 4 \| 1 \| version \| of this layout: (\d+) \|$", WIRE_FORMAT.read_text(), re.M)
    assert int(version) == wire.VERSION
