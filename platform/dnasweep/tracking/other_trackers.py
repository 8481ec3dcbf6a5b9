"""The trackers that `--also` names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.tracking.copies import Copy

TrackerName = Literal["wandb", "tensorboard"]


def check_trackers(names: Sequence[TrackerName]) -> None:
    """Check that trackers can be used, before anything is trained.

    Raises
    ------
    InputError
        If one is not known or its package is missing, or Weights & Biases is online and nobody has
        logged in.
    """
    known = get_args(TrackerName)
    # From Python nobody else has looked.
    if isinstance(names, str) or not set(names) <= set(known):
        raise InputError(f"also is {names!r}", remedy=f"Use a list of some of {', '.join(known)}.")
    for name in names:
        try:
            if name == "wandb":
                from dnasweep.tracking.wandb_runs import check_login

                check_login()
            else:
                import tensorboardX  # noqa: F401
        except ImportError as error:
            raise InputError(
                f"--also {name} needs the package {error.name or name}, which is not installed",
                remedy=f"Run: pip install 'dnasweep[{name}]', or leave out {name}.",
            ) from error


def make_copies(
    names: Sequence[TrackerName], *, experiment: str, sweep: str, folder: Path
) -> list[Copy]:
    """Return a copy for each tracker, which begins to take records.

    Parameters
    ----------
    names
        The trackers.
    experiment
        Name of the MLflow experiment; the project's in Weights & Biases.
    sweep
        Key of the sweep.
    folder
        Folder of the sweep, which gets a folder for each tracker.
    """
    made = []
    for name in dict.fromkeys(names):
        ledger, place = folder / f"{name}.copied.jsonl", folder / name
        if name == "wandb":
            from dnasweep.tracking.wandb_runs import WandbRuns, is_online

            where = f"wandb sync {escape(str(place))}/wandb/offline-run-*"
            if is_online():
                where = f"the project {escape(experiment)}"
            made.append(
                Copy(
                    "Weights & Biases", where, partial(WandbRuns, experiment, place), ledger, sweep
                )
            )
        else:
            from dnasweep.tracking.event_files import EventFiles

            where = f"tensorboard --logdir {escape(str(place))}"
            made.append(Copy("TensorBoard", where, partial(EventFiles, place), ledger, sweep))
    return made


def copied_lines(copies: Sequence[Copy]) -> list[str]:
    """Return how to look at what was copied, in console markup."""
    return [f"[bold]{escape(copy.name)}[/] {copy.place}" for copy in copies]
