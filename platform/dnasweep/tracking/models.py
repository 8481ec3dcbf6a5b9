"""Logging and registration of the selected model, once per content."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dnasweep.tracking.client import default_store
from dnasweep.tracking.flavours import has_pipeline, save_for_dnasweep, save_for_transformers

if TYPE_CHECKING:
    from mlflow import MlflowClient

_CONTENT_TAG = "content"


def register(client: MlflowClient, experiment_id: str, run_id: str, model: dict[str, str]) -> str:
    """Log a model directory, register it and set its alias.

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
        # This will be tried again; an incomplete model must not remain in the list.
        with contextlib.suppress(Exception):
            client.delete_logged_model(logged.model_id)
        raise
    return str(logged.model_id)


def _save(
    target: Path, directory: Path, model: dict[str, str], *, run_id: str, model_id: str
) -> None:
    from mlflow.models import Model

    record = Model(run_id=run_id, model_id=model_id)
    if has_pipeline(json.loads((directory / "config.json").read_text())):
        save_for_transformers(target, directory, model, record)
    else:
        save_for_dnasweep(target, directory, model, record)


def _digest(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.suffix in (".safetensors", ".json"):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
