"""A variant job: score alleles shard by shard, then write tables, VCFs and heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.formats.rejects import REJECTS, write_rejects
from dnasweep.jobs.executor import Executor
from dnasweep.jobs.job import FinishedJob, Job, JobFiles, files_in
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.variant_options import VariantOptions
from dnasweep.jobs.variant_request import VariantRequest, prepare_variants
from dnasweep.report.variant_ranking import ranking_of
from dnasweep.workflows.run import Say
from dnasweep.workflows.variant_files import SOMETIMES, digest_of_inputs, write_results


class VariantJob(Job[VariantRequest]):
    """Scores variants."""

    worker = "dnasweep.genomics.variant_worker:VariantWorker"
    title, unit, context, artifacts = "scoring", "variants", "scored", "variants"
    sometimes = SOMETIMES

    @classmethod
    def of(
        cls, options: VariantOptions, executor: Executor, console: Console, say: Say
    ) -> VariantJob:
        return cls(prepare_variants(options))

    def sources(self) -> Sequence[str]:
        return self.request.options.data or self.request.options.saturate

    def arguments(self) -> dict[str, Any]:
        return self.request.arguments

    def announcement(self) -> list[str]:
        request, settings = self.request, self.request.settings
        moved = f" and {len(settings['shifts'])} shifted ones" if settings["shifts"] else ""
        what = f"class {settings['target']!r}" if settings["classifier"] else "a language model"
        if settings.get("columns"):
            what = f"scores of {ranking_of(settings).unit}"
        windows = f"{settings['window']:,} bases, a centred one{moved}, both strands"
        if number := settings["backgrounds"]:
            windows += f", {number:,} shuffled contexts (p is at least {1 / (number + 1):.2g})"
        if settings["language_model"]:
            windows += ", log-likelihood ratio"
        if settings["motifs"]:
            windows += f", motifs of {request.options.motifs}"
        return [
            f"[bold]variants[/] {len(request.rows):,} alleles to score, "
            f"{len(request.rejects):,} rejected",
            *(f"[bold]read[/] {escape(note)}" for note in request.notes),
            f"[bold]model[/] {escape(request.options.model)}: {escape(what)}, tokenizer "
            f"{settings['tokenizer']}",
            f"[bold]windows[/] {escape(windows)}",
        ]

    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        return {
            "num_scored": total.pop("num_rows"),
            "actor_seconds": round(total.pop("seconds"), 3),
            **total,
        }

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        request = self.request

        def write(folder: Path) -> None:
            write_results(folder, request, shards)
            write_rejects(request.rejects, folder / REJECTS)

        name = f"results-{digest_of_inputs(request)}"
        with console.status("writing the files"):
            folder = request.storage.obtain(
                f"{self.kind}/{shards.key}", name, write, inputs=request.settings
            )
        note = (
            f"{facts['num_scored']:,.0f} alleles scored and {len(request.rejects):,} rejected, in "
            f"`{shards.uri}`"
        )
        note += f": {self._called(facts)}." if self._calls else "."
        metrics = {"num_rejected": len(request.rejects)}
        return JobFiles(folder=folder, files=files_in(folder), metrics=metrics, note=note)

    @property
    def _calls(self) -> bool:
        """Whether the model calls a class of the sequence."""
        settings = self.request.settings
        return bool(settings["classifier"]) and not settings.get("columns")

    def _called(self, facts: dict[str, Any]) -> str:
        return (
            f"{facts['num_loss']:,.0f} lose and {facts['num_gain']:,.0f} gain "
            f"{self.request.settings['target']}"
        )

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        facts, settings = finished.facts, self.request.settings
        scored, rejected = int(facts["num_scored"]), len(self.request.rejects)
        lines = [
            f"[bold]scored[/] {scored:,} + rejected {rejected:,} = {scored + rejected:,} alleles"
        ]
        if self._calls:
            lines.append(f"  {escape(self._called(facts))}")
        if settings["motifs"]:
            lines.append(
                f"  binding sites: {facts['num_sites_gained']:,.0f} gained, "
                f"{facts['num_sites_lost']:,.0f} lost"
            )
        return [*lines, *(f"[bold]written[/] {escape(str(path))}" for path in files)]
