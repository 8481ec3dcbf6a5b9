"""Saving models for MLflow, with the transformers flavour if a pipeline gives the same answers."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnasweep.models.families.registry import family_of
from dnasweep.tracking.tags import package_versions

if TYPE_CHECKING:
    from mlflow.models import Model

EXTRA_FOLDER = "dnasweep"
"""Folder of a logged model for JSON files of the model directory that MLflow does not save."""
DATA_FOLDER = "data"
"""Folder of a logged model that is saved unchanged."""
_LOADER = "dnasweep.api.mlflow_model"
"""Module that reads a model saved unchanged."""
_ONE_OF_SEVERAL = (None, "single_label_classification")


def has_pipeline(config: Mapping[str, Any]) -> bool:
    """Return whether a transformers pipeline answers like the model of a `config.json`.

    transformers must support the architecture, and each row must have one class: for several
    labels or numbers, its pipeline would report only the largest.
    """
    import transformers

    architectures = config.get("architectures") or [""]
    return (
        all(hasattr(transformers, str(name)) for name in architectures)
        and config.get("problem_type") in _ONE_OF_SEVERAL
        # Judged only by its class, a GENA-LM of the hub would look like a BERT.
        and family_of(config) is None
    )


def save_for_transformers(
    target: Path, directory: Path, model: dict[str, str], record: Model
) -> None:
    """Save a model with MLflow's transformers flavour.

    Parameters
    ----------
    target
        The folder to create.
    directory
        Directory of the model.
    model
        `example` sequence.
    record
        MLflow's record of the model.
    """
    import transformers

    # MLflow 3.17 cannot save from a checkpoint path under transformers 5 (the pipeline registry now
    # contains names instead of classes), so the model is loaded. The path is absolute so that MLflow
    # does not ask the hub for a model card: no absolute path is a repository name.
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        components = {
            "model": transformers.AutoModelForSequenceClassification.from_pretrained(directory),
            "tokenizer": transformers.AutoTokenizer.from_pretrained(directory),
        }
        _save_components(target, components, model, record)
    finally:
        if bars:
            transformers.utils.logging.enable_progress_bar()
    (target / "LICENSE.txt").unlink(missing_ok=True)
    known = {path.name for path in target.rglob("*") if path.is_file()}
    extra = target / EXTRA_FOLDER
    extra.mkdir()
    for path in directory.glob("*.json"):
        if path.name not in known:
            shutil.copy(path, extra / path.name)


def _save_components(
    target: Path, components: dict[str, Any], model: dict[str, str], record: Model
) -> None:
    import mlflow.transformers
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    outputs = Schema([ColSpec(DataType.string, "label"), ColSpec(DataType.double, "score")])
    mlflow.transformers.save_model(
        components,
        path=str(target),
        task="text-classification",
        signature=ModelSignature(inputs=Schema([ColSpec(DataType.string)]), outputs=outputs),
        input_example=[model["example"]],
        pip_requirements=_requirements(("mlflow", "transformers", "tokenizers", "torch")),
        mlflow_model=record,
    )


def save_for_dnasweep(target: Path, directory: Path, model: dict[str, str], record: Model) -> None:
    """Save a model unchanged; loading it with MLflow requires this package.

    Parameters
    ----------
    target
        The folder to create.
    directory
        Directory of the model.
    model
        `example` sequence.
    record
        MLflow's record of the model.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    told = logging.getLogger("mlflow.pyfunc")
    level = told.level
    # It would print a check in the middle of the output of a sweep.
    told.setLevel(logging.WARNING)
    try:
        mlflow.pyfunc.save_model(
            path=str(target),
            loader_module=_LOADER,
            data_path=str(directory),
            signature=ModelSignature(inputs=Schema([ColSpec(DataType.string)])),
            input_example=[model["example"]],
            pip_requirements=_requirements(("mlflow", "dnasweep")),
            mlflow_model=record,
        )
    finally:
        told.setLevel(level)


def _requirements(names: Iterable[str]) -> list[str]:
    versions = package_versions()
    return [f"{name}=={versions[name].split('+')[0]}" for name in names if name in versions]
