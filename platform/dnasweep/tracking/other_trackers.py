"""The trackers selected with `--also`."""

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
        If a tracker is unknown or its package is missing, or if Weights & Biases is online and the
        user has not logged in.
    """
    known = get_args(TrackerName)
    # Names given from Python have not been checked before.
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
    """Return a copy for each tracker, ready to accept records.

    Parameters
    ----------
    names
        The trackers.
    experiment
        Name of the MLflow experiment, also used for the project in Weights & Biases.
    sweep
        Key of the sweep.
    folder
        Folder of the sweep, in which each tracker gets a folder.
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
    """Return lines that say how to view the copies, in console markup."""
    return [f"[bold]{escape(copy.name)}[/] {copy.place}" for copy in copies]
