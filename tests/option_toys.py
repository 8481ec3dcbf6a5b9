"""What the scripts of this repository take, read from them."""

from __future__ import annotations

import importlib.util
import sys
import typing
from dataclasses import fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted([*ROOT.glob("jobs/*.py"), *ROOT.glob("sweeps/*.py")])


def options_of(script: Path) -> type:
    """Return the options that a script's `main` takes."""
    spec = importlib.util.spec_from_file_location(f"script_{script.stem}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return typing.get_type_hints(module.main)["options"]


ALL = {script.stem: options_of(script) for script in SCRIPTS}


def flags_of(options: type) -> set[str]:
    """Return the flags that options become on the command line."""
    found = {"--help"}
    hints = typing.get_type_hints(options)
    for field in fields(options):
        flag = field.name.replace("_", "-")
        found |= {f"--{flag}", f"--no-{flag}"} if hints[field.name] is bool else {f"--{flag}"}
    return found


def choices_of(options: type, flag: str) -> set[str]:
    """Return the words that an option may have; empty where it takes any."""
    hint = typing.get_type_hints(options).get(flag.removeprefix("--").replace("-", "_"))
    waiting, found, free = [hint], set(), False
    while waiting:
        kind = waiting.pop()
        if typing.get_origin(kind) is typing.Literal:
            found |= set(map(str, typing.get_args(kind)))
        elif inner := typing.get_args(kind):
            waiting += inner
        else:
            free = free or kind not in (type(None), None, ...)
    return set() if free else found
