"""The jobs a comparison is made of: one attribution job per method and check, and the curves.

Each is an ordinary sharded job, identified by its inputs: results of earlier runs, by this command or by
`dnasweep shap-batch`, are reused. The jobs of all models are planned first, so that the same workers
compute all of them and load each model only once.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from dnasweep.attribution.tables import StoredAttributions, read_attributions
from dnasweep.data.reading import Reading
from dnasweep.jobs.attribution_request import (
    AttributionOptions,
    AttributionRequest,
    config_of,
    prepare_attribution,
)
from dnasweep.jobs.explanation_options import (
    SETTINGS,
    UNREFERENCED,
    UNSIGNED,
    ComparisonOptions,
    Method,
)
from dnasweep.jobs.explanation_rows import BUILT_IN
from dnasweep.jobs.job import FinishedJob, Job
from dnasweep.jobs.request import JobRequest
from dnasweep.jobs.shards.tables import read_tables
from dnasweep.jobs.shards.work_list import choose_shard_size
from dnasweep.method_comparison.comparing import Explanations
from dnasweep.method_comparison.curve_rows import curve_settings, curve_work
from dnasweep.models.encoder.precision import ResolvePrecision
from dnasweep.stages import models
from dnasweep.storage import Storage
from dnasweep.workflows.attributions import AttributionJob

CURVES = "curves"
ALL_WEIGHTS = "all weights"
OTHER_CLASS = "other class"


def options_of(
    options: ComparisonOptions, model: str, method: Method, *, target: str | None = None
) -> AttributionOptions:
    """Return the options of the attribution job of one method.

    Parameters
    ----------
    options
        Options of the comparison.
    model
        The model, as given.
    method
        Explanation method.
    target
        Class to explain; None: the one of the options.

    Raises
    ------
    InputError
        For options that the method does not support.
    """
    shared = {field.name for field in dataclasses.fields(AttributionOptions)}
    shared &= {field.name for field in dataclasses.fields(ComparisonOptions)}
    # The sequences have already been read and selected.
    shared -= {"species", "format"}
    given = {name: getattr(options, name) for name in shared}
    given |= {"model": model, "data": options.data or (BUILT_IN,), "dry_run": False}
    if target is not None:
        given["target"] = target
    if method in UNREFERENCED:
        given["reference"] = "mask"
    asked = AttributionOptions(**given, report=False, **SETTINGS[method])
    config_of(asked)
    return asked


class PlannedExplanation(NamedTuple):
    """One attribution job of a comparison."""

    method: str
    """Explanation method."""
    check: str
    """For a sanity check, what differs; otherwise empty."""
    job: AttributionJob
    """The job."""

    @property
    def title(self) -> str:
        """Title of the job."""
        return f"{self.method.replace('_', ' ')}{', ' + self.check if self.check else ''}"


class ExplainedModel:
    """The explanations of one model, planned together and read once computed.

    Parameters
    ----------
    options
        Options of the command.
    model
        The model, as given.
    reading
        The sequences.
    resolve
        Function that returns what the precision `auto` means on the machine that computes the jobs.
    """

    def __init__(
        self, options: ComparisonOptions, model: str, reading: Reading, resolve: ResolvePrecision
    ) -> None:
        self.options, self.model, self.reading, self._resolve = options, model, reading, resolve
        self._kept: str | None = None
        self.planned = [self._plan(method) for method in options.methods]
        self.settings = self.planned[0].job.request.settings
        if options.sanity != "none":
            self._plan_checks()

    def _plan_checks(self) -> None:
        classes, target = self.settings["classes"], self.settings["target"]
        some = self._some(self.planned[0].job.request)
        methods = self.options.methods
        if len(classes) == 2 and self.planned[0].job.request.task.has_classes:
            other = next(name for name in classes if name != target)
            self.planned += [
                self._plan(method, OTHER_CLASS, rows=some, target=other) for method in methods
            ]
        for what, directory in self._shuffled():
            self.planned += [
                self._plan(method, what, rows=some, model=str(directory), target=target)
                for method in methods
            ]

    def _plan(
        self,
        method: Method,
        check: str = "",
        *,
        rows: Reading | None = None,
        model: str | None = None,
        target: str | None = None,
    ) -> PlannedExplanation:
        # Fetch a model from a registry only once.
        asked = options_of(self.options, model or self._kept or self.model, method, target=target)
        request = prepare_attribution(asked, rows or self.reading, resolve=self._resolve)
        if model is None:
            self._kept = str(models.kept_model(request.storage, request.settings["model"]))
            # The model's run is found by the name given, and the job is nested under it.
            named = dataclasses.replace(request.options, model=self.model)
            request = dataclasses.replace(request, options=named)
        return PlannedExplanation(method, check, AttributionJob(request))

    def _some(self, request: AttributionRequest) -> Reading:
        """Return the sequences of the sanity checks, evenly spread over the explained ones."""
        rows = request.rows.select(["row", "id"]).to_pandas().sort_values("row")
        num = min(len(rows), self.options.sanity_sequences)
        places = np.unique(np.linspace(0, len(rows) - 1, num).round().astype(int))
        kept = self.reading.table["id"].isin(rows["id"].iloc[places]).to_numpy()
        table, origins = self.reading.table[kept], self.reading.origins[kept]
        return Reading(table.reset_index(drop=True), origins.reset_index(drop=True), [])

    def _shuffled(self) -> list[tuple[str, Path]]:
        """Return the models with shuffled weights, kept in the storage, by what was shuffled."""
        # Imported here: a comparison that is already computed should not have to wait for torch.
        from dnasweep.models.randomised import num_parts, randomise

        storage = Storage(self.options.storage)
        directory = models.kept_model(storage, self.settings["model"])
        whole = num_parts(directory)
        parts = list(range(1, whole)) if self.options.sanity == "cascade" else []
        names = {
            1: "the head",
            **{part: f"the head and {part - 1} layers" for part in parts[1:]},
            whole: ALL_WEIGHTS,
        }
        made = []
        for number in [*parts, whole]:
            with tempfile.TemporaryDirectory(prefix="dnasweep-shuffled-") as scratch:
                randomise(directory, Path(scratch), parts=number, seed=self.options.seed)
                key = models.keep_model(storage, Path(scratch))
            made.append((names[number], models.kept_model(storage, key)))
        return made

    def read(self, finished: Sequence[FinishedJob]) -> Explanations:
        """Return the explanations, without curves, from the finished jobs of :attr:`planned`."""
        found: dict[str, dict[str, StoredAttributions]] = {"": {}}
        costs = {}
        for one, done in zip(self.planned, finished, strict=True):
            found.setdefault(one.check, {})[one.method] = read_attributions(done.shards.fetch())
            if not one.check:
                costs[one.method] = float(done.facts["actor_seconds"])
        return Explanations(
            name=_name(self.model, self.settings["tokenizer"]),
            tokenizer=self.settings["tokenizer"],
            target=self.settings["target"],
            methods=found.pop(""),
            unsigned=tuple(name for name in self.options.methods if name in UNSIGNED),
            flipped=found.pop(OTHER_CLASS, {}),
            randomised=found,
            curves=pd.DataFrame(),
            costs=costs,
        )


@dataclass(frozen=True, kw_only=True)
class CurveRequest(JobRequest[ComparisonOptions]):
    """A job of deletion and insertion curves of one model."""

    KIND: ClassVar[str] = CURVES


class CurveJob(Job[CurveRequest]):
    """Computes the probability of a class while tokens are left out or added."""

    worker = "dnasweep.method_comparison.curve_worker:CurveWorker"
    title, unit = "following", "curves"

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "batch_rows": self.request.options.batch_rows}

    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        return {"num_curves": total["num_rows"]}


def curve_job(
    options: ComparisonOptions, found: Mapping[str, StoredAttributions], storage: Storage
) -> CurveJob:
    """Return the job for the curves of explanations of one model.

    Parameters
    ----------
    options
        Options of the comparison.
    found
        Attributions of the same sequences by method.
    storage
        Storage of the job.
    """
    first = next(iter(found.values()))
    settings = curve_settings(
        {**first.settings, "reference": options.reference, "seed": options.seed}
    )
    rows = curve_work(found, seed=options.seed)
    return CurveJob(
        CurveRequest(
            options=options,
            storage=storage,
            uri="",
            rows=rows,
            settings=settings,
            rejects=[],
            shard_size=choose_shard_size(len(rows), options.num_actors),
        )
    )


def read_curves(finished: FinishedJob) -> pd.DataFrame:
    """Return the points of all curves of a job."""
    return pa.concat_tables(read_tables(finished.shards, "curves.parquet")).to_pandas()


def _name(model: str, tokenizer: str) -> str:
    """Return the name of a model for readers: its tokenizer, and its source."""
    path = Path(model)
    if "://" not in model and path.exists():
        # In the folder of a trial, the weights always have the same name.
        model = path.resolve().parent.name if path.name == "checkpoint" else path.resolve().name
    return f"{tokenizer} ({model})"
