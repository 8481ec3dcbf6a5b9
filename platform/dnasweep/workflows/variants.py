"""A variant job from its request to its files.

The order is that of every sharded job: all is read and checked, the missing shards are computed,
the job is closed, the files are written. The same command again goes on where it was stopped and,
when all is there, only reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.formats.paths import user_path
from dnasweep.formats.rejects import write_rejects
from dnasweep.jobs.shards.shards import Shards
from dnasweep.jobs.shards.totals import close
from dnasweep.jobs.variant_options import VariantOptions
from dnasweep.jobs.variant_request import KIND, VariantRequest, prepare_variants
from dnasweep.runtime.shards.run import JobResources, run_shards
from dnasweep.runtime.shards.worker import ShardJobSpec
from dnasweep.storage import MANIFEST
from dnasweep.storage.output_folder import check_folder, publish_files
from dnasweep.tracking.client import without_password
from dnasweep.workflows.job_records import RunMetadata, recorded
from dnasweep.workflows.variant_files import SOMETIMES, digest_of_inputs, write_results

WORKER = "dnasweep.genomics.variant_worker:VariantWorker"
REJECTS = "rejects.tsv"


def run_variants(options: VariantOptions, console: Console) -> Path | None:
    """Run a variant job and return the folder of its files; None after a dry run.

    Raises
    ------
    InputError
        For anything the user can mend, before the first variant wherever it can be known by then.
    """
    with console.status("reading the variants and the model"):
        request = prepare_variants(options)
    _announce(request, console)
    if options.dry_run:
        return None
    if options.out is not None:
        check_folder(user_path(options.out))
    storage = request.storage
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
        arguments=request.arguments,
    )
    means = JobResources.of(options)
    entry = RunMetadata(
        uri=request.uri,
        model=options.model,
        settings=request.settings,
        unit="variants",
        context="scored",
        sources=options.data or options.saturate,
        folder=KIND,
    )
    with recorded(entry, shards, console) as records:
        run = run_shards(shards, order, means, console, title="scoring", unit="variants")
        records.throughput(run)
        facts = close(shards, _facts)
        name = f"results-{digest_of_inputs(request)}"

        def write(folder: Path) -> None:
            write_results(folder, request, shards)
            write_rejects(request.rejects, folder / REJECTS)

        with console.status("writing the files"):
            folder = storage.obtain(f"{KIND}/{shards.key}", name, write, inputs=request.settings)
        files = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
        facts["num_rejected"] = len(request.rejects)
        records.finish(facts, _note(request, shards, facts), files)
    if options.out is not None:
        out = user_path(options.out)
        files = publish_files(files, out, job=KIND, sometimes=SOMETIMES)
    _say_where(request, shards, facts, files, console)
    return folder


def _announce(request: VariantRequest, console: Console) -> None:
    settings, options = request.settings, request.options
    moved = f" and {len(settings['shifts'])} moved ones" if settings["shifts"] else ""
    what = f"class {settings['target']!r}" if settings["classifier"] else "hidden tokens"
    extra = [
        *([_contexts(settings["backgrounds"])] if settings["backgrounds"] else []),
        *(["log-likelihood ratio"] if settings["language_model"] else []),
        *([f"motifs of {options.motifs}"] if settings["motifs"] else []),
    ]
    console.print(
        f"[bold]variants[/] {len(request.rows):,} alleles to score, {len(request.rejects):,} "
        f"rejected\n[bold]model[/] {escape(options.model)}: {escape(what)}, tokenizer "
        f"{settings['tokenizer']}\n[bold]windows[/] {settings['window']:,} bases, a centred one"
        f"{moved}, both strands{''.join(', ' + escape(one) for one in extra)}",
        soft_wrap=True,
    )
    if options.dry_run:
        console.print(
            f"[bold]place[/] {escape(request.storage.uri_of(KIND, request.key))}\n"
            "Nothing was started: leave --dry-run out to run it.",
            soft_wrap=True,
        )


def _contexts(number: int) -> str:
    return f"{number:,} shuffled contexts (p is at least {1 / (number + 1):.2g})"


def _facts(total: dict[str, float]) -> dict[str, Any]:
    return {
        "num_scored": total.pop("num_rows"),
        "actor_seconds": round(total.pop("seconds"), 3),
        **total,
    }


def _note(request: VariantRequest, shards: Shards, facts: dict[str, Any]) -> str:
    return (
        f"{facts['num_scored']:,.0f} alleles scored and {len(request.rejects):,} rejected, in "
        f"`{shards.place}`: {facts['num_loss']:,.0f} lose and {facts['num_gain']:,.0f} gain "
        f"`{request.settings['target']}`."
    )


def _say_where(
    request: VariantRequest,
    shards: Shards,
    facts: dict[str, Any],
    files: list[Path],
    console: Console,
) -> None:
    scored, rejected = int(facts["num_scored"]), len(request.rejects)
    lines = [f"[bold]scored[/] {scored:,} + rejected {rejected:,} = {scored + rejected:,} alleles"]
    if request.settings["classifier"]:
        lines.append(
            f"  {facts['num_loss']:,.0f} lose and {facts['num_gain']:,.0f} gain "
            f"{escape(request.settings['target'])}"
        )
    if request.settings["motifs"]:
        lines.append(
            f"  binding sites: {facts['num_sites_gained']:,.0f} gained, "
            f"{facts['num_sites_lost']:,.0f} lost"
        )
    lines += [f"[bold]written[/] {escape(str(path))}" for path in files]
    lines.append(
        f"[bold]MLflow[/] mlflow ui --backend-store-uri {escape(without_password(request.uri))}"
    )
    console.print("\n".join(lines), soft_wrap=True)
