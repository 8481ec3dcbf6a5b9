"""A comparison of explanations, from request to report.

The sequences are chosen, every method explains them, the sanity checks and the curves are computed, and all
results are compared. Every step first looks for existing results, so the same command resumes after an
interruption, and only reads if everything is finished.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from dnasweep.attribution.positions import tss_positions
from dnasweep.attribution.targets import output_of
from dnasweep.config import content_key, versions
from dnasweep.errors import InputError
from dnasweep.formats.paths import user_path
from dnasweep.formats.rejects import REJECTS, write_rejects
from dnasweep.jobs.attribution_request import prepare_attribution
from dnasweep.jobs.executor import Executor
from dnasweep.jobs.explanation_options import (
    UNSIGNED,
    ComparisonOptions,
    check_options,
    unfit_methods,
)
from dnasweep.jobs.explanation_rows import Chosen, choose_rows, class_names_of
from dnasweep.jobs.job import NOT_STARTED, files_in, run_together
from dnasweep.jobs.messages import mlflow_lines, say
from dnasweep.jobs.records import RunMetadata, recorded
from dnasweep.method_comparison.comparing import Explanations
from dnasweep.method_comparison.recovery import EVERY
from dnasweep.runtime.cluster.session import kept_session
from dnasweep.storage import Storage
from dnasweep.storage.output_folder import check_folder, publish_files
from dnasweep.tracking.client import resolve_uri
from dnasweep.tracking.tags import command
from dnasweep.workflows.explanation_jobs import (
    CURVES,
    ExplainedModel,
    curve_job,
    options_of,
    read_curves,
)
from dnasweep.workflows.run import on_ray

STAGE = "explanations"
NUMBERS = "numbers.json"
KIND = "comparisons"


def run_comparison(
    options: ComparisonOptions, console: Console, *, executor: Executor | None = None
) -> Path | None:
    """Run a comparison and return the folder of its report; None after a dry run.

    Parameters
    ----------
    options
        Options of the command.
    console
        Console for progress and results.
    executor
        Executor; None: Ray.

    Raises
    ------
    InputError
        For any problem that the user can fix, before the first sequence if it can be detected by then.
    """
    executor = executor or on_ray()
    check_options(options)
    with console.status("reading the sequences and the models"):
        chosen = choose_rows(options, class_names_of(options))
        if options.tss_index is not None:
            lengths = np.asarray(chosen.reading.table["sequence"].str.len())
            tss_positions(lengths, options.tss_index)
        options = _check_all(options, chosen, executor, console)
    _announce(options, chosen, console)
    if options.dry_run:
        return None
    out = None if options.out is None else user_path(options.out)
    if out is not None:
        check_folder(out)
    storage = Storage(options.storage)
    uri = resolve_uri(options.tracking_uri, storage.root)
    made, jobs = _explain(options, chosen, storage, console, executor)
    settings = _settings(options, made, jobs, chosen)
    key = content_key(KIND, versions.ATTRIBUTION_COMPARISON, settings)
    metadata = RunMetadata(
        uri=uri,
        model=options.model[0],
        stage=STAGE,
        key=key,
        name=f"{STAGE} {key[:6]}",
        params={**_shown(options, settings), "num_sequences": options.num_sequences},
        tags={},
        folder=STAGE,
    )
    with recorded(metadata, storage, console) as records:
        folder = _compare(options, made, chosen, storage, key, settings, console)
        files = files_in(folder)
        said = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        sentences = [*said["findings"], *(s for one in said["models"] for s in one["findings"])]
        note = "\n".join(f"- {one}" for one in sentences)
        records.finish(metrics_of(said["models"][0]), note, files)
    if out is not None:
        files = publish_files(files, out, job=KIND)
    lines = [
        f"[bold]{path.suffix[1:]}[/] {escape(str(path))}"
        for path in files
        if path.suffix in (".html", ".json")
    ]
    say([*lines, *mlflow_lines(uri)], console)
    return folder


def _check_all(
    options: ComparisonOptions, chosen: Chosen, executor: Executor, console: Console
) -> ComparisonOptions:
    """Return the options with methods that can explain all models, after checking that all jobs can start."""
    # Every model can leave out tokens, but not all models have calls and attention.
    ordered = sorted(options.methods, key=lambda method: (method in UNSIGNED, method == "anchors"))
    for method in ordered:
        options_of(options, options.model[0], method)
    unfit: dict[str, str] = {}
    for model in options.model:
        asked = dataclasses.replace(options_of(options, model, ordered[0]), dry_run=True)
        request = prepare_attribution(asked, chosen.reading, resolve=executor.resolve_precision)
        unfit |= dict.fromkeys(unfit_methods(request.task), model)
    lacking = [method for method in options.methods if method in unfit]
    if not lacking:
        return options
    if options.methods != ComparisonOptions.methods:
        raise InputError(
            f"{', '.join(lacking)} cannot explain what the model predicts",
            file=unfit[lacking[0]],
            remedy="Leave out --methods to compare all methods that can.",
        )
    console.print(
        f"[dim]left out: {', '.join(lacking)}, which cannot explain what the model predicts[/]",
        soft_wrap=True,
    )
    kept = tuple(method for method in options.methods if method not in unfit)
    return dataclasses.replace(options, methods=kept)


def _explain(
    options: ComparisonOptions,
    chosen: Chosen,
    storage: Storage,
    console: Console,
    executor: Executor,
) -> tuple[list[Explanations], list[dict[str, str]]]:
    """Return the explanations of each model with their curves, and the keys of the jobs."""
    with kept_session():
        with console.status("preparing the explanations"):
            explained = [
                ExplainedModel(options, model, chosen.reading, executor.resolve_precision)
                for model in options.model
            ]
        planned = [one for model in explained for one in model.planned]
        titles = "; ".join(dict.fromkeys(one.title for one in planned))
        console.print(f"[bold]explanations[/] {escape(titles)}", soft_wrap=True)
        jobs = [one.job for one in planned]
        finished = iter(run_together(jobs, options, console, executor=executor))
        made, keys = [], []
        for model in explained:
            done = [next(finished) for _ in model.planned]
            titled = zip(model.planned, done, strict=True)
            keys.append({one.title: job.shards.key for one, job in titled})
            made.append(model.read(done))
        console.print("[bold]deletion and insertion[/]")
        curves = [curve_job(options, one.methods, storage) for one in made]
        followed = run_together(curves, options, console, executor=executor)
        for number, curve in enumerate(followed):
            keys[number][CURVES] = curve.shards.key
            made[number] = dataclasses.replace(made[number], curves=read_curves(curve))
    return made, keys


def _announce(options: ComparisonOptions, chosen: Chosen, console: Console) -> None:
    labels, numbers = np.unique(chosen.reading.table["label"], return_counts=True)
    by_label = ", ".join(
        f"{number:,} {'without label' if label < 0 else f'of label {label}'}"
        for label, number in zip(labels[::-1].tolist(), numbers[::-1].tolist(), strict=True)
    )
    truth = "known" if chosen.elements is not None else "not known"
    console.print(
        f"[bold]sequences[/] {len(chosen.reading.table):,} ({by_label}), planted elements {truth}\n"
        f"[bold]models[/] {escape(', '.join(options.model))}\n"
        f"[bold]methods[/] {', '.join(options.methods)}; sanity: {options.sanity}",
        soft_wrap=True,
    )
    if options.dry_run:
        console.print(NOT_STARTED)


def _settings(
    options: ComparisonOptions,
    made: Sequence[Explanations],
    jobs: Sequence[dict[str, str]],
    chosen: Chosen,
) -> dict[str, Any]:
    """Return everything that determines the comparison, serialisable as JSON."""
    elements, rejected = None, chosen.reading.rejected
    if chosen.elements is not None:
        elements = content_key(chosen.elements.astype(str).to_csv(index=False))
    return {
        "models": [one.name for one in made],
        "methods": list(options.methods),
        "target": [one.target for one in made],
        "jobs": [dict(sorted(keys.items())) for keys in jobs],
        "elements": elements,
        "tss_index": options.tss_index,
        "permutations": options.permutations,
        "sanity": options.sanity,
        "seed": options.seed,
        **({"rejects": content_key(*map(list, rejected))} if rejected else {}),
    }


def _compare(
    options: ComparisonOptions,
    made: Sequence[Explanations],
    chosen: Chosen,
    storage: Storage,
    key: str,
    settings: dict[str, Any],
    console: Console,
) -> Path:
    """Compare the methods, show the comparison, and write the report unless it exists."""
    from dnasweep.method_comparison.comparing import compare
    from dnasweep.report.explanations_page import explanation_tables, write_comparison

    with console.status("comparing"):
        comparisons = []
        for given in made:
            classes = next(iter(given.methods.values())).settings["classes"]
            comparisons.append(
                compare(
                    given,
                    elements=chosen.elements,
                    tss_index=options.tss_index,
                    positive_label=output_of(given.target, classes),
                    permutations=options.permutations,
                    seed=options.seed,
                )
            )
    shown = {
        "command": command(),
        **_shown(options, settings),
        "sequences": len(chosen.reading.table),
        "permutations": options.permutations,
        "tss_index": options.tss_index,
    }

    def write(folder: Path) -> None:
        write_comparison(folder, comparisons, settings=shown)
        if chosen.reading.rejected:
            write_rejects(chosen.reading.rejected, folder / REJECTS)

    with console.status("writing the report"):
        folder = storage.obtain(KIND, key, write, inputs=settings)
    console.print(explanation_tables(comparisons))
    return folder


def _shown(options: ComparisonOptions, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a comparison shown on the page and in MLflow, and its size."""
    named = {name: settings[name] for name in ("models", "methods", "target", "sanity", "seed")}
    return {**named, "data": options.data or "built-in", "reference": options.reference}


def metrics_of(model: Mapping[str, Any]) -> dict[str, float]:
    """Return the known numbers of a model's comparison as metrics."""
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
