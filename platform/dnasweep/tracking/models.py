"""The chosen model: logged with the transformers flavour and registered, once per content."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnasweep.tracking.client import default_store
from dnasweep.tracking.tags import package_versions

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import Model

_CONTENT_TAG = "content"
EXTRA_FOLDER = "dnasweep"
"""Folder of a logged model for those JSON files of the model directory that MLflow does not save."""


def register(client: MlflowClient, experiment_id: str, run_id: str, model: dict[str, str]) -> str:
    """Log a model directory with the transformers flavour, register it and set its alias.

    The same content of the same run is registered once, however often this is called.

    Parameters
    ----------
    client
        Client of the store.
    experiment_id, run_id
        The run that made the model, and its experiment.
    model
        `directory`, `name` and `alias` of the registered model, `example` sequence, pipeline `task`.

    Returns
    -------
    str
        The version of the registered model.
    """
    directory = Path(model["directory"])
    if not (directory / "config.json").is_file():
        raise FileNotFoundError(f"{directory} holds no transformers model")
    content, name = _digest(directory), model["name"]
    version = _find_version(client, name, run_id, content)
    if version is None:
        model_id = _find_logged(client, run_id, content)
        if model_id is None:
            model_id = _log(client, experiment_id, run_id, directory, model, content)
        with default_store(client.tracking_uri):
            version = client.create_model_version(
                name,
                source=f"models:/{model_id}",
                run_id=run_id,
                model_id=model_id,
                tags={_CONTENT_TAG: content},
            ).version
    client.set_registered_model_alias(name, model["alias"], version)
    return str(version)


def _find_version(client: MlflowClient, name: str, run_id: str, content: str) -> str | None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.run_id == run_id and version.tags.get(_CONTENT_TAG) == content:
            return str(version.version)
    return None


def _find_logged(client: MlflowClient, run_id: str, content: str) -> str | None:
    run = client.get_run(run_id)
    for output in run.outputs.model_outputs if run.outputs else []:
        if client.get_logged_model(output.model_id).tags.get(_CONTENT_TAG) == content:
            return str(output.model_id)
    return None


def _log(
    client: MlflowClient,
    experiment_id: str,
    run_id: str,
    directory: Path,
    model: dict[str, str],
    content: str,
) -> str:
    from mlflow.entities import LoggedModelOutput

    logged = client.create_logged_model(
        experiment_id,
        name="model",
        source_run_id=run_id,
        tags={_CONTENT_TAG: content},
        params=client.get_run(run_id).data.params,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="dnasweep-model-") as folder:
            saved = Path(folder) / "model"
            _save(saved, directory, model, run_id=run_id, model_id=logged.model_id)
            client.log_model_artifacts(logged.model_id, str(saved))
        client.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    except Exception:
        # This will be tried again; half a model must not stay in the list.
        with contextlib.suppress(Exception):
            client.delete_logged_model(logged.model_id)
        raise
    return str(logged.model_id)


def _save(
    target: Path, directory: Path, model: dict[str, str], *, run_id: str, model_id: str
) -> None:
    import transformers
    from mlflow.models import Model

    from dnasweep.models.encoder import alibi
    from dnasweep.models.families.classes import register

    alibi.register()
    register()
    build = {
        "text-classification": transformers.AutoModelForSequenceClassification,
        "fill-mask": transformers.AutoModelForMaskedLM,
    }[model["task"]]
    # MLflow 3.17 cannot save from a checkpoint path under transformers 5 (the pipeline registry now
    # contains names instead of classes), so the model is loaded. The path is absolute so that MLflow
    # does not ask the hub for a model card: no absolute path is a repository name.
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        components = {
            "model": build.from_pretrained(directory),
            "tokenizer": transformers.AutoTokenizer.from_pretrained(directory),
        }
        _save_flavour(target, components, model, Model(run_id=run_id, model_id=model_id))
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


def _save_flavour(
    target: Path, components: dict[str, Any], model: dict[str, str], record: Model
) -> None:
    import mlflow.transformers
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    outputs = None
    if model["task"] == "text-classification":
        outputs = Schema([ColSpec(DataType.string, "label"), ColSpec(DataType.double, "score")])
    versions = package_versions()
    mlflow.transformers.save_model(
        components,
        path=str(target),
        task=model["task"],
        signature=ModelSignature(inputs=Schema([ColSpec(DataType.string)]), outputs=outputs),
        input_example=[model["example"]],
        pip_requirements=[
            f"{name}=={versions[name].split('+')[0]}"
            for name in ("mlflow", "transformers", "tokenizers", "torch")
        ],
        mlflow_model=record,
    )


def _digest(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.suffix in (".safetensors", ".json"):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
