"""The registry of commands: every file in `sweeps/` or `jobs/` beside this one is a command.

The file's docstring is the text of `--help`; its `main` takes the options and does the work.
"""

from __future__ import annotations

import ast
import importlib
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from rich.console import Console

from dnasweep.errors import InputError
from dnasweep.invocation import GROUPS, PROGRAM


class Command(NamedTuple):
    """One command."""

    name: str
    """Name of the command as typed, such as `shap-batch`."""
    group: str
    """`sweeps` or `jobs`."""
    path: Path
    """Source file of the command."""

    @property
    def summary(self) -> str:
        """The first line of the file's docstring, read without importing it."""
        text = ast.get_docstring(ast.parse(self.path.read_text(encoding="utf-8"))) or ""
        return text.partition("\n")[0]

    def load(self) -> ModuleType:
        """Import it."""
        return importlib.import_module(f"{__package__}.{self.group}.{self.path.stem}")

    @property
    def options(self) -> type:
        """The dataclass of the command's options."""
        return typing.get_type_hints(self.load().main)["options"]

    def run(self, words: Sequence[str] | None = None, *, program: str | None = None) -> None:
        """Run the command and exit with its code.

        Parameters
        ----------
        words
            Its options as typed. Default: those of this process.
        program
            Its name in the help. Default: the script that runs.
        """
        from dnasweep.cli.command import run_command

        module = self.load()
        main: Callable[[Any, Console], int | None] = module.main
        if hasattr(module, "separated"):
            # The last words are another command with its own options.
            words = module.separated(sys.argv[1:] if words is None else words, list(commands()))

            def main(options: Any, console: Console) -> int | None:
                _check_words(options.command)
                return module.main(options, console)

        run_command(main, self.options, doc=module.__doc__, words=words, program=program)


def commands() -> dict[str, Command]:
    """Return all commands by name, sweeps first."""
    here = Path(__file__).parent
    found = [
        Command(path.stem.replace("_", "-"), group, path)
        for group in GROUPS
        for path in sorted((here / group).glob("[a-z]*.py"))
    ]
    return {command.name: command for command in found}


def _check_words(words: Sequence[str]) -> None:
    """Refuse a command line with the same message that running it would give.

    Parameters
    ----------
    words
        Name of a command, and its options.

    Raises
    ------
    InputError
        If no command is named, or an option has an invalid value.
    """
    from dnasweep.cli.command import read_values

    known = commands()
    if not words or words[0] not in known or words[0] == "slurm":
        raise InputError(
            "there is no command to run",
            remedy=f"Name one after the SLURM options, followed by its own: {PROGRAM} slurm --nodes 2 "
            "tokenizer-grid --data promoters.csv.",
        )
    command = known[words[0]]
    options: Any = command.options
    options(**read_values(options, words=words[1:], program=call_of(command)))


def run_script(file: str) -> None:
    """Run the command that a script of the repository is named after.

    Parameters
    ----------
    file
        The script.
    """
    commands()[Path(file).stem.replace("_", "-")].run()


def call_of(command: Command) -> str:
    """Return the command line that runs a command."""
    return f"{PROGRAM} {command.name}"
