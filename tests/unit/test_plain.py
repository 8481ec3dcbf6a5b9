"""Nothing that stands in a file is obeyed by a terminal or run by a spreadsheet, and none is lost."""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from dnasweep.plain import cell, csv_text, shown, write_csv
from dnasweep.report.console import Terminal
from dnasweep.report.terminal import bullets, new_table
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.markup import escape

ROOT = Path(__file__).resolve().parents[2]
FILES = [p for folder in ("platform", "jobs", "sweeps") for p in (ROOT / folder).rglob("*.py")]
NASTY = (
    "\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "a\rb", "\udcff\udc80.csv", "[/]", "[/bold]", "[bold]x",
    "[enforce fail at inline.cc:1]", "[link=file:///etc]x", "\u202etxt.exe", "\\", "x\\", "[", "a[b]\\",
    "=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-2+3", "\t=1", "\x00", "\u2028", "'=1",
)  # fmt: skip
ANY = st.one_of(
    st.sampled_from(NASTY), st.text(min_size=1), st.text("[]/\\=b@\x1b\r\udcff", min_size=1)
)


def said(*parts: object, **how: object) -> str:
    """Return what a terminal gets, with all its own colours off."""
    file = io.StringIO()
    Terminal(file=file, width=10_000, color_system=None).print(*parts, **how)  # type: ignore[arg-type]
    return file.getvalue()


@settings(max_examples=400, deadline=None)
@given(ANY)
def test_any_text_goes_through_a_terminal(text: str) -> None:
    got = said(f"[bold]file[/] {escape(text)} [dim]end[/]", soft_wrap=True)
    got.encode()
    # Backslashes before brackets and at the end are rich's own way to escape: it may double or drop one.
    if not {"\t", "\\"} & set(text):
        assert got == f"file {shown(text)} end\n"
    assert not {"\x1b", "\r", "\x07", "\x9b", "\u202e"} & set(got)


@settings(max_examples=200, deadline=None)
@given(ANY)
def test_and_through_its_tables(text: str) -> None:
    table = new_table("title")
    table.add_column("name", no_wrap=True)
    table.add_row(text)
    for got in (said(table), said(bullets([text]))):
        got.encode()
        assert not {"\x1b", "\r", "\x9b", "\u202e"} & set(got)
        if not set(text) & set("\n\t") and text.isascii():
            assert shown(text).strip() in got


@pytest.mark.parametrize("text", NASTY)
def test_text_that_nobody_has_escaped_ends_no_sweep(text: str) -> None:
    said(f"[bold]file[/] {text}").encode()


def test_a_number_between_colons_is_no_emoji() -> None:
    assert said("chr1:100: there is no such file :dna: :x:") == (
        "chr1:100: there is no such file :dna: :x:\n"
    )


def test_colours_of_our_own_stay() -> None:
    file = io.StringIO()
    terminal = Terminal(file=file, force_terminal=True, color_system="standard", highlight=False)
    terminal.print("[bold red]error:[/] \x1b[32mgreen")
    assert file.getvalue() == "\x1b[1;31merror:\x1b[0m \\x1b[32mgreen\n"


@settings(max_examples=400, deadline=None)
@given(ANY)
def test_any_text_goes_through_a_table_of_text(text: str) -> None:
    file = io.StringIO()
    # As objects: pandas' own kind of text holds no name that is no UTF-8.
    ids = pd.Series([text], dtype=object)
    csv_text(pd.DataFrame({"id": ids, "n": [-1.5], "strand": ["-"]})).to_csv(file, index=False)
    (header, row) = list(csv.reader(io.StringIO(file.getvalue(), newline="")))
    assert header == ["id", "n", "strand"]
    assert row[1:] == ["-1.5", "-"], "numbers and strands stay as they are"
    assert "\r" not in file.getvalue()
    assert "\x1b" not in file.getvalue()
    assert row[0] == cell(text)
    assert row[0].removeprefix("'") == shown(text).removeprefix("'"), "nothing is lost"


