"""The ledger of a message: each of its bytes, which value of the object it belongs to, and how it travels. Plain values.

Rule: it adds up. The entries of a frame together have exactly as many bytes as the frame.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Literal, TypeAlias

Way: TypeAlias = Literal["in-band", "view", "gathered copy", "shared reference", "out-of-band", "header"]
"""How bytes travel.

in-band: in the pickle stream. view: the sender's own memory, as a frame of its own. gathered copy: copied before it is sent.
shared reference: they stay where they are, in shared memory. out-of-band: beside the stream, which is all that a message
says of the sender's doings. header: what holds the message together.
"""


@dataclass(frozen=True, slots=True)
class Item:
    """A value of the object. path: an expression on ``obj``, the nearest that is known. type: its qualified name.

    description: dtype and shape, or what there is to say, or "". nbytes: None when it is not known.
    """

    path: str
    type: str
    description: str = ""
    nbytes: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """Bytes that travel in one way, for one reason.

    frame: the frame that they are in; 0 is the head; None: in no frame. buffer: the number of the buffer that they are; None: no
    buffer. items: the values that the bytes belong to: several when small ones were gathered, or when they overlap.
    advice: what to change so that they are not copied, or "".
    """

    way: Way
    nbytes: int
    items: tuple[Item, ...]
    why: str
    frame: int | None
    buffer: int | None = None
    advice: str = ""

    @property
    def path(self) -> str:
        """Where in the object its first value sits."""
        return self.items[0].path

    @property
    def type(self) -> str:
        """The type of its first value."""
        return self.items[0].type


@dataclass(frozen=True, slots=True)
class Ledger:
    """What `explain` found. ``print(ledger)`` shows it; notebooks show it as a table.

    codec: the codec's name. frames: the bytes of each frame. entries: in the order of the message.
    """

    codec: str
    frames: tuple[int, ...]
    entries: tuple[Entry, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all frames."""
        return sum(self.frames)

    def total(self, way: Way) -> int:
        """Bytes that travel in this way."""
        return sum(entry.nbytes for entry in self.entries if entry.way == way)

    @property
    def copied(self) -> int:
        """Bytes that the sender copies: all but views, references and the header."""
        return self.total("in-band") + self.total("gathered copy")

    @property
    def advice(self) -> tuple[str, ...]:
        """What to change to avoid copies, the most bytes first."""
        entries = sorted(self.entries, key=lambda entry: -entry.nbytes)
        return tuple(dict.fromkeys(entry.advice for entry in entries if entry.advice))

    def text(self, width: int = 80, *, lines: int = 30) -> str:
        """Lay it out as text, `width` columns wide, with the `lines` largest entries."""
        return "\n".join(_text(self, max(width, 60), lines))

    def __str__(self) -> str:
        return self.text(shutil.get_terminal_size().columns)

    def _repr_html_(self) -> str:
        return "".join(_html(self, 100))


_WAYS: tuple[Way, ...] = ("in-band", "view", "gathered copy", "shared reference", "out-of-band", "header")


def amount(nbytes: int) -> str:
    """Bytes for people: KB, MB and GB are 2^10, 2^20 and 2^30."""
    size = float(nbytes)
    for unit in ("B", "KB", "MB"):
        if size < 999.5:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GB"


