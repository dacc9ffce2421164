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


def line(*items, width=80):
    """(where, what) of a gathered copy of these."""
    text = Ledger("data", (1,), (Entry("gathered copy", 1, items, "", 0),)).text(width)
    _, where, what, _ = re.split(" {2,}", text.splitlines()[3].strip())
    return where, what


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("obj['run']['frames']['energy']", "obj…['frames']['energy']"),
        ("obj['run']['measurements'].values[0]", "obj['run']….values[0]"),
        (r"""obj["it's"]['[a]b']['\'']['c', 1]['d']""", r"obj…['\'']['c', 1]['d']"),
        (f"obj['{'y' * 50}'].index", "obj….index"),
        ("obj['a'][['b', 'c']]['zzzzzzzzzz']", "obj['a']…['zzzzzzzzzz']"),
        (f"obj['{'y' * 50}']", f"obj['{'y' * 7}…{'y' * 10}']"),
        (f"obj['a']['{'y' * 50}", "obj['a']…"),
    ],
)
def test_a_path_is_shortened_by_whole_keys(path, short):
    assert line(Item(path, "numpy.ndarray", "float64 (3, 1000000000)")) == (short, "float64 (3, 1000000000)")


def test_of_several_paths_the_first_keys_are_kept():
    items = (Item("obj['detections'][10]", "numpy.ndarray", "float64 (3, 1000000000)"),) * 200
    assert line(*items) == ("obj['detections']… +199", "float64 (3, 1000000000)")
    assert line(*items, width=100)[0] == "obj['detections'][10] and 199 more"


def test_different_dtypes_are_told():
    of = [Item("obj['key']", "pandas.Series", f"{dtype} (1, 10)") for dtype in ("int8", "bool", "int16", "int32")]
    assert line(*of[:2], of[0])[1] == "int8, bool"
    assert line(*of, width=100)[1] == "int8, bool, int16 and 1 more"
    assert line(*of)[1] == "4 dtypes"
    assert line(of[0], Item("obj[0]", "bytes"))[1] == "int8, bytes"
    assert line(of[0], Item("obj['df']", "pandas.DataFrame", "2 columns int8 (2, 10)"))[1] == "int8 (1, 10)"


def test_what_is_as_long_as_there_is_room():
    item = Item("obj['frame']", "pandas.DataFrame", "20 columns float64 (20, 1000)")
    assert line(item)[1] == "20 columns float64 (20, 1000)"
    assert line(item, width=70)[1] == "float64 (20, 1000)"
    item = Item("obj['frame']", "a.BlockManager", "float64 (20, 1000)")
    assert line(item)[1] == "BlockManager float64 (20, 1000)"
    assert line(item, width=70)[1] == "float64 (20, 1000)"


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
