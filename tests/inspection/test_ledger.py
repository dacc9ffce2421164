"""The ledger as text and as HTML: whatever is in it, it fits, and nobody's name is obeyed."""

import re

import pytest

from oobpickle.inspection.ledger import Entry, Item, Ledger, amount, printable

ENTRIES = (
    Entry("header", 64, (Item("obj", "", "header, table of buffers"),), "", 0),
    Entry("in-band", 136, (Item("obj['names']", "list", "1,000 values", 136),), "Python values, one by one", 0),
    Entry(
        "view",
        8_000_000,
        (Item("obj['image']", "numpy.ndarray", "float64 (1000, 1000)", 8_000_000),),
        "its own memory",
        1,
        0,
    ),
    Entry(
        "gathered copy",
        5_000,
        (Item("obj['a']", "numpy.ndarray", "int8 (1,)", 1),) * 5000,
        "small",
        2,
        1,
        "obj['a']: do otherwise",
    ),
)
LEDGER = Ledger("pickle", (200, 8_000_000, 5_000), ENTRIES)


def test_totals():
    assert LEDGER.nbytes == 8_005_200
    assert LEDGER.total("view") == 8_000_000
    assert LEDGER.copied == 5_136
    assert LEDGER.advice == ("obj['a']: do otherwise",)
    assert (ENTRIES[2].path, ENTRIES[2].type) == ("obj['image']", "numpy.ndarray")


def test_text():
    assert LEDGER.text(80).splitlines() == [
        "7.6 MB in 3 frames, pickle codec",
        "",
        "    bytes  where                    what                      how",
        "   7.6 MB  obj['image']             float64 (1000, 1000)      view [1]",
        "   4.9 KB  obj['a'] and 4,999 more  int8 (1,)                 gathered copy [2]",
        "    136 B  obj['names']             list 1,000 values         in-band [3]",
        "     64 B  obj                      header, table of buffers  header",
        "",
        "[1] its own memory",
        "[2] small",
        "[3] Python values, one by one",
        "",
        "Together: in-band 136 B, view 7.6 MB, gathered copy 4.9 KB, header 64 B.",
        "Instead:  obj['a']: do otherwise",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits(width):
    long = Entry(
        "gathered copy", 1, (Item("obj" + "['key']" * 100, "a.b.C", "x" * 200),), "why " * 100, 0, advice="do " * 100
    )
    text = Ledger("pickle", (1,), (long,) * 50).text(width)
    assert max(map(len, text.splitlines())) <= width
    assert "20 smaller entries" in text


def test_it_is_as_wide_as_the_terminal(monkeypatch):
    long = Entry("view", 1, (Item("obj" + "['key']" * 30, "a.b.C", "x" * 200),), "", 0)
    for width in (70, 150):
        monkeypatch.setenv("COLUMNS", str(width))
        assert width - 5 < max(map(len, str(Ledger("pickle", (1,), (long,))).splitlines())) <= width


EVIL = "<script>alert(1)</script>\x1b[31m\n\u202e"


def test_html_is_escaped():
    entry = Entry("view", 1, (Item(EVIL, EVIL, EVIL),), EVIL, 0, advice=EVIL)
    html = Ledger(EVIL, (1,), (entry,))._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5
    assert set(re.findall(r"</?(\w+)", html)) <= {
        "div",
        "p",
        "b",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "li",
    }
    assert len(re.findall(r"<(?!/)\w+", html)) == len(re.findall(r"</\w+", html))


def test_a_terminal_is_told_nothing():
    entry = Entry("view", 1, (Item(EVIL, EVIL, EVIL),), "", 0, advice="")
    text = Ledger("pickle", (1,), (entry,)).text(200)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[31m\\n\\u202e" in text


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (1024, "1.0 KB"),
        (1_023_000, "999.0 KB"),
        (2**20, "1.0 MB"),
        (2**30, "1.0 GB"),
        (2**40, "1,024.0 GB"),
    ],
)
def test_amount(nbytes, text):
    assert amount(nbytes) == text


def test_printable():
    assert printable("é ü 漢") == "é ü 漢"
    assert printable("a\ud800\x07\t") == "a\\ud800\\x07\\t"
