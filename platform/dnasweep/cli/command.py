"""What every sweep and job does around its work: options in, exit code out."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from typing import TypeVar

import tyro
from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError, NothingLeft
from dnasweep.report.console import Terminal
from dnasweep.runtime.cluster.token import secure_token
from dnasweep.storage import full_disk, is_full_disk

Options = TypeVar("Options")

EXIT_NOTHING = 1
EXIT_BAD_INPUT = 2
LOG_COLUMNS = 120
EXIT_INTERRUPTED = 130


def run_command(
    main: Callable[[Options, Console], int | None], options: type[Options], *, doc: str | None
) -> None:
    """Read options from the command line, run `main` and leave with its exit code.

    Exit code 0 is success, 1 work of which nothing came, 2 input that cannot be used, 130 Ctrl-C.
    Anything else is a defect of the program and shows its traceback.
    """
    chosen = tyro.cli(options, description=(doc or "").strip())
    console = Terminal(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = LOG_COLUMNS
    quieten()
    try:
        if getattr(chosen, "dry_run", False) and hasattr(chosen, "address"):
            # What a session would be refused for; without a dry run, sessions look for themselves.
            secure_token(make=False)
        code = main(chosen, console) or 0
    except InputError as error:
        code = _refuse(error)
    except KeyboardInterrupt:
        Terminal(stderr=True, highlight=False).print(
            "\n[bold yellow]Stopped.[/] Finished stages are kept, and running ones go on from their "
            "last state: run the same command again."
        )
        code = EXIT_INTERRUPTED
    except Exception as error:
        # Anything may be writing when a disk fills up: the database, the report, a library.
        if not is_full_disk(error):
            raise
        code = _refuse(full_disk(getattr(error, "filename", None)))
    sys.exit(code)


def _refuse(error: InputError) -> int:
    Terminal(stderr=True, highlight=False, soft_wrap=True).print(
        f"[bold red]error:[/] {escape(str(error))}"
    )
    return EXIT_NOTHING if isinstance(error, NothingLeft) else EXIT_BAD_INPUT


def quieten() -> None:
    """Keep the libraries' own chatter out of the terminal; warnings that matter are ours."""
    for name in ("ray", "mlflow", "alembic", "transformers", "matplotlib", "filelock"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # A failed trial is an error to Tune and a line with its reason to us.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