@pytest.mark.parametrize(
    "text", ["=1", "+a", "-a", "@a", "\t=1", "＝1", "=cmd|' /C calc'!A0", "-2+3"]
)
def test_formulas_become_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["+", "-", "-1", "+1e-3", "-inf", "a=1", "chr1:1-2", "", " ", "x@y"]
)
def test_what_is_no_formula_stays(text: str) -> None:
    assert cell(text) == text


def test_names_of_columns_too_and_the_table_is_left_as_it_is(tmp_path: Path) -> None:
    frame = pd.DataFrame({"=x": ["=y", None, "z"], "n": [1, 2, 3]})
    write_csv(frame, tmp_path / "t.tsv", sep="\t")
    assert (tmp_path / "t.tsv").read_text() == "'=x\tn\n'=y\t1\n\t2\nz\t3\n"
    assert list(frame) == ["=x", "n"]
    assert frame.iloc[0, 0] == "=y"


def test_every_table_of_text_is_written_by_one_function() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "to_csv"
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id in OWN)
        and path.relative_to(ROOT).as_posix() not in NO_NAMES
    }
    assert not found, "use dnasweep.plain.write_csv"


OWN = ("comparison", "transfer")
"""Values whose `to_csv` is ours."""
NO_NAMES = (
    "platform/dnasweep/plain.py",
    # Read by jobs only, which must get every cell as it was given.
    "platform/dnasweep/api/files.py",
    # Has gone through `csv_text`.
    "platform/dnasweep/stages/dataset.py",
    # Words of DNA alone, and what is made for a key.
    "platform/dnasweep/tokens/pmi.py",
    "platform/dnasweep/workflows/explanation_comparison.py",
)

SAYING = ("print", "advance", "status", "add_row", "add_column", "add_task", "line")
HARMLESS = frozenset(
    """
    _STYLES[check.level] check.level name number rest remedy _WIDTH how
    by_label truth config.strands options.sanity room REJECTS options.k spec.key state moved tokens
    explained size place sums path width text resources study.name span species options.worker_range trials
    where said what unit title pool shards.shard_size missing gap counts data.key self._total
    settings['model'] settings['tokenizer'] request.settings['model'] path.suffix[1:]
    title request.settings['tokenizer'] options.cpus_per_worker options.gpus_per_worker found
    sweep.recipe.finetuning.precision
    """.split()
)
"""What stands in messages and comes from no file, or has been escaped where it was made."""


def unescaped(path: Path) -> list[str]:
    """Return what goes into the markup of messages without being escaped."""
    found = []
    for call in ast.walk(ast.parse(path.read_text())):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if call.func.attr not in SAYING:
            continue
        for argument in call.args:
            texts = [part for part in bare(argument) if isinstance(part, ast.JoinedStr)]
            found += [
                f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(value.value)}"
                for text in texts
                for value in text.values
                if isinstance(value, ast.FormattedValue)
                and not value.format_spec
                and not harmless(value.value)
            ]
    return found


def bare(node: ast.AST) -> Iterator[ast.AST]:
    """Return a node and all that stands in it, but what is escaped."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "escape":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from bare(child)


def harmless(value: ast.expr) -> bool:
    if isinstance(value, ast.IfExp):
        return harmless(value.body) and harmless(value.orelse)
    if isinstance(value, ast.Call):
        name = ast.unparse(value.func)
        return name in ("escape", "duration", "rate", "len", "self.line") or name.endswith(".join")
    if isinstance(value, ast.BinOp):
        return harmless(value.left) or harmless(value.right)
    return isinstance(value, (ast.Constant, ast.JoinedStr)) or ast.unparse(value) in HARMLESS


@pytest.mark.parametrize(
    # Tables of reports take no markup at all.
    "path",
    [p for p in FILES if p.parent.name != "report"],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_what_a_message_names_is_escaped(path: Path) -> None:
    assert not unescaped(path), "escape() it, or name it among HARMLESS"
