"""Runs in Weights & Biases, by its own client: online, or offline for `wandb sync`.

The client alone reads the key of the account. It is told to keep neither the command line, nor the
state of the repository, nor what the machine is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dnasweep.errors import InputError
from dnasweep.tracking.copies import Run

STEP = "bases_seen"
"""The axis of every curve."""
_MAX_ID, _MAX_NAME = 64, 128
"""Letters that Weights & Biases takes."""


class WandbRuns:
    """The runs of a sweep in one project, grouped by the sweep.

    Parameters
    ----------
    project
        Name of the project; the entity is that of WANDB_ENTITY, else the account's own.
    folder
        Folder of the client's files.
    """

    def __init__(self, project: str, folder: Path) -> None:
        self._project = project[:_MAX_NAME].translate(str.maketrans("/\\#?%:", "------"))
        self._folder = folder
        self._runs: dict[str, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, run: Run) -> None:
        """Open a run by its key, or an earlier one again."""
        import wandb

        opened = wandb.init(
            project=self._project,
            id=run.key[:_MAX_ID],
            name=run.name[:_MAX_NAME],
            group=run.group[:_MAX_ID],
            job_type=run.stage,
            config=dict(run.params),
            dir=str(self._folder),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                console="off",
                silent=True,
                disable_git=True,
                save_code=False,
                x_disable_meta=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
            ),
        )
        opened.define_metric(STEP, hidden=True)
        opened.define_metric("*", step_metric=STEP)
        self._runs[run.key] = opened

    def metrics(self, key: str, metrics: Mapping[str, float], step: int) -> None:
        """Add metrics to an open run.

        Parameters
        ----------
        key
            Key of the run.
        metrics
            Values of the metrics by name.
        step
            Step: the number of bases seen.
        """
        self._runs[key].log({**metrics, STEP: step})

    def facts(self, key: str, facts: Mapping[str, str]) -> None:
        """State what is known of a run in its summary."""
        self._runs[key].summary.update(dict(facts))

    def end(self, key: str, status: str) -> None:
        """Close a run; one that failed or was killed shows as failed."""
        self._runs.pop(key).finish(exit_code=0 if status == "FINISHED" else 1)


def is_online() -> bool:
    """Return whether runs are sent, as WANDB_MODE and the settings of the client say."""
    import wandb

    return wandb.setup().settings.mode in ("online", "shared")


def check_login() -> None:
    """Check that runs can be sent, or are to be kept offline.

    Raises
    ------
    ImportError
        If the client is not installed.
    InputError
        If it is online and has no key.
    """
    import wandb

    if is_online() and not wandb.login(prompt=False, verify=False):
        raise InputError(
            "--also wandb: nobody is logged in to Weights & Biases",
            remedy="Run: wandb login. Or set WANDB_MODE=offline, and send the runs later by "
            "`wandb sync`.",
        )
