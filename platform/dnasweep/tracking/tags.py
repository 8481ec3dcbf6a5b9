"""What every run is tagged with: where it belongs, what it was made by, and with which packages."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import sys

from dnasweep.tracking.client import without_password

KEY_TAG = "trial_key"
"""Tag that finds the run of a trial again, whoever asks."""
PARENT_TAG = "mlflow.parentRunId"
"""What MLflow nests a run under."""
NOTE_TAG = "mlflow.note.content"
"""What MLflow shows as the description of a run, in Markdown."""
CHECKPOINT_TAG = "checkpoint"
"""Tag of a run that names the directory its model lies in; read by `find_model_directory`."""

_PACKAGES = ("dnasweep", "torch", "transformers", "tokenizers", "ray", "optuna", "mlflow")


def command() -> str:
    """Return the command line that is running, to be typed again, without passwords of its URIs."""
    return shlex.join(["python", *map(without_password, sys.argv)])


def package_versions() -> dict[str, str]:
    """Return the versions that make a result, name to version; logged as tags of every run."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
