"""The next steps with the best model of a sweep: its location, and the command that explains it."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex

import pandas as pd

from dnasweep.invocation import as_typed
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.summary import SUMMARY
from dnasweep.tracking.client import NO_TRACKING, resolve_uri, without_password

ALIAS = "best"
REPORT = "report"
EXAMPLES = "test_rows.csv"
"""File of test rows of the built-in data, to be explained."""
NUM_EXAMPLES = 10
"""Number of these rows per class and species."""


def example_rows(sweep: Sweep) -> pd.DataFrame:
    """Return test rows to explain, equally many of each class and species."""
    table = sweep.data.table
    test = table[table["split"] == "test"]
    drawn = test.groupby(["species", "label"]).head(NUM_EXAMPLES)
    return drawn[["id", "sequence", "label", "species"]]


def explaining(sweep: Sweep) -> str:
    """Return the command that explains the winner on test rows of the built-in data.

    Empty if there is none.
    """
    rows = sweep.storage.local.joinpath("sweeps", sweep.key, REPORT, EXAMPLES)
    if not rows.is_file():
        return ""
    words = ["dnasweep", "shap-batch"]
    best = json.loads(rows.with_name(SUMMARY).read_text(encoding="utf-8"))["best"]
    words += ["--model", address_of(sweep, best)]
    words += ["--data", os.path.relpath(rows)]
    return as_typed(f"{shlex.join(words)} {flags_of(sweep)}".rstrip())


def address_of(sweep: Sweep, best: str) -> str:
    """Return the name by which jobs find the best model: its name in MLflow or, if nothing is recorded there,
    its folder."""
    if resolve_uri(sweep.options.tracking_uri, sweep.storage.root) == NO_TRACKING:
        return sweep.storage.uri_of(ClassifierSpec.kind, best, CHECKPOINT)
    return f"models:/{registered_name(sweep)}@{ALIAS}"


def registered_name(sweep: Sweep) -> str:
    """Return the name under which the best model of a sweep is registered."""
    return sweep.options.name or sweep.name


def flags_of(sweep: Sweep) -> str:
    """Return the options by which a job finds the storage and MLflow of a sweep."""
    options = sweep.options
    given = {"--storage": options.storage, "--tracking-uri": options.tracking_uri}
    usual = {field.name: field.default for field in dataclasses.fields(options)}
    chosen = [
        [flag, without_password(value)]
        for flag, value in given.items()
        if value and value != usual[flag.removeprefix("--").replace("-", "_")]
    ]
    return shlex.join(word for pair in chosen for word in pair)