def printable(text: str) -> str:
    """The text with all that a terminal would obey, or not show, written out: names and keys may be a stranger's."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _frames(count: int) -> str:
    return f"{count:,} frame{'' if count == 1 else 's'}"


def _summary(ledger: Ledger) -> str:
    return f"{amount(ledger.nbytes)} in {_frames(len(ledger.frames))}, {ledger.codec} codec"


def _totals(ledger: Ledger) -> list[str]:
    return [f"{way} {amount(total)}" for way in _WAYS if (total := ledger.total(way))]


def _where(entry: Entry, width: int = 1 << 30) -> str:
    path, others = printable(entry.path), len(entry.items) - 1
    text = f"{path} and {others:,} more" if others else path
    if len(text) <= width:
        return text
    more = f" +{others:,}" if others else ""
    # Of several the first steps tell more, which are the others' as well.
    return _fit_path(path, max(width - len(more), 1), first=others > 0) + more


def _what(entry: Entry, width: int = 1 << 30) -> str:
    texts = list(map(printable, _told(entry)))
    return next((text for text in texts if len(text) <= width), None) or _fit(texts[-1], width)


def _told(entry: Entry) -> Iterator[str]:
    """What the values of an entry are, or their dtypes if these differ; then the same in fewer words."""
    dtypes = list(dict.fromkeys(_short(item).partition(" (")[0] for item in entry.items))
    if len(dtypes) > 1:
        yield ", ".join(dtypes[:3]) + (f" and {len(dtypes) - 3:,} more" if len(dtypes) > 3 else "")
        yield f"{len(dtypes):,} dtypes"
        return
    item = entry.items[0]
    name = item.type.rpartition(".")[2]
    if name not in ("ndarray", "DataFrame", "Series") or not item.description:
        yield f"{name} {item.description}".strip()
    if item.description:
        yield item.description
        yield _short(item)


def _short(item: Item) -> str:
    """Its dtype and shape; the number of columns stands in the shape as well."""
    return item.description.rpartition(" columns ")[2] or item.type.rpartition(".")[2]


def _shown(ledger: Ledger, lines: int) -> tuple[list[Entry], str]:
    """The largest entries, and what to say of the others."""
    entries = sorted(ledger.entries, key=lambda entry: -entry.nbytes)
    rest = entries[lines:]
    return entries[
        :lines
    ], f"{amount(sum(entry.nbytes for entry in rest))} in {len(rest):,} smaller entries" if rest else ""


def _text(ledger: Ledger, width: int, lines: int) -> Iterator[str]:
    entries, rest = _shown(ledger, lines)
    ways = max(len(entry.way) for entry in entries)
    left = width - 9 - 2 - 2 - 2 - ways - len(" [9]")
    where, what = (max(map(len, map(cell, entries))) for cell in (_where, _what))
    where = min(where, max(left // 2, left - what))
    what = min(what, left - where)
    reasons = {why: number for number, why in enumerate(dict.fromkeys(entry.why for entry in entries if entry.why), 1)}
    yield _summary(ledger)
    yield ""
    yield f"{'bytes':>9}  {'where':{where}}  {'what':{what}}  how"
    for entry in entries:
        note = f" [{reasons[entry.why]}]" if entry.why else ""
        yield (
            f"{amount(entry.nbytes):>9}  {_where(entry, where):{where}}  {_what(entry, what):{what}}  {entry.way}{note}"
        )
    if rest:
        yield f"{'':11}{rest}"
    yield ""
    for why, number in reasons.items():
        yield from _paragraph(f"[{number}] ", why, width)
    if reasons:
        yield ""
    yield from _paragraph("Together: ", ", ".join(_totals(ledger)) + ".", width)
    for advice in ledger.advice:
        yield from _paragraph("Instead:  ", advice, width)


def _paragraph(lead: str, text: str, width: int) -> list[str]:
    return wrap(lead + text, width, subsequent_indent=" " * len(lead), break_on_hyphens=False)


def _fit(text: str, width: int) -> str:
    """The text in so many columns, without its middle if it is longer."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


_STEPS = re.compile(r"""\[(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^]'"])*\]+|\.\w+|.+""")
"""The steps of a path; what comes after a key that was cut is one with it."""


def _fit_path(path: str, width: int, *, first: bool) -> str:
    """The path in so many columns, without steps from its middle. first: its first steps are kept rather than its last."""
    if len(path) <= width:
        return path
    start, end = "obj", ""
    steps = _STEPS.findall(path.removeprefix(start))
    for of_start in (first, not first):
        while steps and len(start) + 1 + len(steps[0 if of_start else -1]) + len(end) <= width:
            start, end = (start + steps.pop(0), end) if of_start else (start, steps.pop() + end)
    return f"{start}…{end}" if start + end != "obj" else _fit(path, width)


def _html(ledger: Ledger, lines: int) -> Iterator[str]:
    entries, rest = _shown(ledger, lines)
    yield f"<div><p><b>{escape(_summary(ledger))}</b>: {escape(', '.join(_totals(ledger)))}</p><table><thead><tr>"
    yield from (f"<th>{heading}</th>" for heading in ("bytes", "where", "what", "how", "why"))
    yield "</tr></thead><tbody>"
    for entry in entries:
        cells = (amount(entry.nbytes), _where(entry), _what(entry), entry.way, entry.why)
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    yield f"</tbody></table>{f'<p>{escape(rest)}</p>' if rest else ''}"
    if ledger.advice:
        yield f"<ul>{''.join(f'<li>{escape(advice)}</li>' for advice in ledger.advice)}</ul>"
    yield "</div>"
