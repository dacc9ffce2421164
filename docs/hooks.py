"""What the site has beside the pages of docs/: the README as its first page, the changelog, the examples, the commands.

MkDocs runs this (mkdocs.yml). Each is made of the file or the program itself, so that nothing is written twice.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {
        "index.md": (ROOT / "README.md").read_text(),
        "benchmarks.md": (ROOT / "benchmarks" / "README.md").read_text(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(),
        "license.md": f"# Licence\n\n```text\n{(ROOT / 'LICENSE').read_text()}```\n",
        "examples.md": "\n".join(_examples()),
        "commands.md": "\n".join(_commands()),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=_relinked(text, made_at_root=True)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links that leave docs/ to the pages that stand for their files."""
    return _relinked(markdown, made_at_root=False)


PAGES = {
    "benchmarks/README.md": "benchmarks.md",
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "license.md",
    "examples/": "examples.md",
}


def _relinked(text: str, *, made_at_root: bool) -> str:
    here = "" if made_at_root else r"\.\./"
    for name, page in PAGES.items():
        text = re.sub(rf"\]\({here}{re.escape(name)}(#[\w-]+)?\)", rf"]({page}\1)", text)
    return re.sub(r"\]\(docs/", "](", text) if made_at_root else text


def _examples() -> Iterator[str]:
    yield "# Examples\n\nEach runs in a few seconds and prints a proof; they are in `examples/`.\n"
    for path in sorted((ROOT / "examples").glob("*.py")):
        code = path.read_text()
        tree = ast.parse(code)
        doc = ast.get_docstring(tree) or ""
        rest = "\n".join(code.splitlines()[tree.body[0].end_lineno if doc else 0 :]).strip()
        yield f"## {path.name}\n\n{doc}\n\n```python\n{rest}\n```\n"


def _commands() -> Iterator[str]:
    from oobpickle.cli.app import app  # noqa: PLC0415 - imports all that the command line needs

    group = typer.main.get_command(app)
    yield f"# Commands\n\n{_help(group)}\n"
    for name, command in sorted(getattr(group, "commands", {}).items()):
        context = click.Context(command, info_name=name, parent=click.Context(group, info_name="oobpickle"))
        usage = " ".join(command.collect_usage_pieces(context))
        yield f"## oobpickle {name}\n\n```text\noobpickle {name} {usage}\n```\n\n{_help(command)}\n"
        for parameter in command.params:
            record = parameter.get_help_record(context)
            if record:
                yield f"- `{record[0]}`: {record[1]}"
            elif text := getattr(parameter, "help", None):
                yield f"- `{parameter.make_metavar(context)}`: {text}"
        yield ""


def _help(command: Any) -> str:
    return re.sub(r"^    ", "", command.help or "", flags=re.MULTILINE).replace("\b", "")
