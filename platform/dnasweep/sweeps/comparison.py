"""Comparisons of sweeps: their tables and findings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

import pandas as pd

from dnasweep.data.labels import ZERO_AND_ONE, Labels
from dnasweep.plain import write_csv
from dnasweep.sweeps.transfer_strategies import STRATEGIES
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.registry import task_of
from dnasweep.tasks.task import Task
from dnasweep.tasks.texts import Texts
from dnasweep.tasks.wording import metric_name


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Base of all comparisons; every table is a DataFrame ready for CSV."""

    TEMPLATE: ClassVar[str]
    """Template of the sentences about the comparison."""
    TABLES: ClassVar[tuple[str, ...]]
    """Names of the tables that are written in addition to `rows`."""

    metric: str
    """Name of the metric for the comparison, without its split."""
    higher_is_better: bool
    """Whether higher values of the metric are better."""
    rows: pd.DataFrame
    """One row per combination."""
    baseline: pd.DataFrame
    """The k-mer baseline."""
    unhealthy: pd.DataFrame
    """Trials that diverged, collapsed or failed, with the reason; they are excluded from all
    means."""
    labels: Labels = ZERO_AND_ONE
    """Description of the labels of the data."""
    findings: list[str] = field(default_factory=list)
    """Plain sentences computed from the tables."""
    verdicts: list[Verdict] = field(default_factory=list)
    """The tested claims behind these sentences."""

    @property
    def texts(self) -> Texts:
        """Sentences and captions about the comparison."""
        return Texts(self.TEMPLATE, comparison=self, metric=metric_name(self.metric))

    @property
    def sign(self) -> int:
        """1 if higher is better, else -1."""
        return 1 if self.higher_is_better else -1

    @property
    def task(self) -> Task:
        """The task that the models were trained for."""
        return task_of(self.labels)

    @property
    def decisive(self) -> str:
        """The metric whose tests decide: for classes, MCC if compared by MCC, else AUROC."""
        return self.task.decisive(self.metric)

    def with_findings(self, found: Findings) -> Self:
        """Return the same comparison with its findings."""
        return replace(self, findings=found.sentences, verdicts=found.verdicts)

    def to_csv(self, path: Path) -> Path:
        """Write `rows` to `path`, and other tables beside it as `<stem>_<table>.csv`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(self.rows, path)
        for name in self.TABLES:
            if name == "by_output" and getattr(self, name).empty:
                continue
            write_csv(getattr(self, name), path.with_name(f"{path.stem}_{name}.csv"))
        return path


@dataclass(frozen=True, kw_only=True)
class Comparison(Compared):
    """Comparison of a sweep. `rows` are ranked by the mean validation metric over seeds."""

    TEMPLATE = "sweep"
    TABLES = (
        "selected",
        "baseline",
        "pairwise",
        "by_species",
        "by_output",
        "by_twins",
        "unhealthy",
    )

    axes: tuple[str, ...]
    """Names of the further axes."""
    selected: pd.DataFrame
    """The best combination of each comparison group, with test means and spread."""
    pairwise: pd.DataFrame
    """One row per pair of selected combinations or baseline: tests of the differences of means
    over seeds, and of ensembles over seeds, with adjusted p-values."""
    by_species: pd.DataFrame
    """One row per selected combination and species of the test rows."""
    by_output: pd.DataFrame = field(default_factory=pd.DataFrame)
    """One row per class or output: test metrics of the winner, averaged over seeds."""
    by_twins: pd.DataFrame = field(default_factory=pd.DataFrame)
    """One row per selected combination and baseline: the test metric on rows with and without a
    twin in the training rows; empty if no test row has a twin."""
    shared_encoders: bool = False
    """Whether all seeds of a pretrained cell start from one encoder."""
    start: Literal["species_set", "checkpoint", "start"] = "species_set"
    """What the column `species_set` names: species sets, checkpoints (and `none`), or some of each."""

    @property
    def start_name(self) -> str:
        """`start` in words."""
        return self.start.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class ShotComparison(Compared):
    """Comparison of a few-shot sweep. `rows` has one row per initialisation (and tokenizer, and
    learning rate if rates were given) and number of shots: test metrics as mean and standard
    deviation over draws and seeds. `baseline` has one row per number of shots, averaged over
    draws."""

    TEMPLATE = "shots"
    TABLES = ("runs", "baseline", "pairwise", "unhealthy")

    runs: pd.DataFrame
    """One row per trial."""
    pairwise: pd.DataFrame
    """One row per pair of initialisations, or of one and the baseline, and number of shots."""


@dataclass(frozen=True, kw_only=True)
class Transfer(Compared):
    """Comparison of a species transfer. `rows` are ranked by the mean validation metric over
    seeds. `baseline` has one row per target: the k-mer baseline, trained on the target."""

    TEMPLATE = "transfer"
    TABLES = ("matrix", "means", "tests", "baseline", "unhealthy")

    matrix: pd.DataFrame
    """One row per tokenizer, target and strategy: the best combination on validation with its test
    means and spread, its gain over random initialisation, and the distance to its nearest
    relatives."""
    means: pd.DataFrame
    """One row per tokenizer and strategy: the mean over the targets for which all strategies have
    results."""
    tests: pd.DataFrame
    """One row per pair of strategies on a target, and on the mean over targets (target `all`)."""
    left_out: tuple[str, ...] = ()
    """Why some species of the data are not targets, in words."""

    @property
    def targets(self) -> list[str]:
        """Targets ordered by distance from the first known species by name, the nearest first."""
        return list(dict.fromkeys(self.matrix.get("target", pd.Series(dtype=str))))

    @property
    def strategies(self) -> list[str]:
        """Strategies with results, in the order of `STRATEGIES`."""
        found = set(self.matrix.get("strategy", ()))
        return [name for name in STRATEGIES if name in found]
