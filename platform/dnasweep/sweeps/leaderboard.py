"""The leaderboard of a suite: scores of every model on every task, mean ranks, and their tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.data.suites import Suite
from dnasweep.plain import write_csv
from dnasweep.sweeps.rank_tests import RankTests, compare_ranks
from dnasweep.sweeps.suite_scores import (
    BASELINE,
    SCORES,
    TaskResult,
    score_matrix,
    short_names,
    task_scores,
)
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.texts import Texts

STEM = "leaderboard"
"""First part of the names of its files."""


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Scores and ranks of the models on a suite; every table is ready for CSV."""

    suite: Suite
    """The suite."""
    rows: pd.DataFrame
    """One row per model: rank, mean rank and mean score over the tasks that all models
    completed."""
    scores: pd.DataFrame
    """One row per task and model, see `SCORES`."""
    published: pd.DataFrame
    """Published scores on these tasks: task, metric, model, score, source."""
    tasks: pd.DataFrame
    """One row per task of the suite: its description, and whether it was run."""
    tests: RankTests
    """Tests of the ranks."""
    draw: str = ""
    """How training rows were drawn, in words; empty: all were used."""
    findings: list[str] = field(default_factory=list)
    """Plain sentences, the most important first."""
    verdicts: list[Verdict] = field(default_factory=list)
    """The tested claims behind the findings."""

    @property
    def texts(self) -> Texts:
        """Sentences and captions about the leaderboard."""
        return Texts("suite", board=self, suite=self.suite)

    @property
    def models(self) -> list[str]:
        """Models, the best first."""
        return list(self.rows["model"])

    @property
    def winners(self) -> list[str]:
        """Models with the best mean rank; several if they share it."""
        ranks = self.rows["mean_rank"]
        return list(self.rows.loc[np.isclose(ranks, ranks.min()), "model"])

    @property
    def common(self) -> list[str]:
        """Tasks that all ranked models completed; ranks and means are computed over these."""
        return self.tests.tasks

    @property
    def matrix(self) -> pd.DataFrame:
        """Scores, tasks by models; nan if a model has no score."""
        return score_matrix(self.scores).reindex(columns=self.models)

    def write(self, folder: Path) -> None:
        """Write the tables as CSV and JSON to an existing folder."""
        write_csv(self.rows, folder / f"{STEM}.csv")
        tables = {"scores": self.scores, "published": self.published, "tasks": self.tasks}
        if self.tests.pairs is not None:
            tables["nemenyi"] = self.tests.pairs.rename_axis("model").reset_index()
        for name, table in tables.items():
            write_csv(table, folder / f"{STEM}_{name}.csv")
        content = {
            "suite": self.suite.name,
            "source": self.suite.source,
            "draw": self.draw,
            "ranked_over": self.common,
            "friedman": {"statistic": self.tests.statistic, "p": self.tests.p},
            "models": self.rows.to_dict("records"),
            "scores": self.scores.to_dict("records"),
            "published": self.published.to_dict("records"),
            "findings": self.findings,
        }
        text = json.dumps(_finite(content), indent=2, ensure_ascii=False)
        (folder / f"{STEM}.json").write_text(text + "\n", encoding="utf-8")


def make_leaderboard(
    suite: Suite, results: Sequence[TaskResult], tasks: pd.DataFrame, *, draw: str = ""
) -> Leaderboard:
    """Rank the models of a suite.

    Ranks and means are computed over the tasks that all models with any score completed, so no
    model benefits from a task on which another one failed.

    Parameters
    ----------
    suite
        The suite.
    results
        Results of the tasks that were run.
    tasks
        One row per task of the suite.
    draw
        How training rows were drawn, in words.
    """
    scores = short_names(
        pd.DataFrame(
            [record for result in results for record in task_scores(result)], columns=list(SCORES)
        )
    )
    matrix = score_matrix(scores)
    tests = compare_ranks(matrix)
    published = pd.DataFrame(
        [
            (one.task, _metric_of(suite, one.task), one.model, one.score, one.source)
            for one in suite.published
            if one.task in set(scores["task"])
        ],
        columns=["task", "metric", "model", "score", "source"],
    )
    board = Leaderboard(
        suite=suite,
        rows=_ranked(scores, matrix, tests),
        scores=scores,
        published=published,
        tasks=tasks,
        tests=tests,
        draw=draw,
    )
    found = _findings(board)
    return replace(board, findings=found.sentences, verdicts=found.verdicts)


