"""Every option that a message names exists, in a script that can come to say so."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest
from option_toys import ALL, ROOT, SCRIPTS, flags_of

PACKAGE = ROOT / "platform" / "dnasweep"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    ): path
    for path in PACKAGE.rglob("*.py")
}
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]|(?<![\w-])--k\b")
OF_OTHERS = frozenset(
    # Ray's own command line and MLflow's.
    "--head --block --temp-dir --generate --backend-store-uri --port --address --allowed-hosts "
    "--autoscaling-config --gcs-address "
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
    """Return the flags that a module names, but for those of a script that it names with them."""
    found: set[str] = set()
    for text in strings(ast.parse(path.read_text())):
        flags = set(FLAG.findall(text))
        for script in re.findall(r"(?:jobs|sweeps)/(\w+)\.py", text):
            if path.stem != script:
                flags -= flags_of(ALL[script])
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


def reached(path: Path) -> set[str]:
    """Return all modules of the package that a script may run."""
    found: set[str] = set()
    waiting = set(imported(path))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= imported(MODULES[name])
    return found


FROM_PYTHON = {"dnasweep.sweeps.in_process", "dnasweep.workflows.next_steps"}
"""Modules that no script runs, whose callers from Python name options as the scripts do, and those
that tell of the commands of other scripts."""

REACHED = {script.stem: reached(script) for script in SCRIPTS}
NAMING = {name: flags for name, path in MODULES.items() if (flags := named(path) - OF_OTHERS)}


def test_there_are_messages_to_look_at() -> None:
    assert len(NAMING) > 30
    assert "--max-tokens" in NAMING["dnasweep.sweeps.lengths"]


@pytest.mark.parametrize("module", sorted(NAMING))
def test_an_option_that_a_message_names_exists(module: str) -> None:
    scripts = [name for name, modules in REACHED.items() if module in modules]
    if module in FROM_PYTHON:
        scripts = list(REACHED)
    there = set().union(*(flags_of(ALL[name]) for name in scripts))
    assert scripts, "nothing runs it"
    assert not NAMING[module] - there


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_option_that_a_script_itself_names_exists(script: Path) -> None:
    every = set().union(*map(flags_of, ALL.values()))
    assert not named(script) - every - OF_OTHERS
