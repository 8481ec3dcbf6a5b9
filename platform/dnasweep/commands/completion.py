"""Shell completion of `dnasweep`, its commands and their options."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping

import tyro

from dnasweep.cli.boxes import FLAT, boxed
from dnasweep.commands.registry import Command
from dnasweep.invocation import PROGRAM


def completion_script(known: Mapping[str, Command], shell: str) -> str:
    """Return the completion script for a shell.

    Parameters
    ----------
    known
        The commands, by name.
    shell
        `bash`, `zsh` or `fish`.
    """
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        tyro.extras.subcommand_cli_from_dict(
            {name: boxed(command.options) for name, command in known.items()},
            prog=PROGRAM,
            args=["--tyro-print-completion", shell],
            config=FLAT,
        )
    return said.getvalue().rstrip()
