"""Event files for TensorBoard: a folder for each run, with its metrics and its hyperparameters.

Files are written by tensorboardX, a dependency of Ray Tune; `tensorboard` is only needed to view
them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dnasweep.tracking.copies import Run

_NOT_IN_A_PATH = re.compile(r"[^\w.,=+@-]+")
COMPARED = ("best/", "test/")
"""Groups of metrics shown together with the hyperparameters."""


class EventFiles:
    """Writes the runs of a sweep below one folder, for `tensorboard --logdir`.

    Parameters
    ----------
    folder
        The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}
        self._runs: dict[str, Run] = {}
        self._last: dict[str, dict[str, float]] = {}

    def open(self, run: Run) -> None:
        """Open a new or an earlier run; an earlier one gets another file in its folder."""
        from tensorboardX import SummaryWriter

        self._runs[run.key] = run
        self._last[run.key] = {}
        # Otherwise, a run opened twice within a second would overwrite its own file.
        suffix = f".{os.getpid()}.{time.time_ns()}"
        place = str(self._folder / folder_name(run))
        self._writers[run.key] = SummaryWriter(place, filename_suffix=suffix)

    def metrics(self, key: str, metrics: Mapping[str, float], step: int) -> None:
        """Add metrics to an open run, and flush them to the file.

        Parameters
        ----------
        key
            Key of the run.
        metrics
            Values of the metrics by name.
        step
            Step: the number of bases seen.
        """
        for name, value in metrics.items():
            self._writers[key].add_scalar(name, value, step)
        self._writers[key].flush()
        self._last[key] |= {n: v for n, v in metrics.items() if n.startswith(COMPARED)}

    def facts(self, key: str, facts: Mapping[str, str]) -> None:
        """Add facts about a run as texts."""
        for name, value in facts.items():
            self._writers[key].add_text(name, value)

    def end(self, key: str, status: str) -> None:
        """Write the hyperparameters and close the file."""
        from tensorboardX.summary import hparams

        writer, run = self._writers.pop(key), self._runs.pop(key)
        if run.params:
            settings = {
                name: value if isinstance(value, bool | int | float) else str(value)
                for name, value in run.params.items()
            }
            for summary in hparams(settings, self._last.pop(key)):
                writer.file_writer.add_summary(summary)
        writer.close()


def folder_name(run: Run) -> str:
    """Return the folder name of a run, which is displayed by TensorBoard."""
    name = _NOT_IN_A_PATH.sub("_", run.name).strip("_.")[:100]
    short = run.key.removeprefix("encoder-")[:8]
    return f"{name or run.stage}_{short}"
