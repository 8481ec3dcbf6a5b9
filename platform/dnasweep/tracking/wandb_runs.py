"""Runs in Weights & Biases, through its own client: online, or offline for `wandb sync`.

Only the client reads the account key. It is configured not to store the command line, the state of
the repository, or the description of the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dnasweep.errors import InputError
from dnasweep.tracking.copies import Run

STEP = "bases_seen"
"""The x axis of every curve."""
_MAX_ID, _MAX_NAME = 64, 128
"""Maximum numbers of characters in Weights & Biases."""


class WandbRuns:
    """Writes the runs of a sweep to one project, grouped by the sweep.

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
        """Open a new or an earlier run by its key."""
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
        """Add facts about a run to its summary."""
        self._runs[key].summary.update(dict(facts))

    def end(self, key: str, status: str) -> None:
        """Close a run; one that failed or was killed shows as failed."""
        self._runs.pop(key).finish(exit_code=0 if status == "FINISHED" else 1)


def is_online() -> bool:
    """Return whether runs are sent, according to WANDB_MODE and the settings of the client."""
    import wandb

    return wandb.setup().settings.mode in ("online", "shared")


def check_login() -> None:
    """Check that runs can be sent or will be kept offline.

    Raises
    ------
    ImportError
        If the client is not installed.
    InputError
        If the client is online and has no key.
    """
    import wandb

    if is_online() and not wandb.login(prompt=False, verify=False):
        raise InputError(
            "--also wandb: nobody is logged in to Weights & Biases",
            remedy="Run: wandb login. Or set WANDB_MODE=offline, and send the runs later by "
            "`wandb sync`.",
        )
