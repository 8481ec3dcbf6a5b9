"""Pages of every kind, from small real runs in this process; some sweeps from made-up results."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import dnasweep
import numpy as np
import pandas as pd

SMALL: dict[str, Any] = {
    "tracking_uri": "none",
    "split": "random",
    "preset": "1x32x2",
    "learning_rates": [1e-2],
    "finetune_epochs": 12,
    "progress": False,
}


class Runs:
    """Small runs, each made when it is first asked for; the pages are copied into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inputs = folder / "inputs"
        self.inputs.mkdir(parents=True)

    def kept(self, page: Path, name: str) -> Path:
        """Copy a page under a name of its own."""
        return Path(shutil.copy(page, self.folder / f"{name}.html"))

    def sweep(self, data: object, name: str, **changes: Any) -> dnasweep.Sweep:
        """Return a sweep of two tokenizers and two seeds."""
        axes = {"tokenizer": ["kmer-3", "kmer-4"], "species_set": ["none"], "seed": [0, 1]}
        axes |= changes.pop("axes", {})
        return dnasweep.sweep(
            data, axes, name=name, storage=self.folder / "runs", **(SMALL | changes)
        )

    @cached_property
    def promoters(self) -> Path:
        from toy_data import write_toy_table

        return write_toy_table(self.inputs / "promoters.csv")

    @cached_property
    def binary(self) -> dnasweep.Sweep:
        return self.sweep(self.promoters, "binary")

    @cached_property
    def bases(self) -> dnasweep.Sweep:
        from base_toys import write_splice_sites

        table = write_splice_sites(self.inputs / "splice_sites.csv")
        return self.sweep(table, "splice-sites", task="token")

    @cached_property
    def classes(self) -> dnasweep.Sweep:
        from toy_data import write_three_classes

        return self.sweep(write_three_classes(self.inputs / "classes.csv"), "classes")

    @cached_property
    def numbers(self) -> dnasweep.Sweep:
        from toy_data import write_measured

        return self.sweep(write_measured(self.inputs / "expression.csv"), "expression")

    @cached_property
    def signal(self) -> Any:
        from profile_toys import write_signal

        return write_signal(self.inputs)

    @cached_property
    def profile(self) -> dnasweep.Sweep:
        return self.sweep(
            self.signal.rows,
            "signal",
            genome=str(self.signal.genome),
            tracks=[str(self.signal.track)],
            bins=8,
        )

    @cached_property
    def genome(self) -> Path:
        """A chromosome of 6,000 bases; promoters as in the table begin at 1,500 and 4,000."""
        letters = np.random.default_rng(0).choice(list("ACGT"), 6_000)
        table = pd.read_csv(self.promoters)
        for start, row in zip(
            (1_500, 4_000), table[table["label"] == 1].itertuples(), strict=False
        ):
            letters[start : start + 60] = list(row.sequence)
        path = self.inputs / "genome.fa"
        path.write_text(">chr1\n" + "".join(letters) + "\n")
        return path

    @cached_property
    def explained(self) -> dnasweep.Attributions:
        table = pd.read_csv(self.promoters).head(60)
        return dnasweep.explain(self.binary.best(), table, max_evals=200, progress=False)

    def attributions(self, model: dnasweep.Model, rows: object, name: str, **options: Any) -> Path:
        found = dnasweep.explain(model, rows, max_evals=100, progress=False, **options)
        return self.kept(found.report(self.folder / "jobs" / name), name)


def all_pages(folder: Path) -> Iterator[Path]:
    """Make a page of every kind."""
    runs = Runs(folder)
    for make in PAGES:
        yield make(runs)


def sweep_of_two_classes(runs: Runs) -> Path:
    return runs.kept(runs.binary.report, "sweep-binary")


def masking_grid(runs: Runs) -> Path:
    found = runs.sweep(
        runs.promoters,
        "masking",
        axes={
            "tokenizer": ["kmer-3"],
            "species_set": ["all"],
            "masking": ["random", "global_pmi"],
        },
        pretrain_epochs=2.0,
    )
    return runs.kept(found.report, "sweep-masking")


def sweep_of_classes(runs: Runs) -> Path:
    return runs.kept(runs.classes.report, "sweep-multiclass")


def sweep_of_numbers(runs: Runs) -> Path:
    return runs.kept(runs.numbers.report, "sweep-regression")


def sweep_of_bases(runs: Runs) -> Path:
    return runs.kept(runs.bases.report, "sweep-token")


def sweep_of_signals(runs: Runs) -> Path:
    return runs.kept(runs.profile.report, "sweep-profile")


def audit(runs: Runs) -> Path:
    from dnasweep.commands.jobs.build_dataset import BuildOptions, main
    from rich.console import Console

    options = BuildOptions(
        data=(str(runs.promoters),), storage=str(folder := runs.folder / "runs")
    )
    main(options, Console(quiet=True))
    (page,) = folder.glob("audits/*/*.html")
    return runs.kept(page, "audit")


def attributions_of_two_classes(runs: Runs) -> Path:
    return runs.kept(runs.explained.report(runs.folder / "jobs" / "binary"), "attributions-binary")


def attributions_of_classes(runs: Runs) -> Path:
    rows = pd.read_csv(runs.inputs / "classes.csv").head(30)
    return runs.attributions(
        runs.classes.best(), rows, "attributions-multiclass", target="donor", against="acceptor"
    )


def attributions_of_numbers(runs: Runs) -> Path:
    rows = pd.read_csv(runs.inputs / "expression.csv").head(30)
    return runs.attributions(runs.numbers.best(), rows, "attributions-regression")


