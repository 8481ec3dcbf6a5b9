"""An attribution job: announce the request, explain shard by shard, and report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.data.reading import Reading
from dnasweep.formats.rejects import REJECTS, write_rejects
from dnasweep.invocation import as_typed
from dnasweep.jobs.attribution_request import (
    AttributionOptions,
    AttributionRequest,
    prepare_attribution,
)
from dnasweep.jobs.executor import Executor
from dnasweep.jobs.job import FinishedJob, Job, JobFiles, files_in
from dnasweep.jobs.shards.store import Shards
from dnasweep.progress import duration
from dnasweep.workflows.run import Say

_LAYERS = {
    "last": "last layer",
    "all": "mean over all layers",
    "rollout": "followed through all layers",
}
MAX_REPORTED = 20_000
"""Maximum number of sequences in the report; for longer lists, evenly spread whole shards."""
_NO_SUM = "need not add up to the output"


class AttributionJob(Job[AttributionRequest]):
    """Explains sequences."""

    worker = "dnasweep.attribution.worker:AttributionWorker"
    title, unit, context, artifacts = "explaining", "sequences", "explained", "report"

    @classmethod
    def of(
        cls,
        options: AttributionOptions,
        executor: Executor,
        console: Console,
        say: Say,
        reading: Reading | None = None,
    ) -> AttributionJob:
        return cls(prepare_attribution(options, reading, resolve=executor.resolve_precision))

    def sources(self) -> Sequence[str]:
        return self.request.options.data

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "batch_rows": self.request.options.batch_rows}

    def begin(self, console: Console) -> Shards:
        request = self.request
        if request.rejects:
            path = request.storage.folder(self.kind, request.key) / REJECTS
            write_rejects(request.rejects, path)
            request.storage.share(path)
            console.print(
                f"[yellow]{len(request.rejects):,} rows left out: see {escape(str(path))}[/]"
            )
        return super().begin(console)

    def announcement(self) -> list[str]:
        settings, options = self.request.settings, self.request.options
        if settings["estimator"] == "attention":
            explained = (
                f"[bold]attention[/] of the first token, {_LAYERS[settings['attention_layers']]}; "
                "it is the same for every class"
            )
        else:
            explained = (
                f"[bold]explained[/] {settings['value'].replace('_', ' ')} of "
                f"{'' if settings.get('unit') else 'class '}{escape(repr(settings['target']))}"
            )
            if against := settings.get("against"):
                explained += f" against {escape(repr(against))}"
            explained += f", estimator {settings['estimator']}"
        if "reference" in settings:
            explained += f", reference {settings['reference']}"
        if most := settings.get("max_evals"):
            explained += f", {most:,} evaluations per sequence"
        lines = [
            f"[bold]sequences[/] {len(self.request.rows):,}",
            f"[bold]model[/] {escape(options.model)} ({settings['model']}): tokenizer "
            f"{settings['tokenizer']}, classes {escape(', '.join(settings['classes']))}",
            explained,
        ]
        if self.request.averaged:
            lines.append(
                "[yellow]The model predicts from the mean of both strands, but only the given strand is "
                "explained.[/]"
            )
        return lines

    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        number = total["num_rows"]
        known = total.pop("num_standard_errors")
        errors = total.pop("sum_standard_error")
        summed = "sum_gap" in total
        gaps, spans = (total.pop(f"sum_{name}", 0.0) for name in ("gap", "span"))
        return {
            "num_sequences": total.pop("num_rows"),
            "actor_seconds": round(total.pop("seconds"), 3),
            **({"mean_gap": gaps / number, "mean_span": spans / number} if summed else {}),
            **({"mean_standard_error": errors / known} if known else {}),
            **total,
        }

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        note = self._note(shards, facts)
        if not self.request.options.report:
            return JobFiles(note=note)
        index, settings = self.request.options.tss_index, self.request.settings

        def write(folder: Path) -> None:
            from dnasweep.attribution.tables import read_attributions
            from dnasweep.attribution.targets import output_of
            from dnasweep.report.attribution_page import write_report
            from dnasweep.report.attribution_summary import ReportConfig

            found = read_attributions(shards.fetch(MAX_REPORTED), max_sequences=MAX_REPORTED)
            positive = output_of(settings["target"], settings["classes"])
            write_report(
                folder,
                found,
                tss_index=index,
                settings={
                    **found.settings,
                    "model name": self.request.options.model,
                    "data": list(self.request.options.data),
                    "attributions": shards.uri,
                },
                config=ReportConfig(positive_label=positive),
            )

        name = "report" if index is None else f"report-{index}"
        with console.status("writing the report"):
            folder = shards.storage.obtain(
                f"{self.kind}/{shards.key}", name, write, inputs=settings
            )
        return JobFiles(folder=folder, files=files_in(folder), note=note)

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        shards, facts = finished.shards, finished.facts
        uri = escape(shards.uri)
        sums = f"values of this estimator {_NO_SUM}"
        if "max_gap" in facts:
            sums = (
                f"completeness error {facts['max_gap']:.2g} at most, mean |prediction - base "
                f"value| {facts['mean_span']:.3g}"
            )
        return [
            f"[bold]attributions[/] {uri}",
            f"  {shards.num_rows:,} sequences, {facts['num_tokens']:,.0f} tokens, "
            f"{facts['num_evals']:,.0f} evaluations in {duration(facts['actor_seconds'])} of an "
            "actor",
            f"  {sums}",
            *(f"[bold]report[/] {escape(str(path))}" for path in files if path.suffix == ".html"),
            as_typed(f"[bold]verify[/] dnasweep verify-shap --attributions {uri}"),
        ]

    def _note(self, shards: Shards, facts: dict[str, Any]) -> str:
        settings = self.request.settings
        what = f"Attributions of {shards.num_rows:,} sequences to the class `{settings['target']}`"
        if settings["estimator"] == "attention":
            what = f"Attention of the first token over {shards.num_rows:,} sequences"
        sums = f"values of the estimator {settings['estimator']} {_NO_SUM}"
        if "max_gap" in facts:
            sums = (
                f"the completeness error is {facts['mean_gap']:.2g} on average and "
                f"{facts['max_gap']:.2g} at most, the values span {facts['mean_span']:.3g}"
            )
        return f"{what}, in `{shards.uri}`: {sums}. The report is under *Artifacts*."
