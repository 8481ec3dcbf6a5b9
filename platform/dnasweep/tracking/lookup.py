"""A model named by run, registry name or path, found as a plain transformers directory."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dnasweep.errors import InputError
from dnasweep.storage import Bucket, damage_of_part
from dnasweep.tokens.model_files import INDEX_FILE, TEXT_FILES, WEIGHTS_FILE, read_index
from dnasweep.tracking.client import (
    connect,
    database_path,
    first_line,
    resolve_uri,
    without_password,
)
from dnasweep.tracking.models import EXTRA_FOLDER
from dnasweep.tracking.tags import CHECKPOINT_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHECKPOINT_FOLDER = "checkpoint"
"""Artifact folder of a run that may hold its model directory."""

_TRANSFORMERS_FILES = ("config.json", "tokenizer.json")


def find_model_directory(
    source: str, *, uri: str | None = None, destination: Path | None = None
) -> Path:
    """Return a plain transformers directory for a model named in any of the usual ways.

    Parameters
    ----------
    source
        A directory, the URI of one in a bucket, an MLflow run id (32 hexadecimal digits),
        `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `models:/m-ID` or `NAME@ALIAS`.
    uri
        Tracking URI; None: MLFLOW_TRACKING_URI, or the database in `runs/`.
    destination
        Folder to put a downloaded model in; None: a new temporary one, which is the caller's.

    Raises
    ------
    InputError
        Where nothing is found; says what was looked for and what there is.
    """
    if (path := existing_directory(source)) is not None:
        return _checked(path, source)
    if "://" in source:
        return _fetched(source, destination)
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


def existing_directory(source: str) -> Path | None:
    """Return the directory that a text names, or None where it names none or cannot name any."""
    try:
        path = Path(source).expanduser()
        return path if path.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        # Of a home of nobody, too long, or with a NUL in it.
        return None


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
    if "://" in kept:
        return _fetched(kept, destination)
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
                artifact_uri=logged.artifact_location,
                dst_path=folder,
                tracking_uri=client.tracking_uri,
            )
        )
        parts = (found / "model", found / "components" / "tokenizer", found / EXTRA_FOLDER)
        for part in parts:
            for path in part.glob("*") if part.is_dir() else ():
                shutil.copy(path, target / path.name)
    return _checked(target, source)


def _fetched(place: str, destination: Path | None) -> Path:
    """Copy the files of a model, and nothing else, out of a folder of a bucket."""
    bucket = Bucket(place)
    if bucket.size("config.json") is None:
        raise InputError(
            "there is no such folder, or no model in it: it has no config.json",
            file=place,
            remedy="Give the folder that holds config.json, the weights and the tokenizer.",
        )
    target = _target(destination)
    _copy(bucket, (*TEXT_FILES, WEIGHTS_FILE), target)
    if not (target / WEIGHTS_FILE).is_file():
        _copy(bucket, (INDEX_FILE,), target)
        _copy(bucket, _pieces(target), target)
    return _checked(target, place)


def _pieces(directory: Path) -> list[str]:
    """Return the pieces of weights that an index names, whether they are there or not."""
    index = directory / INDEX_FILE
    return sorted(set(read_index(index).values())) if index.is_file() else []


def _copy(bucket: Bucket, names: Iterable[str], target: Path) -> None:
    for name in names:
        if bucket.size(name) is not None:
            bucket.download(name, target / name)


def _target(destination: Path | None) -> Path:
    if destination is None:
        return Path(tempfile.mkdtemp(prefix="dnasweep-model-"))
    destination.mkdir(parents=True, exist_ok=True)
    return destination


def _checked(path: Path, source: str) -> Path:
    missing = [name for name in _TRANSFORMERS_FILES if not (path / name).is_file()]
    if (path / "vocab.txt").is_file():
        # As models from elsewhere have it.
        missing = [name for name in missing if name != "tokenizer.json"]
    if missing:
        there = ", ".join(sorted(entry.name for entry in path.iterdir())[:8]) or "nothing"
        raise InputError(
            f"{source!r} is no transformers model: {', '.join(missing)} "
            f"missing in {path}, which holds {there}",
            remedy="Give the directory that holds config.json, the weights and the tokenizer.",
        )
    refuse_damaged(path)
    return path


def refuse_damaged(directory: Path) -> None:
    """Refuse a model in a storage that is not as it was published; others are taken as they are.

    Raises
    ------
    InputError
        Naming the file.
    """
    if (found := damage_of_part(directory.resolve())) is not None:
        artefact, wrong = found
        raise InputError(
            f"this is damaged: {wrong}",
            file=artefact,
            remedy="Delete this folder and run the sweep again: it is made anew. To use the model as "
            "it is, copy its directory to another place.",
        )
