"""What a comparison of explanations tells MLflow: one run, nested under that of its first model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.jobs.explanation_options import ComparisonOptions
from dnasweep.method_comparison.recovery import EVERY
from dnasweep.storage import Storage
from dnasweep.tracking.client import check_reachable
from dnasweep.tracking.lookup import find_model_run
from dnasweep.tracking.tags import NOTE_TAG, command, package_versions
from dnasweep.tracking.tracker import Tracker

STAGE = "explanations"
NUMBERS = "numbers.json"


class ComparisonRecords:
    """The run of one comparison.

    Parameters
    ----------
    tracker
        Takes the records on their way.
    key
        The comparison's.
    """

    def __init__(self, tracker: Tracker, key: str) -> None:
        self._tracker, self._run, self._key = tracker, f"{STAGE}-{key}", key

    def open(
        self, options: ComparisonOptions, settings: Mapping[str, Any], tags: Mapping[str, str]
    ) -> None:
        """Open the run, or the one that is there."""
        params = {
            "models": " ".join(settings["models"]),
            "methods": " ".join(settings["methods"]),
            "target": " ".join(settings["target"]),
            "data": " ".join(options.data) or "built-in",
            "num_sequences": options.num_sequences,
            "reference": options.reference,
            "sanity": options.sanity,
            "seed": options.seed,
        }
        self._tracker.run(
            self._run,
            name=f"{STAGE} {self._key[:6]}",
            params=params,
            tags={
                **package_versions(),
                **tags,
                "stage": STAGE,
                "command": command(),
                "artefact_key": self._key,
            },
        )

    def finish(self, folder: Path, files: Sequence[Path]) -> None:
        """Record the numbers of the first model, the findings, and the report."""
        said = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        metrics = metrics_of(said["models"][0])
        self._tracker.metrics(self._run, metrics, step=0)
        sentences = [*said["findings"], *(s for one in said["models"] for s in one["findings"])]
        self._tracker.tags(self._run, {NOTE_TAG: "\n".join(f"- {one}" for one in sentences)})
        for path in files:
            self._tracker.artifact(self._run, path, STAGE)

    def end(self, error: BaseException | None = None) -> None:
        """Close the run."""
        stopped = isinstance(error, KeyboardInterrupt)
        status = "FINISHED" if error is None else ("KILLED" if stopped else "FAILED")
        self._tracker.end(self._run, status)  # type: ignore[arg-type]


def metrics_of(model: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a model's comparison as metrics, those that are known."""
    found: dict[str, float | None] = {}
    for row in model["agreement"]:
        found[f"agreement_{row['measure']}.{row['one']}.{row['other']}"] = row["mean"]
    for row in model.get("recovery") or []:
        if row["element"] == EVERY:
            found[f"recovery_auroc.{row['method']}"] = row["auroc"]
            found[f"recovery_hit_rate.{row['method']}"] = row["hit_rate"]
    for row in model["areas"]:
        found[f"{row['curve']}_area.{row['method'].replace(' ', '_')}"] = row["area"]
    for row in model["sanity"]:
        found[f"sanity_{row['check'].replace(' ', '_')}.{row['method']}"] = row["mean"]
    return {
        name: float(value)
        for name, value in found.items()
        if value is not None and math.isfinite(value)
    }


@contextmanager
def recorded(
    options: ComparisonOptions,
    key: str,
    settings: Mapping[str, Any],
    uri: str,
    storage: Storage,
    console: Console,
) -> Iterator[ComparisonRecords]:
    """Open the run of a comparison, under the run of its first model where that is known.

    A tracking server that does not answer never stops the job: records wait and are sent by the
    same command later.
    """
    parent = None
    try:
        check_reachable(uri)
        parent = find_model_run(options.model[0], uri=uri)
    except InputError as error:
        console.print(f"[yellow]MLflow: {escape(str(error))}[/]\nThe job goes on without it.")
    spool = storage.folder("work", "spool", key)
    with Tracker(uri, parent.experiment if parent else STAGE, spool) as tracker:
        records = ComparisonRecords(tracker, key)
        records.open(options, settings, parent.parent_tags if parent else {})
        try:
            yield records
        except BaseException as error:
            records.end(error)
            raise
        records.end()
