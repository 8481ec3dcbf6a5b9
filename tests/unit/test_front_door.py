"""`import dnasweep`: what it offers, and what it does not import."""

from __future__ import annotations

import inspect
import subprocess
import sys

import dnasweep
import pytest
from numpydoc.docscrape import FunctionDoc

HEAVY = {"torch", "ray", "mlflow", "transformers", "pandas", "numpy", "matplotlib", "rich"}
FUNCTIONS = sorted(n for n in dnasweep.__all__ if n[0].islower() and n[0] != "_")


def test_importing_it_imports_nothing_heavy() -> None:
    code = f"import dnasweep, sys; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_name_is_there() -> None:
    for name in dnasweep.__all__:
        assert getattr(dnasweep, name) is not None
    assert set(dir(dnasweep)) == set(dnasweep.__all__)
    with pytest.raises(AttributeError, match="no attribute 'fit'"):
        _ = dnasweep.fit


def test_errors_are_one_family() -> None:
    assert issubclass(dnasweep.NothingLeft, dnasweep.InputError)
    assert issubclass(dnasweep.InputError, ValueError)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_documents_each_parameter(name: str) -> None:
    function = getattr(dnasweep, name)
    documented = {entry.name for entry in FunctionDoc(function)["Parameters"]}
    assert documented == set(inspect.signature(function).parameters)
    assert FunctionDoc(function)["Raises"]


@pytest.mark.parametrize("name", sorted(set(dnasweep.__all__) - set(FUNCTIONS) - {"__version__"}))
def test_every_class_and_method_has_a_docstring(name: str) -> None:
    kind = getattr(dnasweep, name)
    assert inspect.getdoc(kind)
    for member, value in vars(kind).items():
        if not member.startswith("_"):
            assert inspect.getdoc(value), f"{name}.{member}"
