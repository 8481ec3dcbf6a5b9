"""A sign for a batch job that something is kept which another start of its command goes on from."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

VARIABLE = "DNASWEEP_KEPT"
"""Environment variable that names the file to make; `slurm.sh` sets it for all processes of a job."""


def say_kept() -> None:
    """Make the file, if one is named: an artefact is published, or the state of a training is saved."""
    if name := os.environ.get(VARIABLE):
        # It is gone where the job has ended meanwhile.
        with contextlib.suppress(OSError):
            Path(name).touch()
