"""Every command and option that a message names exists, and can be typed by whoever reads it."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest
from dnasweep.commands.registry import Command
from option_toys import ALL, COMMANDS, ROOT, flags_of

PACKAGE = ROOT / "platform" / "dnasweep"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    ): path
    for path in PACKAGE.rglob("*.py")
}
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]|(?<![\w-])--k\b")
CALL = re.compile(r"\bdnasweep ([a-z]+(?:-[a-z]+)*)(?![\w-])")
OF_OTHERS = frozenset(
    # Ray's own command line and MLflow's.
    "--head --block --temp-dir --generate --backend-store-uri --port --address --allowed-hosts "
    "--autoscaling-config --gcs-address "
    # TensorBoard's.
    "--logdir "
    # What stands before a command.
    "--version --completion --tyro-print-completion "
    # Those of sbatch.
    "--qos --constraint "
    # Colours of figures in pages, as CSS names them.
    "--grid --ink --letters".split()
)


def strings(tree: ast.AST) -> list[str]:
    """Return the texts of a module, f-strings whole with their holes left out."""
    found, within = [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [p for p in node.values if isinstance(p, ast.Constant)]
            within |= {id(part) for part in parts}
            found.append("\0".join(str(part.value) for part in parts))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in within
        ):
            found.append(node.value)
    return found


def named(path: Path) -> set[str]:
    """Return the flags that a module names, but for those of a command that it names with them."""
    found: set[str] = set()
    for text in strings(ast.parse(path.read_text())):
        flags = set(FLAG.findall(text))
        for name in COMMANDS.keys() & set(CALL.findall(text)):
            if path.stem != COMMANDS[name].path.stem:
                flags -= flags_of(COMMANDS[name].options)
        found |= flags
    return found


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """Return the modules of the package that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and str(node.value).startswith("dnasweep."):
            # What is computed by actors is named to them.
            found.add(re.split("[:]", str(node.value))[0])
    return frozenset(found & set(MODULES))


FRAME = ("dnasweep.cli.command", "dnasweep.commands.program", "dnasweep.commands.completion")
"""Modules that run every command."""


def reached(path: Path) -> set[str]:
    """Return all modules of the package that a command may run."""
    found: set[str] = set()
    waiting = {*imported(path), *FRAME, *(name for name, one in MODULES.items() if one == path)}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= imported(MODULES[name])
    return found


FROM_PYTHON = {"dnasweep.sweeps.in_process", "dnasweep.workflows.next_steps"}
"""Modules that no command runs, whose callers from Python name options as the commands do, and those
that tell of other commands."""

REACHED = {command.path.stem: reached(command.path) for command in COMMANDS.values()}
OWN = {f"dnasweep.commands.{c.group}.{c.path.stem}" for c in COMMANDS.values()}
"""Modules of commands, which tell of one another too."""
NAMING = {name: flags for name, path in MODULES.items() if (flags := named(path) - OF_OTHERS)}


def test_there_are_messages_to_look_at() -> None:
    assert len(NAMING) > 30
    assert "--max-tokens" in NAMING["dnasweep.sweeps.lengths"]


@pytest.mark.parametrize("module", sorted(NAMING.keys() - OWN))
def test_an_option_that_a_message_names_exists(module: str) -> None:
    scripts = [name for name, modules in REACHED.items() if module in modules]
    if module in FROM_PYTHON:
        scripts = list(REACHED)
    there = set().union(*(flags_of(ALL[name]) for name in scripts))
    assert scripts, "nothing runs it"
    assert not NAMING[module] - there


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_an_option_that_a_command_itself_names_exists(command: Command) -> None:
    every = set().union(*map(flags_of, ALL.values()))
    assert not named(command.path) - every - OF_OTHERS


def test_no_message_names_a_script() -> None:
    # They are in the clone alone; `dnasweep NAME` is wherever the package is.
    scripts = re.compile(r"\b(?:jobs|sweeps)/\w+\.py|\b(?:" + "|".join(ALL) + r")\.py")
    naming = {
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in MODULES.values()
        if path.name != "invocation.py"
        for text in strings(ast.parse(path.read_text()))
        if scripts.search(text)
    }
    assert not naming


def test_a_command_that_a_message_names_exists() -> None:
    found = {
        name
        for path in MODULES.values()
        for text in strings(ast.parse(path.read_text()))
        for name in re.findall(r"`dnasweep ([a-z-]+)", text)
    }
    assert len(found) > 5
    assert found <= set(COMMANDS) | {"made"}


def texts_of(node: ast.AST) -> set[str]:
    return {text for text in strings(node) if set(CALL.findall(text)) & set(COMMANDS)}


@pytest.mark.parametrize("path", MODULES.values(), ids=lambda path: path.stem)
def test_a_script_names_commands_as_scripts(path: Path) -> None:
    tree = ast.parse(path.read_text())
    # Docstrings of options and commands, and messages of errors, are changed where they are shown.
    told: set[str] = set()
    for node in ast.walk(tree):
        if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) or (
            isinstance(node, ast.Call)
            and ast.unparse(node.func)
            in (
                "as_typed",
                "InputError",
                "NothingLeft",
            )
        ):
            told |= texts_of(node)
    assert not texts_of(tree) - told, "give it to as_typed()"
