"""The jobs a comparison is made of: one attribution job a method, the checks, and the curves.

Each is a job of shards like any other, named by what goes into it: what was computed before, by this
command or by jobs/shap_batch.py, is read and not computed again.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from rich.console import Console
from rich.markup import escape

from dnasweep.attribution.tables import Attributions, read_attributions
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
)
from dnasweep.jobs.explanation_rows import BUILT_IN
from dnasweep.jobs.shards.shards import Shards
from dnasweep.jobs.shards.work_list import choose_shard_size
from dnasweep.method_comparison.comparing import Explanations
from dnasweep.method_comparison.curve_worker import curve_settings, curve_work
from dnasweep.runtime.cluster.session import resolve_precision
from dnasweep.runtime.shards.run import JobResources, run_shards
from dnasweep.runtime.shards.worker import ShardJobSpec
from dnasweep.stages import models
from dnasweep.storage import Storage
from dnasweep.workflows.attributions import run_attributions

CURVES = "curves"
CURVE_WORKER = "dnasweep.method_comparison.curve_worker:CurveWorker"
WHOLE = "all weights"


class MadeExplanations(NamedTuple):
    """The explanations of one model, and the jobs they are in."""

    explanations: Explanations
    """What is compared."""
    keys: dict[str, str]
    """Job keys by what they are of."""


def options_of(
    options: ComparisonOptions, model: str, method: str, *, target: str | None = None
) -> AttributionOptions:
    """Return what the attribution job of one method is asked for.

    Raises
    ------
    InputError
        For what the method cannot do.
    """
    asked = AttributionOptions(
        model=model,
        data=options.data or (BUILT_IN,),
        storage=options.storage,
        tracking_uri=options.tracking_uri,
        address=options.address,
        skip_bad_rows=options.skip_bad_rows,
        target=options.target if target is None else target,
        reference="mask" if method in UNREFERENCED else options.reference,
        seed=options.seed,
        precision=options.precision,
        num_actors=options.num_actors,
        gpus_per_actor=options.gpus_per_actor,
        preflight=options.preflight,
        batch_rows=options.batch_rows,
        tss_index=options.tss_index,
        report=False,
        **SETTINGS[method],
    )
    config_of(asked)
    return asked


def request_of(
    options: ComparisonOptions,
    model: str,
    method: str,
    reading: Reading,
    *,
    target: str | None = None,
    dry_run: bool = False,
) -> AttributionRequest:
    """Return the attribution job of one method, checked."""
    asked = options_of(options, model, method, target=target)
    return prepare_attribution(
        dataclasses.replace(asked, dry_run=dry_run), reading, resolve=resolve_precision
    )


class Explaining:
    """Runs the jobs of one model, one after the other.

    Parameters
    ----------
    options
        What was asked for.
    model
        The model, as given.
    reading
        The sequences.
    console
        Where to say how far it is.
    """

    def __init__(
        self, options: ComparisonOptions, model: str, reading: Reading, console: Console
    ) -> None:
        self.options, self.model, self.reading, self.console = options, model, reading, console
        self.keys: dict[str, str] = {}
        self.costs: dict[str, float] = {}
        self._kept: str | None = None

    def run(self) -> MadeExplanations:
        """Compute what is missing, and return all."""
        options = self.options
        methods: list[str] = list(options.methods)
        found = {method: self._explain(method, "") for method in methods}
        first = next(iter(found.values()))
        some = self._some(first)
        flipped: dict[str, Attributions] = {}
        randomised: dict[str, dict[str, Attributions]] = {}
        if options.sanity != "none":
            classes, target = first.settings["classes"], first.settings["target"]
            if len(classes) == 2:
                other = next(name for name in classes if name != target)
                flipped = {
                    method: self._explain(method, "other class", rows=some, target=other)
                    for method in methods
                }
            for what, directory in self._shuffled(first.settings["model"]):
                randomised[what] = {
                    method: self._explain(
                        method, what, rows=some, model=str(directory), target=target
                    )
                    for method in methods
                }
        explanations = Explanations(
            name=_name(self.model, first),
            tokenizer=first.settings["tokenizer"],
            target=first.settings["target"],
            methods=found,
            unsigned=tuple(name for name in methods if name in UNSIGNED),
            flipped=flipped,
            randomised=randomised,
            curves=self._curves(found),
            costs=self.costs,
        )
        return MadeExplanations(explanations, self.keys)

    def _explain(
        self,
        method: str,
        what: str,
        *,
        rows: Reading | None = None,
        model: str | None = None,
        target: str | None = None,
    ) -> Attributions:
        title = f"{method.replace('_', ' ')}{', ' + what if what else ''}"
        self.console.print(f"[bold]{escape(title)}[/]")
        # A model from a registry is fetched once.
        there = model or self._kept or self.model
        request = request_of(self.options, there, method, rows or self.reading, target=target)
        if model is None:
            self._kept = str(models.kept_model(request.storage, request.settings["model"]))
            # Its run is found by what it was called, and the job nested under that.
            named = dataclasses.replace(request.options, model=self.model)
            request = dataclasses.replace(request, options=named)
        shards = run_attributions(request.options, self.console, request=request)
        assert shards is not None
        manifest = shards.finished()
        assert manifest is not None
        self.keys[title] = shards.key
        if not what:
            self.costs[method] = float(manifest["facts"]["actor_seconds"])
        return read_attributions(shards.fetch())

    def _some(self, found: Attributions) -> Reading:
        """Return the sequences of the checks, evenly spread over those explained."""
        there = found.sequences["sequence_id"]
        num = min(len(there), self.options.sanity_sequences)
        chosen = there.iloc[np.unique(np.linspace(0, len(there) - 1, num).round().astype(int))]
        kept = self.reading.table["id"].isin(chosen).to_numpy()
        table, origins = self.reading.table[kept], self.reading.origins[kept]
        return Reading(table.reset_index(drop=True), origins.reset_index(drop=True), [])

    def _shuffled(self, digest: str) -> list[tuple[str, Path]]:
        """Return the models with shuffled weights, by what was shuffled, kept in the storage."""
        # Here and not above: whoever asks for a comparison that is there should not wait for torch.
        from dnasweep.models.randomised import num_parts, randomise

        storage = Storage(self.options.storage)
        directory = models.kept_model(storage, digest)
        whole = num_parts(directory)
        parts = list(range(1, whole)) if self.options.sanity == "cascade" else []
        names = {
            1: "the head",
            **{part: f"the head and {part - 1} layers" for part in parts[1:]},
            whole: WHOLE,
        }
        made = []
        for number in [*parts, whole]:
            with tempfile.TemporaryDirectory(prefix="dnasweep-shuffled-") as scratch:
                randomise(directory, Path(scratch), parts=number, seed=self.options.seed)
                key = models.keep_model(storage, Path(scratch))
            made.append((names[number], models.kept_model(storage, key)))
        return made

    def _curves(self, found: Mapping[str, Attributions]) -> pd.DataFrame:
        storage, options = Storage(self.options.storage), self.options
        settings = curve_settings(
            {
                **next(iter(found.values())).settings,
                "reference": options.reference,
                "seed": options.seed,
            }
        )
        rows = curve_work(found, seed=options.seed)
        shards = Shards.begin(
            storage,
            kind=CURVES,
            inputs=settings,
            rows=rows,
            shard_size=choose_shard_size(len(rows), options.num_actors),
        )
        order = ShardJobSpec(
            storage=storage.root,
            kind=CURVES,
            key=shards.key,
            worker=CURVE_WORKER,
            arguments={
                "storage": storage.root,
                "kind": models.KIND,
                "key": settings["model"],
                "settings": settings,
                "batch_rows": options.batch_rows,
            },
        )
        means = JobResources.of(options)
        self.console.print("[bold]deletion and insertion[/]")
        run_shards(shards, order, means, self.console, title="following", unit="curves")
        if shards.finished() is None:
            shards.finish({"num_curves": len(rows)})
        self.keys[CURVES] = shards.key
        folder = shards.fetch()
        parts = sorted(folder.glob("shards/*/curves.parquet"), key=lambda p: int(p.parent.name))
        return pd.concat([pq.read_table(path).to_pandas() for path in parts], ignore_index=True)


def _name(model: str, found: Attributions) -> str:
    """Return what readers call a model: its tokenizer, and where it comes from."""
    path = Path(model)
    if "://" not in model and path.exists():
        # Below the folder of a trial its weights are always called the same.
        model = path.resolve().parent.name if path.name == "checkpoint" else path.resolve().name
    return f"{found.settings['tokenizer']} ({model})"
