"""A marker file that tells a batch job that its command has saved progress and can be resumed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

VARIABLE = "DNASWEEP_KEPT"
"""Environment variable with the path of the file; `slurm.sh` sets it for all processes of a job."""


def say_kept() -> None:
    """Create the file, if one is named: an artefact was published, or a training state saved."""
    if name := os.environ.get(VARIABLE):
        # Its folder is gone if the job has ended in the meantime.
        with contextlib.suppress(OSError):
            Path(name).touch()
