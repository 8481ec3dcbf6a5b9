"""Public functions say what they take: a linter of numpy docstrings, on the sources."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from numpydoc.docscrape import NumpyDocString

PACKAGE = Path(__file__).resolve().parents[2] / "platform" / "dnasweep"
MODULES = sorted(PACKAGE.rglob("*.py"))
MANY = 3
"""From this number of parameters on, each has to be described."""


class Function(NamedTuple):
    """A public function or method, or a class with what `__init__` takes."""

    name: str
    line: int
    parameters: list[str]
    docstring: str | None


def parameters_of(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> list[str]:
    taken = node.args
    static = any(ast.unparse(one) == "staticmethod" for one in node.decorator_list)
    names = [*taken.posonlyargs, *taken.args][method and not static :] + taken.kwonlyargs
    more = [one for one in (taken.vararg, taken.kwarg) if one is not None]
    return [one.arg for one in [*names, *more]]


def functions(node: ast.Module | ast.ClassDef, inside: str = "") -> Iterator[Function]:
    """Yield the public functions and methods below a node; a constructor by its class."""
    # Methods of a base or a protocol are described there.
    described = isinstance(node, ast.ClassDef) and (
        bool(node.bases) or ":class:" in (ast.get_docstring(node) or "")
    )
    method = isinstance(node, ast.ClassDef)
    for child in node.body:
        name = getattr(child, "name", "_")
        if isinstance(child, ast.ClassDef) and not name.startswith("_"):
            yield from functions(child, f"{inside}{name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if name == "__init__" and isinstance(node, ast.ClassDef):
                text = ast.get_docstring(node)
                taken = parameters_of(child, method=True)
                yield Function(inside.rstrip("."), child.lineno, taken, text)
            elif not name.startswith("_") and not is_overload(child):
                if described and ast.get_docstring(child) is None:
                    continue
                taken = parameters_of(child, method=method)
                yield Function(inside + name, child.lineno, taken, ast.get_docstring(child))


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(one).endswith("overload") for one in node.decorator_list)


def faults(function: Function) -> list[str]:
    """Return what is wrong with the section of parameters of a docstring."""
    if function.docstring is None:
        return ["has no docstring"] if len(function.parameters) >= MANY else []
    with warnings.catch_warnings():
        # numpydoc warns of sections that it does not know.
        warnings.simplefilter("error")
        try:
            parsed = NumpyDocString(function.docstring)
        except (UserWarning, ValueError) as error:
            return [f"cannot be read: {error}"]
    listed = [
        name.strip().lstrip("*")
        for entry in parsed["Parameters"]
        for name in entry.name.split(",")
    ]
    empty = [entry.name for entry in parsed["Parameters"] if not "".join(entry.desc).strip()]
    unknown = [name for name in listed if name not in function.parameters]
    missing = [name for name in function.parameters if name not in listed]
    found = [f"describes {name}, which it does not take" for name in unknown]
    found += [f"says nothing of {name}" for name in empty]
    if len(function.parameters) >= MANY and not inherits(function.docstring):
        found += [f"does not describe {name}" for name in missing]
    return found


def inherits(docstring: str) -> bool:
    """Return whether a docstring names another function that describes the same parameters."""
    return (
        re.search(r"[Pp]arameters\b[^.]*\b(as|of|by)\b[^.]*:(class|func|meth):", docstring)
        is not None
    )


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.relative_to(PACKAGE).as_posix()) for p in MODULES]
)
def test_parameters_are_described(path: Path) -> None:
    wrong = [
        f"line {function.line}: {function.name} {fault}"
        for function in functions(ast.parse(path.read_text()))
        for fault in faults(function)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("docstring", "fault"),
    [
        (None, "has no docstring"),
        ("Return it.", "does not describe c"),
        (
            "Do.\n\nParameters\n----------\na, b\n    Both.\nc\n    It.\nd\n    What.",
            "describes d",
        ),
        ("Do.\n\nParameters\n----------\na, b\nc\n    It.", "says nothing of a, b"),
    ],
)
def test_faults_are_found(docstring: str | None, fault: str) -> None:
    assert any(fault in one for one in faults(Function("f", 1, ["a", "b", "c"], docstring)))
