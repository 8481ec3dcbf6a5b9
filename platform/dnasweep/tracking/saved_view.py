"""The view of a sweep's trials in the MLflow UI: its columns, its order, and its address.

MLflow stores a shared view as a tag of the experiment and opens it by an address. Neither is part
of its public interface; this module was checked with the UI of version `CHECKED_WITH`. Other
versions may show all runs instead.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from urllib.parse import urlencode

from dnasweep.tasks.metrics import direction
from dnasweep.tracking.client import connect, is_server, without_password
from dnasweep.tracking.tags import SWEEP_TAG

CHECKED_WITH = "3.17.2"
VIEW_TAG = "mlflow.sharedViewState."
"""Beginning of the tag of an experiment that holds a view; the name of the view follows."""
LOCAL_PAGE = "http://127.0.0.1:5000"
"""Address at which `mlflow ui` shows a store of this machine."""

HEALTHY = "attributes.status != 'FAILED'"
"""Filter for healthy trials; failed or collapsed trials also have values, which could appear among
the best."""

log = logging.getLogger("dnasweep.tracking")


def trials_view(sweep: str, *, parameters: Sequence[str], metrics: Sequence[str]) -> str:
    """Return the view of the trials of a sweep, as MLflow stores it.

    Parameters
    ----------
    sweep
        The key of the sweep.
    parameters
        Parameters to show: the axes.
    metrics
        Metrics to show; trials are sorted by the first one, the best first.

    Examples
    --------
    >>> json.loads(trials_view("a1", parameters=["seed"], metrics=["best/mcc"]))["orderByKey"]
    'metrics.`best/mcc`'
    """
    columns = [f"metrics.`{name}`" for name in metrics]
    return json.dumps(
        {
            "searchFilter": f"tags.stage = 'trial' and tags.{SWEEP_TAG} = '{sweep}' and {HEALTHY}",
            "orderByKey": columns[0],
            "orderByAsc": direction(metrics[0]) == "min",
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "selectedColumns": [
                *(f"params.`{name}`" for name in parameters),
                *columns,
                "tags.`selected`",
            ],
            "viewMaximized": True,
        }
    )


def view_address(uri: str, experiment: str, name: str) -> str:
    """Return the address of a view in the MLflow UI; empty if it is not stored or unavailable.

    Parameters
    ----------
    uri
        Absolute tracking URI.
    experiment
        Name of the experiment.
    name
        Name of the view.
    """
    try:
        found = connect(uri).get_experiment_by_name(experiment)
    except Exception as error:
        log.debug("the saved view was not looked up: %s", error)
        return ""
    if found is None or VIEW_TAG + name not in found.tags:
        return ""
    page = without_password(uri).rstrip("/") if is_server(uri) else LOCAL_PAGE
    query = urlencode({"workflowType": "machine_learning", "viewStateShareKey": name})
    return f"{page}/#/experiments/{found.experiment_id}/runs?{query}"
