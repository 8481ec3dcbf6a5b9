"""The MLflow run a model comes from, to nest under it what is done with the model."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dnasweep.tracking.client import connect, database_path, first_line
from dnasweep.tracking.tags import CHECKPOINT_TAG, PARENT_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger("dnasweep.tracking")

_REGISTERED = re.compile(r"(?:models:/)?(?P<name>[^/@]+)(?:@(?P<alias>.+)|/(?P<version>\d+))")
_MODEL_ID = re.compile(r"(?:models:/)?(?P<id>m-[0-9a-f]{32})")
_RUN_ID = re.compile(r"[0-9a-f]{32}")


class ModelRun(NamedTuple):
    """The run that trained a model."""

    run_id: str
    """In MLflow."""
    name: str
    """As shown there."""
    experiment: str
    """Name of its experiment; a child has to stand in the same one."""

    @property
    def parent_tags(self) -> dict[str, str]:
        """Tags that nest another run under this one."""
        return {PARENT_TAG: self.run_id}


def find_model_run(source: str, *, uri: str) -> ModelRun | None:
    """Return the run of a model, or None where it is not known; never fails.

    Parameters
    ----------
    source
        A directory, a run id or a registered model, as
        :func:`~dnasweep.tracking.lookup.find_model_directory` takes them. The run of a
        directory is the latest that names it as its checkpoint.
    uri
        Absolute tracking URI.
    """
    database = database_path(uri)
    if database is not None and not database.is_file():
        return None
    try:
        client = connect(uri)
        run = _find(client, source)
        if run is None:
            return None
        experiment = client.get_experiment(run.info.experiment_id)
        return ModelRun(run.info.run_id, run.info.run_name or "", experiment.name)
    except Exception as error:
        log.info("the run of %s is not known: %s", source, first_line(error))
        return None


def _find(client: MlflowClient, source: str) -> Run | None:
    path, remote = Path(source).expanduser(), "://" in source
    if path.is_dir() or remote:
        experiments = [one.experiment_id for one in client.search_experiments()]
        place = (source.rstrip("/") if remote else str(path.resolve())).replace("'", "")
        found = client.search_runs(
            experiments,
            f"tags.{CHECKPOINT_TAG} = '{place}'",
            order_by=["attributes.start_time DESC"],
            max_results=1,
        )
        return found[0] if found else None
    if _RUN_ID.fullmatch(source):
        return client.get_run(source)
    if match := _MODEL_ID.fullmatch(source):
        run_id = client.get_logged_model(match["id"]).source_run_id
        return client.get_run(run_id) if run_id else None
    if not (match := _REGISTERED.fullmatch(source)):
        return None
    if match["alias"]:
        version = client.get_model_version_by_alias(match["name"], match["alias"])
    else:
        version = client.get_model_version(match["name"], match["version"])
    return client.get_run(version.run_id) if version.run_id else None
