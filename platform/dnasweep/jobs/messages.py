"""Lines on the console, the same for all jobs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from dnasweep.tracking.client import NO_TRACKING, without_password


def say(lines: Sequence[str], console: Console) -> None:
    """Print lines of console markup without wrapping them."""
    console.print("\n".join(lines), soft_wrap=True)


def warn(line: str, console: Console) -> None:
    """Print a warning unless it is empty."""
    if line:
        console.print(f"[yellow]{escape(line)}[/]", soft_wrap=True)


def note(line: str, console: Console) -> None:
    """Print a sentence on how files were interpreted."""
    console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)


def mlflow_lines(uri: str) -> list[str]:
    """Return the command that opens an MLflow store, in console markup; none if nothing is recorded."""
    if uri == NO_TRACKING:
        return []
    return [f"[bold]MLflow[/] mlflow ui --backend-store-uri {escape(without_password(uri))}"]
