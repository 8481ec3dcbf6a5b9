"""A comparison of explanations from its request to its report.

The sequences are chosen, every method explains them, the checks are made, the curves are followed,
and all of it is compared. Every step looks first for what is there, so the same command again goes
on where it was stopped and, when all is there, only reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from dnasweep.attribution.tss import tss_places
from dnasweep.config import content_key, versions
from dnasweep.formats.paths import user_path
from dnasweep.formats.rejects import write_rejects
from dnasweep.jobs.explanation_options import UNSIGNED, ComparisonOptions, check_options
from dnasweep.jobs.explanation_rows import Chosen, choose_rows
from dnasweep.runtime.cluster.session import kept_session
from dnasweep.storage import MANIFEST, Storage
from dnasweep.storage.output_folder import check_folder, publish_files
from dnasweep.tracking.client import resolve_uri, without_password
from dnasweep.tracking.tags import command
from dnasweep.workflows.explanation_jobs import (
    Explaining,
    MadeExplanations,
    options_of,
    request_of,
)
from dnasweep.workflows.explanation_records import recorded

KIND = "comparisons"
REJECTS = "rejects.tsv"


def run_comparison(options: ComparisonOptions, console: Console) -> Path | None:
    """Run a comparison and return the folder of its report; None after a dry run.

    Raises
    ------
    InputError
        For anything the user can mend, before the first sequence wherever it can be known by then.
    """
    check_options(options)
    with console.status("reading the sequences and the models"):
        chosen = choose_rows(options)
        if options.tss_index is not None:
            tss_places(np.asarray(chosen.reading.table["sequence"].str.len()), options.tss_index)
        _check_all(options, chosen)
    _announce(options, chosen, console)
    out = None if options.out is None else user_path(options.out)
    if options.dry_run:
        return None
    if out is not None:
        check_folder(out)
    with kept_session():
        made = [
            Explaining(options, model, chosen.reading, console).run() for model in options.model
        ]
    storage = Storage(options.storage)
    uri = resolve_uri(options.tracking_uri, storage.root)
    settings = _settings(options, made, chosen)
    key = content_key(KIND, versions.ATTRIBUTION_COMPARISON, settings)
    with recorded(options, key, settings, uri, storage, console) as records:
        folder = _compare(options, made, chosen, storage, key, settings, console)
        files = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
        records.finish(folder, files)
    if out is not None:
        files = publish_files(files, out, job=KIND)
    for path in files:
        if path.suffix in (".html", ".json"):
            console.print(f"[bold]{path.suffix[1:]}[/] {escape(str(path))}", soft_wrap=True)
    console.print(
        f"[bold]MLflow[/] mlflow ui --backend-store-uri {escape(without_password(uri))}",
        soft_wrap=True,
    )
    return folder


def _check_all(options: ComparisonOptions, chosen: Chosen) -> None:
    """Make sure that every job can be started: each method, and each model by the most demanding."""
    ordered = sorted(options.methods, key=lambda method: method in UNSIGNED)
    for method in ordered:
        options_of(options, options.model[0], method)
    for model in options.model:
        request_of(options, model, ordered[0], chosen.reading, dry_run=True)


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
        console.print("Nothing was started: leave --dry-run out to run it.")


def _settings(
    options: ComparisonOptions, made: Sequence[MadeExplanations], chosen: Chosen
) -> dict[str, Any]:
    """Return everything that makes the comparison, JSON-able."""
    elements = None
    if chosen.elements is not None:
        elements = content_key(chosen.elements.astype(str).to_csv(index=False))
    return {
        "models": [one.explanations.name for one in made],
        "methods": list(options.methods),
        "target": [one.explanations.target for one in made],
        "jobs": [dict(sorted(one.keys.items())) for one in made],
        "elements": elements,
        "tss_index": options.tss_index,
        "permutations": options.permutations,
        "sanity": options.sanity,
        "seed": options.seed,
    }


def _compare(
    options: ComparisonOptions,
    made: Sequence[MadeExplanations],
    chosen: Chosen,
    storage: Storage,
    key: str,
    settings: dict[str, Any],
    console: Console,
) -> Path:
    """Compare, show the comparison, and write the report unless it is there."""
    from dnasweep.method_comparison.comparing import compare
    from dnasweep.report.explanations_page import write_comparison
    from dnasweep.report.explanations_terminal import explanation_tables

    with console.status("comparing"):
        comparisons = []
        for one in made:
            given = one.explanations
            classes = next(iter(given.methods.values())).settings["classes"]
            comparisons.append(
                compare(
                    given,
                    elements=chosen.elements,
                    tss_index=options.tss_index,
                    positive_label=classes.index(given.target),
                    permutations=options.permutations,
                    seed=options.seed,
                )
            )
    shown = {
        "command": command(),
        "data": list(options.data) or "built-in",
        "sequences": len(chosen.reading.table),
        **{
            name: settings[name]
            for name in ("models", "methods", "target", "permutations", "seed")
        },
        "reference": options.reference,
        "sanity": options.sanity,
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
