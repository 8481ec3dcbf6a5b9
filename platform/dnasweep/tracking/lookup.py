"""Find the directory of a model, and its run, by run id, registry name or path."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dnasweep.errors import InputError
from dnasweep.storage import Bucket
from dnasweep.tokens.model_files import INDEX_FILE, TEXT_FILES, WEIGHTS_FILE, read_index
from dnasweep.tracking.client import (
    NO_TRACKING,
    connect,
    database_path,
    first_line,
    resolve_uri,
    without_password,
)
from dnasweep.tracking.flavours import DATA_FOLDER, EXTRA_FOLDER
from dnasweep.tracking.model_folder import checked_folder
from dnasweep.tracking.tags import CHECKPOINT_TAG, KEY_TAG, PARENT_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

log = logging.getLogger("dnasweep.tracking")

CHECKPOINT_FOLDER = "checkpoint"
"""Artifact folder of a run that may contain its model directory."""
_NAME = re.compile(
    r"(?P<run>[0-9a-f]{32})"
    r"|(?:models:/)?(?P<model>m-[0-9a-f]{32})"
    r"|(?:models:/)?(?P<name>[^/@]+)(?:@(?P<alias>.+)|/(?P<version>\d+))"
)
"""A run, a logged model, or a version of a registered model."""


class ModelRun(NamedTuple):
    """The run that trained a model."""

    run_id: str
    """Id of the run in MLflow."""
    name: str
    """Name of the run in MLflow."""
    experiment: str
    """Name of its experiment; MLflow nests runs within one experiment only."""
    trial_key: str = ""
    """Key of the trial that the run records; empty: none."""

    @property
    def parent_tags(self) -> dict[str, str]:
        """Tags that nest another run under this one."""
        return {PARENT_TAG: self.run_id}


def find_model_directory(
    source: str, *, uri: str | None = None, destination: Path | None = None
) -> Path:
    """Return a transformers directory for a model, named in any of the supported ways.

    Parameters
    ----------
    source
        A directory, the URI of one in a bucket, an MLflow run id (32 hexadecimal digits),
        `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `models:/m-ID` or `NAME@ALIAS`.
    uri
        Tracking URI. None means MLFLOW_TRACKING_URI, or else the database in `runs/`.
    destination
        Folder for a downloaded model. None makes a temporary folder, which the caller removes.

    Raises
    ------
    InputError
        If nothing is found; the message says what was looked for and what exists.
    """
    if (path := existing_directory(source)) is not None:
        return checked_folder(path, source)
    if "://" in source:
        return _download_from_bucket(source, destination)
    if (name := _NAME.fullmatch(source)) is None:
        raise InputError(
            f"no model is found for {source!r}: there is no such directory, and it is neither an "
            "MLflow run id nor a registered model",
            remedy="Give a model directory, a run id, NAME@ALIAS, or OWNER/MODEL of the hub.",
        )
    store = resolve_uri(uri, "runs")
    if store == NO_TRACKING:
        raise InputError(
            f"{source!r} cannot be looked up: no MLflow store is named",
            remedy="Name one with --tracking-uri or MLFLOW_TRACKING_URI, or give the directory of "
            "the model.",
        )
    database = database_path(store)
    if database is not None and not database.is_file():
        raise InputError(
            f"{source!r} cannot be looked up: there is no MLflow database at {database}",
            remedy="Name the store with --tracking-uri or MLFLOW_TRACKING_URI.",
        )
    client = connect(store)
    try:
        if name["run"]:
            return _model_of_run(client, source, destination)
        model_id = name["model"]
        if not model_id:
            version = _registered(client, name)
            model_id = version.model_id or str(version.source).removeprefix("models:/")
        return _download_model(client, str(model_id), source, destination)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{source!r} is not in the MLflow store {without_password(store)}: "
            f"{first_line(error)}",
            remedy="Look it up in the MLflow UI, or name another store with --tracking-uri.",
        ) from error


def find_model_run(source: str, *, uri: str) -> ModelRun | None:
    """Return the run that made a model, or None if it is unknown; this never raises an error.

    Parameters
    ----------
    source
        As for :func:`find_model_directory`. The run of a directory is the latest run that names the
        directory as its checkpoint.
    uri
        Absolute tracking URI.
    """
    database = database_path(uri)
    if uri == NO_TRACKING or (database is not None and not database.is_file()):
        return None
    try:
        client = connect(uri)
        if (run := _find_run(client, source)) is None:
            return None
        info, key = run.info, run.data.tags.get(KEY_TAG, "")
        experiment = client.get_experiment(info.experiment_id)
        return ModelRun(info.run_id, info.run_name or "", experiment.name, key)
    except Exception as error:
        log.info("the run of %s is not known: %s", source, first_line(error))
        return None


def _find_run(client: MlflowClient, source: str) -> Run | None:
    path = existing_directory(source)
    if path is not None or "://" in source:
        location = str(path.resolve()) if path is not None else source.rstrip("/")
        found = client.search_runs(
            [experiment.experiment_id for experiment in client.search_experiments()],
            f"tags.{CHECKPOINT_TAG} = '{location.replace(chr(39), '')}'",
            order_by=["attributes.start_time DESC"],
            max_results=1,
        )
        return next(iter(found), None)
    if (name := _NAME.fullmatch(source)) is None:
        return None
    if name["model"]:
        run_id = client.get_logged_model(name["model"]).source_run_id
    else:
        run_id = _registered(client, name).run_id if name["name"] else source
    return client.get_run(run_id) if run_id else None


def existing_directory(source: str) -> Path | None:
    """Return the directory at a path, or None if there is none or the text cannot be a path."""
    try:
        path = Path(source).expanduser()
        return path if path.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        # An unknown user's home, a name that is too long, or one with a NUL character.
        return None


def _registered(client: MlflowClient, name: re.Match[str]) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    try:
        if name["alias"]:
            return client.get_model_version_by_alias(name["name"], name["alias"])
        return client.get_model_version(name["name"], name["version"])
    except MlflowException as error:
        aliases = {
            model.name: sorted(model.aliases) for model in client.search_registered_models()
        }
        if name["name"] in aliases:
            known = ", ".join(aliases[name["name"]]) or "none"
            there = f"the model {name['name']!r} is there, with the aliases: {known}"
        else:
            there = "registered models: " + (", ".join(sorted(aliases)) or "none")
        raise InputError(f"no model {name[0]!r} is registered ({there})") from error


def _model_of_run(client: MlflowClient, run_id: str, destination: Path | None) -> Path:
    run = client.get_run(run_id)
    outputs = run.outputs.model_outputs if run.outputs else []
    if outputs:
        return _download_model(client, outputs[-1].model_id, run_id, destination)
    checkpoint = run.data.tags.get(CHECKPOINT_TAG, "")
    if checkpoint and Path(checkpoint).is_dir():
        return checked_folder(Path(checkpoint), run_id)
    if "://" in checkpoint:
        return _download_from_bucket(checkpoint, destination)
    artifacts = [entry.path for entry in client.list_artifacts(run_id)]
    if CHECKPOINT_FOLDER in artifacts:
        target = _target(destination)
        found = Path(client.download_artifacts(run_id, CHECKPOINT_FOLDER, str(target)))
        return checked_folder(found, run_id)
    where = (
        f"; its tag {CHECKPOINT_TAG} names {checkpoint}, which is not there" if checkpoint else ""
    )
    raise InputError(
        f"the run {run_id} ({run.info.run_name}) has no model{where}; "
        f"its artifacts: {', '.join(artifacts) or 'none'}",
        remedy="Name a run that fine-tuned a model; the parent run of a sweep has no model itself.",
    )


def _download_model(
    client: MlflowClient, model_id: str, source: str, destination: Path | None
) -> Path:
    """Copy the parts of a model that MLflow stores separately into one directory."""
    import mlflow.artifacts

    logged = client.get_logged_model(model_id)
    target = _target(destination)
    with tempfile.TemporaryDirectory(prefix="dnasweep-download-") as folder:
        found = Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=logged.artifact_location,
                dst_path=folder,
                tracking_uri=client.tracking_uri,
            )
        )
        parts = (
            found / "model",
            found / "components" / "tokenizer",
            found / EXTRA_FOLDER,
            *(found / DATA_FOLDER).glob("*"),
        )
        for part in parts:
            for path in part.glob("*") if part.is_dir() else ():
                if path.is_file():
                    shutil.copy(path, target / path.name)
    return checked_folder(target, source)


def _download_from_bucket(uri: str, destination: Path | None) -> Path:
    """Copy only the files of a model from a folder of a bucket."""
    bucket = Bucket(uri)
    if bucket.size("config.json") is None:
        raise InputError(
            "there is no such folder, or no model in it: it has no config.json",
            file=uri,
            remedy="Give the folder that holds config.json, the weights and the tokenizer.",
        )
    target = _target(destination)
    _copy(bucket, (*TEXT_FILES, WEIGHTS_FILE), target)
    if not (target / WEIGHTS_FILE).is_file():
        _copy(bucket, (INDEX_FILE,), target)
        index = target / INDEX_FILE
        _copy(bucket, sorted(set(read_index(index).values())) if index.is_file() else (), target)
    return checked_folder(target, uri)


def _copy(bucket: Bucket, names: Iterable[str], target: Path) -> None:
    for name in names:
        if bucket.size(name) is not None:
            bucket.download(name, target / name)


def _target(destination: Path | None) -> Path:
    if destination is None:
        return Path(tempfile.mkdtemp(prefix="dnasweep-model-"))
    destination.mkdir(parents=True, exist_ok=True)
    return destination