def _ranked(scores: pd.DataFrame, matrix: pd.DataFrame, tests: RankTests) -> pd.DataFrame:
    shared = matrix.loc[tests.tasks, tests.models]
    best = shared.eq(shared.max(axis=1), axis=0)
    table = pd.DataFrame({"model": matrix.columns})
    for name, values in {
        "mean_rank": tests.ranks,
        "mean_score": shared.mean() if len(shared) else pd.Series(dtype=float),
        "num_best": best.sum(),
        "num_tasks": matrix.notna().sum(),
        "minutes": scores.groupby("model")["minutes"].sum(min_count=1),
    }.items():
        table[name] = table["model"].map(values)
    table[["num_best", "num_tasks"]] = table[["num_best", "num_tasks"]].fillna(0).astype(int)
    table = table.sort_values(["mean_rank", "mean_score"], ascending=[True, False], kind="stable")
    place = table["mean_rank"].rank(method="min").astype("Int64")
    table.insert(0, "rank", place)
    return table.reset_index(drop=True)


def _metric_of(suite: Suite, task: str) -> str:
    return next(one.metric for one in suite.tasks if one.name == task)


def _findings(board: Leaderboard) -> Findings:
    """Return the sentences and the claims that were tested."""
    say, tests = board.texts, board.tests
    scores = board.scores
    verdicts = []
    if tests.statistic is not None:
        claim = "the models differ in rank (Friedman)"
        verdicts.append(Verdict(claim, "chi-square", tests.statistic, tests.p, sign=0))
    if tests.pairs is not None and tests.p < 0.05:
        top = board.models[0]
        verdicts += [
            Verdict(
                f"{top} against {other}",
                "difference of mean ranks",
                float(tests.ranks[top] - tests.ranks[other]),
                float(tests.pairs[top][other]),
                sign=-1,
            )
            for other in tests.models
            if other != top
        ]
    failed = scores[scores["outcome"] == "failed"].groupby("model", sort=False)["task"].agg(list)
    partly = scores[~scores["outcome"].isin(["finished", "failed"])]
    sentences = say.paragraphs(
        "findings",
        pairs=verdicts[1:],
        failed=failed.to_dict(),
        partly=[f"{one.model} on {one.task} ({one.outcome})" for one in partly.itertuples()],
        absent=board.tasks[board.tasks["state"] != "run"],
        run=board.tasks[board.tasks["state"] == "run"],
        beaten=_beaten(board),
        reached=_reached(board),
    )
    return Findings(sentences, verdicts)


def _beaten(board: Leaderboard) -> list[str]:
    """Return the models that do not rank above the k-mer baseline."""
    names = board.models
    if BASELINE not in board.tests.models:
        return []
    level = board.tests.ranks[BASELINE]
    ranked = [n for n in names if n in board.tests.models and n != BASELINE]
    return [
        n
        for n in ranked
        if board.tests.ranks[n] >= level or np.isclose(board.tests.ranks[n], level)
    ]


def _reached(board: Leaderboard) -> tuple[int, int]:
    """Return on how many tasks the best score reaches the best published one, and of how many."""
    best = board.published.groupby("task")["score"].max()
    ours = board.matrix.max(axis=1).reindex(best.index).dropna()
    return int((ours >= best[ours.index]).sum()), len(ours)


def _finite(value: Any) -> Any:
    """Return a value as plain JSON, with null for values that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if value is None or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
