"""``oobpickle bench --codecs``: how the comparison of codecs looks. What it compares is in `oobpickle.bench.codecs`."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from oobpickle.bench.codecs.comparison import HEADINGS, LEGEND, Comparison, cannot, compare, rows
from oobpickle.bench.plan import Effort


def compare_codecs(console: Console, effort: Effort) -> list[Comparison]:
    """Compare, and show each subject when it is done."""
    found = []
    console.print(Text(f"\n{LEGEND}\n", "dim"))
    with console.status("comparing") as status:
        for comparison in compare(effort.rounds, effort.seconds):
            found.append(comparison)
            console.print(_table(comparison), Text(cannot(comparison), "dim"), "")
            status.update(f"after {comparison.subject}")
    return found


def _table(comparison: Comparison) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), title=comparison.subject)
    table.title_justify, table.title_style = "left", "bold"
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading.replace(" ", "\n"), justify="right" if number else "left", no_wrap=number > 0)
    for row in rows(comparison):
        table.add_row(*map(Text, row), style="bold" if row[0].startswith("oobpickle") else "")
    return table