def attributions_of_a_base(runs: Runs) -> Path:
    rows = pd.read_csv(runs.inputs / "splice_sites.csv")["sequence"].tolist()[:30]
    return runs.attributions(runs.bases.best(), rows, "attributions-token", target="donor@60")


def attributions_of_a_bin(runs: Runs) -> Path:
    letters = "".join(runs.signal.genome.read_text().split("\n")[1:])
    rows = [letters[i * 60 : (i + 1) * 60] for i in range(0, 40, 2)]
    return runs.attributions(runs.profile.best(), rows, "attributions-profile", target="atac@4")


def motifs(runs: Runs) -> Path:
    found = dnasweep.discover_motifs(runs.explained, discovery_q=1, progress=False)
    return runs.kept(found.report, "motifs")


def method_comparison(runs: Runs) -> Path:
    table = pd.read_csv(runs.promoters).head(16)
    found = dnasweep.compare_explanations(
        runs.binary.best(),
        table,
        methods=["shap", "in_silico_mutagenesis", "attention_rollout"],
        progress=False,
    )
    return runs.kept(found.report, "methods")


def scan(runs: Runs) -> Path:
    found = dnasweep.scan(runs.binary.best(), runs.genome, window=60, stride=10, progress=False)
    return runs.kept(found.report, "scan")


def scan_of_signals(runs: Runs) -> Path:
    found = dnasweep.scan(runs.profile.best(), runs.genome, window=56, progress=False)
    return runs.kept(found.report, "scan-profile")


def variants(runs: Runs) -> Path:
    storage = runs.folder / "variants"
    dnasweep.score_variants(
        runs.binary.best(),
        genome=runs.genome,
        saturate="chr1:1501-1560",
        storage=storage,
        tracking_uri="none",
        progress=False,
    )
    (page,) = storage.glob("**/*.html")
    return runs.kept(page, "variants")


def embeddings(runs: Runs) -> Path:
    from dnasweep.jobs.embedding_request import EmbedOptions
    from dnasweep.jobs.executor import InProcess
    from dnasweep.workflows.embeddings import EmbeddingJob
    from dnasweep.workflows.run import run
    from rich.console import Console

    options = EmbedOptions(
        model=str(runs.binary.best().directory),
        data=(str(runs.promoters),),
        out=str(runs.folder / "embeddings"),
        storage=str(runs.folder / "runs"),
    )
    run(EmbeddingJob.of, options, Console(quiet=True), executor=InProcess())
    return runs.kept(runs.folder / "embeddings" / "embeddings.html", "embeddings")


def marginals(runs: Runs) -> Path:
    found = dnasweep.marginalize(
        runs.binary.best(), "TATAAA", "TATAAA", spacings=[5, 14, 20], length=60, progress=False
    )
    return runs.kept(found.report, "marginals")


def designs(runs: Runs) -> Path:
    table = pd.read_csv(runs.promoters)
    rows = table[table["label"] == 0]["sequence"].tolist()[:4]
    found = dnasweep.design(runs.binary.best(), rows, edits=4, progress=False)
    return runs.kept(found.report, "designs")


def leaderboard(runs: Runs) -> Path:
    from dnasweep.data.suites import find_suite
    from dnasweep.report.files import write_page
    from dnasweep.report.suite_page import SuiteFrame, suite_page
    from dnasweep.sweeps.leaderboard import make_leaderboard
    from suite_toys import MODELS, results, state_of

    names = ["prom_core_all", "prom_core_tata", "tf_0", "tf_1", "splice_reconstructed"]
    table = {
        name: dict(zip(MODELS, (0.7 - place / 30, 0.62, 0.5), strict=True))
        for place, name in enumerate(names)
    }
    board = make_leaderboard(find_suite("gue"), results(table), state_of(names), draw="")
    frame = SuiteFrame(command="dnasweep benchmark-suite --suite gue")
    return write_page(suite_page(board, frame), runs.folder / "leaderboard.html")


def few_shots(runs: Runs) -> Path:
    from dnasweep.report.few_shot_page import few_shot_page
    from dnasweep.report.files import write_page
    from dnasweep.report.provenance import SweepFrame
    from dnasweep.sweeps.shots import compare_shots
    from shot_toys import baselines, sweep

    found = compare_shots(sweep(), baselines=baselines())
    frame = SweepFrame(title="Few shots", command="dnasweep fewshot-grid")
    return write_page(few_shot_page(found, frame), runs.folder / "few-shots.html")


def transfer(runs: Runs) -> Path:
    from dnasweep.report.files import write_page
    from dnasweep.report.provenance import SweepFrame
    from dnasweep.report.transfer_page import transfer_page
    from dnasweep.sweeps.transfer_matrix import compare_strategies
    from transfer_toys import SPECIES, baselines, transfer_cells

    found = compare_strategies(
        transfer_cells(), baselines=baselines(), relatives=SPECIES, num_resamples=200
    )
    frame = SweepFrame(title="Species transfer", command="dnasweep species-transfer")
    page = transfer_page(found, frame, num_trials=100)
    return write_page(page, runs.folder / "transfer.html")


PAGES: tuple[Callable[[Runs], Path], ...] = (
    sweep_of_two_classes,
    masking_grid,
    sweep_of_classes,
    sweep_of_numbers,
    sweep_of_bases,
    sweep_of_signals,
    audit,
    attributions_of_two_classes,
    attributions_of_classes,
    attributions_of_numbers,
    attributions_of_a_base,
    attributions_of_a_bin,
    motifs,
    method_comparison,
    scan,
    scan_of_signals,
    variants,
    embeddings,
    marginals,
    designs,
    leaderboard,
    few_shots,
    transfer,
)
