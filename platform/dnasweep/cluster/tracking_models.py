"""Models in MLflow: the chosen one logged and registered, and any found again as a directory."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dnasweep.cluster.tracking_client import (
    connect,
    database_path,
    first_line,
    package_versions,
    resolve_uri,
    without_password,
)
from dnasweep.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

CHECKPOINT_TAG = "checkpoint"
"""Tag of a run that names the directory its model lies in; read by :func:`find_model_directory`."""
CHECKPOINT_FOLDER = "checkpoint"
"""Artifact folder of a run that may hold its model directory."""

_CONTENT_TAG = "content"
_EXTRA_FOLDER = "dnasweep"
_TRANSFORMERS_FILES = ("config.json", "tokenizer.json")


def model_record(
    directory: Path, *, registered_name: str, alias: str, example: str, task: str
) -> dict[str, str]:
    """Return what the spool keeps of a model to register."""
    return {
        "directory": str(directory.absolute()),
        "name": registered_name,
        "alias": alias,
        "example": example,
        "task": task,
    }


def register(client: MlflowClient, experiment_id: str, run_id: str, model: dict[str, str]) -> str:
    """Log the model directory with the transformers flavour, register it and set its alias.

    The same content of the same run is registered once, however often this is called. Returns the
    version.
    """
    directory = Path(model["directory"])
    if not (directory / "config.json").is_file():
        raise FileNotFoundError(f"{directory} holds no transformers model")
    content, name = _digest(directory), model["name"]
    version = _find_version(client, name, run_id, content)
    if version is None:
        logged = _log(client, experiment_id, run_id, directory, model, content)
        version = client.create_model_version(
            name,
            source=f"models:/{logged.model_id}",
            run_id=run_id,
            model_id=logged.model_id,
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


def _log(
    client: MlflowClient,
    experiment_id: str,
    run_id: str,
    directory: Path,
    model: dict[str, str],
    content: str,
) -> LoggedModel:
    from mlflow.entities import LoggedModelOutput

    logged = client.create_logged_model(
        experiment_id,
        name="model",
        source_run_id=run_id,
        tags={_CONTENT_TAG: content},
        params=client.get_run(run_id).data.params,
    )
    with tempfile.TemporaryDirectory(prefix="dnasweep-model-") as folder:
        saved = Path(folder) / "model"
        _save(saved, directory, model, run_id=run_id, model_id=logged.model_id)
        client.log_model_artifacts(logged.model_id, str(saved))
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return client.get_logged_model(logged.model_id)


def _save(
    target: Path, directory: Path, model: dict[str, str], *, run_id: str, model_id: str
) -> None:
    import mlflow.transformers
    import transformers
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    build = {
        "text-classification": transformers.AutoModelForSequenceClassification,
        "fill-mask": transformers.AutoModelForMaskedLM,
    }[model["task"]]
    # mlflow 3.17 cannot save from a checkpoint path under transformers 5 (the registry of pipelines
    # now holds names), so the model is loaded. The absolute path keeps it from asking the hub for a
    # model card: no absolute path is a repository name.
    components = {
        "model": build.from_pretrained(directory),
        "tokenizer": transformers.AutoTokenizer.from_pretrained(directory),
    }
    outputs = None
    if model["task"] == "text-classification":
        outputs = Schema([ColSpec(DataType.string, "label"), ColSpec(DataType.double, "score")])
    versions = package_versions()
    mlflow.transformers.save_model(
        components,
        path=str(target),
        task=model["task"],
        signature=ModelSignature(
            inputs=Schema([ColSpec(DataType.string, "text")]), outputs=outputs
        ),
        input_example=[model["example"]],
        pip_requirements=[
            f"{name}=={versions[name].split('+')[0]}"
            for name in ("mlflow", "transformers", "tokenizers", "torch")
        ],
        mlflow_model=Model(run_id=run_id, model_id=model_id),
    )
    (target / "LICENSE.txt").unlink(missing_ok=True)
    known = {path.name for path in target.rglob("*") if path.is_file()}
    extra = target / _EXTRA_FOLDER
    extra.mkdir()
    for path in directory.glob("*.json"):
        if path.name not in known:
            shutil.copy(path, extra / path.name)


def find_model_directory(
    source: str, *, uri: str | None = None, destination: Path | None = None
) -> Path:
    """Return a plain transformers directory for a model named in any of the usual ways.

    Parameters
    ----------
    source
        A directory, an MLflow run id (32 hexadecimal digits), `models:/NAME@ALIAS`,
        `models:/NAME/VERSION`, `models:/m-ID` or `NAME@ALIAS`.
    uri
        Tracking URI; None: MLFLOW_TRACKING_URI, or the database in `runs/`.
    destination
        Folder to put a downloaded model in; None: a new temporary one, which is the caller's.

    Raises
    ------
    InputError
        Where nothing is found; says what was looked for and what there is.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return _checked(path, source)
    match = re.fullmatch(
        r"(?:models:/)?(?P<name>[^/@]+)(?:@(?P<alias>.+)|/(?P<version>\d+))", source
    )
    model_id = re.fullmatch(r"(?:models:/)?(m-[0-9a-f]{32})", source)
    run_id = re.fullmatch(r"[0-9a-f]{32}", source)
    if not (match or model_id or run_id):
        raise InputError(
            f"no model is found for {source!r}: there is no such directory, and it is neither an "
            "MLflow run id nor a registered model",
            remedy="Give a model directory, a run id (32 hexadecimal digits) or NAME@ALIAS.",
        )
    store = resolve_uri(uri, "runs")
    database = database_path(store)
    if database is not None and not database.is_file():
        raise InputError(
            f"{source!r} cannot be looked up: there is no MLflow database at {database}",
            remedy="Name the store with --tracking-uri or MLFLOW_TRACKING_URI.",
        )
    client = connect(store)
    try:
        if run_id:
            return _of_run(client, source, destination)
        identity = model_id[1] if model_id else _registered(client, source, match)
        return _of_model(client, identity, source, destination)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{source!r} is not in the MLflow store {without_password(store)}: "
            f"{first_line(error)}",
            remedy="Look it up in the MLflow UI, or name another store with --tracking-uri.",
        ) from error


