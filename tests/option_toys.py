"""What the commands take, by the scripts of this repository that run them."""

from __future__ import annotations

import typing
from dataclasses import fields
from pathlib import Path

from dnasweep.commands.registry import commands

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted([*ROOT.glob("jobs/*.py"), *ROOT.glob("sweeps/*.py")])


COMMANDS = commands()
ALL = {command.path.stem: command.options for command in COMMANDS.values()}
"""Options by the name of the script."""


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
