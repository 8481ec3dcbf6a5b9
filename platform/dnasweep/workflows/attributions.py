"""An attribution job from its request to its report.

The order is always the same: sequences and model are read and checked, the missing shards are
computed, the job is closed, the report is written. Every step looks first for what is there, so the
same command again goes on where it was stopped and, when all is there, only reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.formats.rejects import write_rejects
from dnasweep.jobs.attribution_request import (
    KIND,
    AttributionOptions,
    AttributionRequest,
    prepare_attribution,
)
from dnasweep.jobs.shards.progress import duration
from dnasweep.jobs.shards.shards import Shards
from dnasweep.jobs.shards.totals import close
from dnasweep.runtime.cluster.session import resolve_precision
from dnasweep.runtime.shards.run import JobResources, run_shards
from dnasweep.runtime.shards.worker import ShardJobSpec
from dnasweep.stages import models
from dnasweep.tracking.client import without_password
from dnasweep.workflows.job_records import RunMetadata, recorded

WORKER = "dnasweep.attribution.worker:AttributionWorker"
REJECTS = "rejects.tsv"
_LAYERS = {
    "last": "last layer",
    "all": "mean over all layers",
    "rollout": "followed through all layers",
}
MAX_REPORTED = 20_000
"""Sequences the report is made of at most; of a longer list whole shards, evenly spread."""


def run_attributions(
    options: AttributionOptions, console: Console, *, request: AttributionRequest | None = None
) -> Shards | None:
    """Run an attribution job and return its shards; None after a dry run.

    Parameters
    ----------
    options
        What is asked for.
    console
        Where to say how it goes.
    request
        The job, where it is a part of another one and prepared already: it says less then.

    Raises
    ------
    InputError
        For anything the user can mend, before the first sequence wherever it can be known by then.
    """
    alone = request is None
    if request is None:
        with console.status("reading the sequences and the model"):
            request = prepare_attribution(options, resolve=resolve_precision)
        _announce(request, console)
    if options.dry_run:
        return None
    storage = request.storage
    if request.rejects:
        path = storage.folder(KIND, request.key) / REJECTS
        write_rejects(request.rejects, path)
        storage.share(path)
        console.print(
            f"[yellow]{len(request.rejects):,} rows left out: see {escape(str(path))}[/]"
        )
    shards = Shards.begin(
        storage,
        kind=KIND,
        inputs=request.settings,
        rows=request.rows,
        shard_size=request.shard_size,
    )
    order = ShardJobSpec(
        storage=storage.root,
        kind=KIND,
        key=shards.key,
        worker=WORKER,
        arguments={
            "storage": storage.root,
            "kind": models.KIND,
            "key": request.settings["model"],
            "settings": request.settings,
            "batch_rows": options.batch_rows,
        },
    )
    means = JobResources.of(options)
    entry = RunMetadata(
        uri=request.uri,
        model=options.model,
        settings=request.settings,
        unit="sequences",
        context="explained",
        sources=options.data,
        folder="report",
    )
    with recorded(entry, shards, console) as records:
        run = run_shards(shards, order, means, console, title="explaining", unit="sequences")
        records.throughput(run)
        facts = close(shards, _facts)
        files = _report(request, shards, console) if options.report else []
        records.finish(facts, _note(request, shards, facts), files)
    if alone:
        _say_where(request, shards, facts, files, console)
    return shards


def _announce(request: AttributionRequest, console: Console) -> None:
    settings, rows, options = request.settings, request.rows, request.options
    most = settings.get("max_evals")
    if settings["estimator"] == "attention":
        explained = (
            f"[bold]attention[/] of the first token, {_LAYERS[settings['attention_layers']]}; it "
            "is the same for every class"
        )
    else:
        explained = (
            f"[bold]explained[/] {settings['value'].replace('_', ' ')} of class "
            f"{escape(repr(settings['target']))}, estimator {settings['estimator']}"
        )
    if "reference" in settings:
        explained += f", reference {settings['reference']}"
    explained += f", {most:,} evaluations a sequence" if most else ""
    tokens = f"tokenizer {settings['tokenizer']}, classes {escape(', '.join(settings['classes']))}"
    console.print(
        f"[bold]sequences[/] {len(rows):,}\n"
        f"[bold]model[/] {escape(options.model)} ({settings['model']}): {tokens}\n"
        f"{explained}",
        soft_wrap=True,
    )
    if request.averaged:
        console.print(
            "[yellow]The model calls by the mean of both strands; what is explained is the strand "
            "given.[/]",
            soft_wrap=True,
        )
    if not options.dry_run:
        return
    try:
        shards = Shards.open(request.storage, KIND, request.key)
        number, done = len(shards), len(shards) - len(shards.missing())
        size = shards.shard_size
    except InputError:
        size, done = request.shard_size, 0
        number = -(-len(rows) // size)
    console.print(
        f"[bold]plan[/] {number:,} shards of {size} sequences ({done:,} there)\n"
        f"[bold]place[/] {escape(request.storage.uri_of(KIND, request.key))}\n"
        "Nothing was started: leave --dry-run out to run it.",
        soft_wrap=True,
    )


def _facts(total: dict[str, float]) -> dict[str, Any]:
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


def _report(request: AttributionRequest, shards: Shards, console: Console) -> list[Path]:
    """Write the report unless it is there, and return its files."""
    index, settings = request.options.tss_index, request.settings

    def write(folder: Path) -> None:
        from dnasweep.attribution.tables import read_attributions
        from dnasweep.report.attribution_page import write_report
        from dnasweep.report.attribution_summary import ReportConfig

        attributions = read_attributions(shards.fetch(MAX_REPORTED), most_sequences=MAX_REPORTED)
        positive = settings["classes"].index(settings["target"])
        write_report(
            folder,
            attributions,
            tss_index=index,
            settings=attributions.settings,
            config=ReportConfig(positive_label=positive),
        )

    name = "report" if index is None else f"report-{index}"
    with console.status("writing the report"):
        folder = request.storage.obtain(f"{KIND}/{shards.key}", name, write, inputs=settings)
    return sorted(path for path in folder.iterdir() if path.is_file())


def _note(request: AttributionRequest, shards: Shards, facts: dict[str, Any]) -> str:
    settings = request.settings
    what = f"Attributions of {shards.num_rows:,} sequences to the class `{settings['target']}`"
    if settings["estimator"] == "attention":
        what = f"Attention of the first token over {shards.num_rows:,} sequences"
    if "max_gap" in facts:
        sums = (
            f"efficiency is missed by {facts['mean_gap']:.2g} on average and "
            f"{facts['max_gap']:.2g} at most, the values span {facts['mean_span']:.3g}"
        )
    else:
        sums = f"values of the estimator {settings['estimator']} need not add up to anything"
    return f"{what}, in `{shards.place}`: {sums}. The report is under *Artifacts*."


def _say_where(
    request: AttributionRequest,
    shards: Shards,
    facts: dict[str, Any],
    files: list[Path],
    console: Console,
) -> None:
    pages = [escape(str(path)) for path in files if path.suffix == ".html"]
    place = escape(shards.place)
    sums = "values of this estimator need not add up to anything"
    if "max_gap" in facts:
        sums = (
            f"efficiency missed by {facts['max_gap']:.2g} at most, mean |full - empty| "
            f"{facts['mean_span']:.3g}"
        )
    console.print(
        f"[bold]attributions[/] {place}\n"
        f"  {shards.num_rows:,} sequences, {facts['num_tokens']:,.0f} tokens, "
        f"{facts['num_evals']:,.0f} evaluations in {duration(facts['actor_seconds'])} of an actor\n"
        f"  {sums}",
        *(f"\n[bold]report[/] {path}" for path in pages),
        f"\n[bold]verify[/] python jobs/verify_shap.py --attributions {place}"
        f"\n[bold]MLflow[/] mlflow ui --backend-store-uri {escape(without_password(request.uri))}",
        soft_wrap=True,
        sep="",
    )