def _registered(client: MlflowClient, source: str, match: re.Match[str] | None) -> str:
    from mlflow.exceptions import MlflowException

    assert match is not None
    try:
        if match["alias"]:
            version = client.get_model_version_by_alias(match["name"], match["alias"])
        else:
            version = client.get_model_version(match["name"], match["version"])
    except MlflowException as error:
        names = {model.name: sorted(model.aliases) for model in client.search_registered_models()}
        if match["name"] in names:
            aliases = ", ".join(names[match["name"]]) or "none"
            there = f"the model {match['name']!r} is there, with the aliases: {aliases}"
        else:
            there = "registered models: " + (", ".join(sorted(names)) or "none")
        raise InputError(f"no model {source!r} is registered ({there})") from error
    if version.model_id:
        return str(version.model_id)
    return str(version.source).removeprefix("models:/")


def _of_run(client: MlflowClient, run_id: str, destination: Path | None) -> Path:
    run = client.get_run(run_id)
    outputs = run.outputs.model_outputs if run.outputs else []
    if outputs:
        return _of_model(client, outputs[-1].model_id, run_id, destination)
    kept = run.data.tags.get(CHECKPOINT_TAG, "")
    if kept and Path(kept).is_dir():
        return _checked(Path(kept), run_id)
    artifacts = [entry.path for entry in client.list_artifacts(run_id)]
    if CHECKPOINT_FOLDER in artifacts:
        target = _target(destination)
        found = Path(client.download_artifacts(run_id, CHECKPOINT_FOLDER, str(target)))
        return _checked(found, run_id)
    where = f"; its tag {CHECKPOINT_TAG} names {kept}, which is not there" if kept else ""
    raise InputError(
        f"the run {run_id} ({run.info.run_name}) has no model{where}; "
        f"its artifacts: {', '.join(artifacts) or 'none'}",
        remedy="Name a run that fine-tuned a model; a sweep's parent run has none itself.",
    )


def _of_model(client: MlflowClient, model_id: str, source: str, destination: Path | None) -> Path:
    """Put the parts that MLflow keeps apart (weights, tokenizer, ours) into one directory."""
    import mlflow.artifacts

    logged = client.get_logged_model(model_id)
    target = _target(destination)
    with tempfile.TemporaryDirectory(prefix="dnasweep-download-") as folder:
        found = Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{logged.model_id}",
                dst_path=folder,
                tracking_uri=client.tracking_uri,
            )
        )
        parts = (found / "model", found / "components" / "tokenizer", found / _EXTRA_FOLDER)
        for part in parts:
            for path in part.glob("*") if part.is_dir() else ():
                shutil.copy(path, target / path.name)
    return _checked(target, source)


def _target(destination: Path | None) -> Path:
    if destination is None:
        return Path(tempfile.mkdtemp(prefix="dnasweep-model-"))
    destination.mkdir(parents=True, exist_ok=True)
    return destination


def _checked(path: Path, source: str) -> Path:
    missing = [name for name in _TRANSFORMERS_FILES if not (path / name).is_file()]
    if missing:
        there = ", ".join(sorted(entry.name for entry in path.iterdir())[:8]) or "nothing"
        raise InputError(
            f"{source!r} is no transformers model: {', '.join(missing)} "
            f"missing in {path}, which holds {there}",
            remedy="Give the directory that holds config.json, the weights and the tokenizer.",
        )
    return path


def _digest(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.suffix in (".safetensors", ".json"):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
