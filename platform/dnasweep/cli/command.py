"""The frame of every command: read the options, run the work, exit with a code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape

from dnasweep.cli.boxes import read_command_line
from dnasweep.errors import (
    InputError,
    NothingLeft,
    full_disk,
    is_full_disk,
    is_without_locks,
    without_locks,
)
from dnasweep.invocation import as_typed
from dnasweep.report.console import Terminal
from dnasweep.runtime.cluster.token import secure_token
from dnasweep.sweeps.built_in import built_in_defaults

Options = TypeVar("Options")

EXIT_NOTHING = 1
EXIT_BAD_INPUT = 2
LOG_COLUMNS = 120
EXIT_INTERRUPTED = 130


def run_command(
    main: Callable[[Options, Console], int | None],
    options: type[Options],
    *,
    doc: str | None,
    words: Sequence[str] | None = None,
    program: str | None = None,
) -> None:
    """Read options from the command line, run `main` and exit with its code.

    Exit code 0 means success, 1 work without a result, 2 input that cannot be used, 130 Ctrl-C or
    SIGTERM. Any other error is a defect of the program and shows its traceback.

    Parameters
    ----------
    main
        Function that does the work and returns an exit code, or None for 0.
    options
        Dataclass of the options.
    doc
        Description for `--help`.
    words
        The options as typed. Default: those of this process.
    program
        Name of the command in the help. Default: the script that runs.
    """
    try:
        values = read_values(options, doc=doc, words=words, program=program)
    except BrokenPipeError:
        # `--help | head`: nobody reads the rest of the output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    console = Terminal(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = LOG_COLUMNS
    quieten()
    # SIGTERM from a batch system or `kill` before or after Ray runs; a Ray session handles it itself.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        chosen = options(**values)
        if getattr(chosen, "dry_run", False) and hasattr(chosen, "address"):
            # A dry run opens no session, so it has to check this itself.
            secure_token(make=False)
        code = main(chosen, console) or 0
    except InputError as error:
        code = _refuse(error)
    except KeyboardInterrupt:
        Terminal(stderr=True, highlight=False).print(
            "\n[bold yellow]Stopped.[/] Finished stages are kept, and running ones resume from their "
            "last state: run the same command again."
        )
        code = EXIT_INTERRUPTED
    except Exception as error:
        # Anything may be writing when the disk is full: the database, the report, a library.
        if is_full_disk(error):
            code = _refuse(full_disk(getattr(error, "filename", None)))
        elif is_without_locks(error):
            code = _refuse(without_locks(getattr(error, "filename", None)))
        else:
            raise
    sys.exit(code)


def read_values(
    options: type[Options],
    *,
    doc: str | None = None,
    words: Sequence[str] | None = None,
    program: str | None = None,
) -> dict[str, Any]:
    """Return the value of each option of a command line; exit with code 2 and a message if one is wrong.

    Parameters
    ----------
    options, doc, words, program
        As for :func:`run_command`.
    """
    text = (doc or "").strip()
    values = read_command_line(options, text, words=words, program=program)
    if usual := built_in_defaults(options, values):
        # Read once more with other defaults, so that values given by the user take precedence.
        values = read_command_line(options, text, defaults=usual, words=words, program=program)
    return values


def _refuse(error: InputError) -> int:
    Terminal(stderr=True, highlight=False, soft_wrap=True).print(
        f"[bold red]error:[/] {escape(as_typed(str(error)))}"
    )
    return EXIT_NOTHING if isinstance(error, NothingLeft) else EXIT_BAD_INPUT


def quieten() -> None:
    """Suppress library messages in the terminal; warnings that matter are printed by our own code."""
    for name in ("ray", "mlflow", "alembic", "transformers", "matplotlib", "filelock"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Tune logs a failed trial as an error; we print the reason on one line.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
