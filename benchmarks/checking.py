"""Share of the time of a sweep and of an attribution job used for checking files.

Trains an encoder and two trials and evaluates them on test, in this process and without Ray; then
explains sequences with the first trial, shard by shard, and reads the job again. During this, the
time in the functions that compute and compare checksums is measured. Then everything is requested
again as in a fresh process, which must check all files: this is the cost of checking when nothing
is computed.

    python benchmarks/checking.py
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from dnasweep.attribution.worker import AttributionWorker
from dnasweep.jobs.attribution_request import KIND, AttributionOptions, prepare_attribution
from dnasweep.jobs.computing import close
from dnasweep.jobs.shards.store import Shards
from dnasweep.stages import models
from dnasweep.stages.classifier import finetune
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.scores import evaluate_on_test
from dnasweep.storage import artefacts, integrity, published, staging
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.request import prepare_sweep
from rich.console import Console
from stopwatch import Stopwatch


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    simulated_rows: int = 120
    """Rows of each species."""
    finetune_epochs: float = 2.0
    """Passes of fine-tuning and of pretraining."""
    num_explained: int = 16
    """Sequences to explain."""


CHECKS = ("damage", "describe", "digest_of", "seal", "unseal")
WATCHED = tuple(
    (module, name, "checking")
    for name in CHECKS
    for module in (integrity, artefacts, published, staging)
    if hasattr(module, name)
)
"""All functions that check, from any caller."""


def run_sweep(options: Options, root: Path) -> tuple[Path, list[str]]:
    """Train and test two trials; return the folder of the first and sequences to explain."""
    asked = SweepOptions(
        storage=str(root),
        simulated_rows=options.simulated_rows,
        finetune_epochs=options.finetune_epochs,
        pretrain_epochs=options.finetune_epochs,
        tokenizers=("kmer",),
        species_sets=("all",),
        learning_rates=(1e-3,),
    )
    axes = {
        "tokenizer": ("kmer",),
        "species_set": ("all",),
        "learning_rate": (1e-3,),
        "seed": (0, 1),
    }
    sweep = prepare_sweep("checking", axes, asked, Console(quiet=True))
    for spec in sweep.plan.classifiers:
        finetune(sweep.storage, spec)
        evaluate_on_test(sweep.storage, spec)
    first = sweep.plan.classifiers[0]
    table = sweep.data.table
    sequences = table["sequence"][table["split"] == "test"].tolist()
    return sweep.storage.expect(first.kind, first.key) / CHECKPOINT, sequences


def run_attribution(options: Options, root: Path, model: Path, sequences: list[str]) -> None:
    """Explain sequences, or find the results, and read them."""
    file = root / "explained.csv"
    file.write_text("\n".join(["sequence", *sequences[: options.num_explained]]) + "\n")
    request = prepare_attribution(
        AttributionOptions(model=str(model), data=(str(file),), storage=str(root))
    )
    shards = Shards.begin(
        request.storage,
        kind=KIND,
        inputs=request.settings,
        rows=request.rows,
        shard_size=request.shard_size,
    )
    shards.clear_damaged()
    if missing := shards.missing():
        worker = AttributionWorker(
            storage=str(root),
            kind=models.KIND,
            key=request.settings["model"],
            settings=request.settings,
        )
        for shard in missing:
            shards.publish(shard, *worker.compute(shards.rows(shard), lambda done: None))
    close(shards, lambda total: {"num_rows": total["num_rows"]})
    shards.fetch()


def main(options: Options) -> None:
    """Measure and print."""
    console, watch = Console(), Stopwatch()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, watch.watching(*WATCHED):
        root, found = Path(folder), None
        for state in ("computed", "found there"):
            integrity.forget()
            for name in ("sweep", "attribution job"):
                watch.clock.clear()
                started = time.perf_counter()
                if name == "sweep":
                    found = run_sweep(options, root)
                else:
                    assert found is not None
                    run_attribution(options, root, *found)
                seconds, checking = time.perf_counter() - started, watch.clock["checking"]
                console.print(
                    f"{name}, {state}: {seconds:.2f} s, of these {checking:.4f} s checking "
                    f"({checking / seconds:.2%})"
                )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
