"""The tags every run gets, and the names MLflow accepts."""

from __future__ import annotations

import importlib.metadata
import platform
import posixpath
import shlex
import sys
from collections.abc import Iterable

from dnasweep.errors import InputError
from dnasweep.invocation import program_words
from dnasweep.plain import shown
from dnasweep.tracking.client import without_password

KEY_TAG = "trial_key"
"""Tag by which the run of a trial is found again."""
PARENT_TAG = "mlflow.parentRunId"
"""Tag by which MLflow nests a run under another."""
KIND_TAG = "mlflow.experimentKind"
"""Tag of an experiment by which the MLflow UI chooses the page to open."""
MODEL_TRAINING = "custom_model_development"
"""The kind of experiment that opens with its runs instead of language-model traces."""
SWEEP_TAG = "sweep"
"""Tag of a trial with the `trial_key` of its sweep's run."""
EXPERIMENT_NOTE = (
    "Trainings by dnasweep: choose Model training at the top left, then Runs. The filter "
    "tags.stage = 'trial' shows the trials of all sweeps."
)
"""Description of an experiment, because the MLflow UI may open in a mode that does not show
training runs."""
NOTE_TAG = "mlflow.note.content"
"""Tag that MLflow shows as the description of a run, in Markdown."""
CHECKPOINT_TAG = "checkpoint"
"""Tag that names the model directory of a run; read by `find_model_directory`."""

MAX_NAME_LETTERS = 250
"""MLflow's databases store 256."""

_PACKAGES = ("dnasweep", "torch", "transformers", "tokenizers", "ray", "optuna", "mlflow")


def command() -> str:
    """Return the current command line, ready to be run again, without passwords in URIs."""
    return shlex.join([*program_words(), *map(without_password, sys.argv[1:])])


def package_versions(packages: Iterable[str] = _PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of packages by name; default: of those that affect results."""
    versions = {"python": platform.python_version()}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def check_name(name: str | None) -> None:
    """Check the name of an experiment or a registered model before anything is trained.

    Raises
    ------
    InputError
        For a name that MLflow or a later look-up of the model would refuse.
    """
    if name is None:
        return
    fault = ""
    if not name.strip():
        fault = "it is empty"
    elif name != name.strip() or name != shown(name) or {"\n", "\t"} & set(name):
        fault = "it has spaces at an end, or letters that cannot be seen"
    elif found := [letter for letter in "/:@" if letter in name]:
        # They separate the names of models, versions and aliases.
        fault = f"it has {' and '.join(found)} in it"
    elif len(name) > MAX_NAME_LETTERS:
        fault = f"it has {len(name):,} letters"
    elif name == "." or posixpath.normpath(name) != name or name.startswith(".."):
        fault = "it is a path"
    if fault:
        raise InputError(
            f"name is {name[:40]!r}: {fault}",
            remedy=f"Use a name of at most {MAX_NAME_LETTERS} letters without /, : and @.",
        )
