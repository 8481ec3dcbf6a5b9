"""The page of a leaderboard, and the same in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd
from rich.console import RenderableType

from dnasweep.report.page import (
    Answer,
    Code,
    Facts,
    Notice,
    Page,
    PageFigure,
    PageTable,
    Section,
    Text,
    findings_section,
)
from dnasweep.report.suite_figures import critical_differences, scores_by_task
from dnasweep.report.terminal import summary, terminal_table
from dnasweep.sweeps.leaderboard import Leaderboard
from dnasweep.sweeps.suite_scores import BASELINE
from dnasweep.tasks.wording import metric_name, number, with_sd


@dataclass(frozen=True, kw_only=True)
class SuiteFrame:
    """The parts of the page other than the leaderboard."""

    command: str = ""
    """Command line that recreates the page."""
    created: str = ""
    """Time of creation, as text."""
    steps: Sequence[tuple[str, str]] = ()
    """Next steps: a description, and a command to copy."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the suite, values by label."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package versions."""


def suite_page(board: Leaderboard, frame: SuiteFrame) -> Page:
    """Return the page of a leaderboard.

    Parameters
    ----------
    board
        The leaderboard.
    frame
        Other contents of the page.
    """
    say, suite = board.texts, board.suite
    shown = PageFigure("Scores by task", say("scores"), scores_by_task(board), "scores")
    diagram = PageFigure(
        "Critical differences", say("diagram"), critical_differences(board), "critical_differences"
    )
    pairs = board.tests.pairs
    warnings = [f"Not all training rows: {board.draw}."] if board.draw else []
    return Page(
        title=f"{suite.title} leaderboard",
        lead=[" · ".join(filter(None, [suite.title, suite.source, frame.created]))],
        answer=Answer(say("verdict"), _mark(board), shown, frame.steps),
        notice=Notice("Drawn rows", warnings),
        sections=[
            Section("leaderboard", "Leaderboard", [_leaderboard(board), diagram]),
            findings_section(board.findings, board.verdicts, say("reading")),
            Section("by-task", "Scores by task", [_by_task(board)]),
            Section(
                "nemenyi",
                "Pairs of models",
                [
                    PageTable(
                        "nemenyi",
                        None if pairs is None else pairs.rename_axis("model").reset_index(),
                        say("nemenyi"),
                        named=board.models,
                    )
                ],
            ),
            Section("tasks", "Tasks", [_tasks(board), Facts(_sources(board), "Published scores")]),
            Section(
                "again",
                "Reproduce",
                [
                    Text(["The same command recreates this page without repeating any training."]),
                    Code(frame.command),
                    Facts(frame.facts),
                    Facts(frame.versions, "Versions"),
                ],
                folded=True,
            ),
        ],
    )


def leaderboard_tables(board: Leaderboard) -> RenderableType:
    """Return the leaderboard, the scores by task and the findings, for the terminal."""
    models = board.models
    scores = board.scores.set_index(["task", "model"])
    best = board.published.sort_values("score").groupby("task").last()
    records = []
    for task in dict.fromkeys(board.scores["task"]):
        own = [
            with_sd(*scores.loc[(task, m), ["score", "score_sd"]])
            if (task, m) in scores.index
            else number(None)
            for m in models
        ]
        top = f"{number(best.score[task])} {best.model[task]}" if task in best.index else ""
        metric = str(scores.loc[task, "metric"].iloc[0])
        records.append([task, metric_name(metric), *own, top])
    columns = ["task", "metric", *models, "published"]
    return summary(
        [
            terminal_table(
                f"{board.suite.title}: models by mean rank", board.rows, marks=_marks(board.rows),
                left=["model"], titles={"rank": "#", "num_tasks": "tasks", "num_best": "best on"},
            ),
            terminal_table(
                "Test scores by task", pd.DataFrame(records, columns=columns),
                left=["task", "metric", "published"], titles={name: name for name in columns},
                caption=f"Not all training rows: {board.draw}." if board.draw else "",
            ),
        ],
        board.findings,
    )  # fmt: skip


def _mark(board: Leaderboard) -> Literal["yes", "no", "open"]:
    if board.tests.statistic is None:
        return "open"
    return "yes" if board.tests.p < 0.05 else "no"


def _marks(table: pd.DataFrame) -> list[str]:
    return [
        "reference" if model == BASELINE else "chosen" if rank == 1 else ""
        for model, rank in zip(table["model"], table["rank"].fillna(0), strict=True)
    ]


def _leaderboard(board: Leaderboard) -> PageTable:
    return PageTable("leaderboard", board.rows, board.texts("leaderboard"), _marks(board.rows))


def _by_task(board: Leaderboard) -> PageTable:
    """Return the scores of each task, best model first, followed by published scores in grey."""
    frames, marks = [], []
    shown = ["task", "metric", "model", "score", "score_sd", "num_seeds", "num_train_rows"]
    shown += ["num_test_rows", "minutes", "outcome"]
    for task, own in board.scores.groupby("task", sort=False):
        own = own.sort_values("score", ascending=False, kind="stable")[shown]
        published = board.published[board.published["task"] == task]
        published = published.sort_values("score", ascending=False, kind="stable")
        frames += [own, published.assign(outcome="published").reindex(columns=shown)]
        marks += [
            "sick" if outcome == "failed" else "reference" if model == BASELINE else ""
            for outcome, model in zip(own["outcome"], own["model"], strict=True)
        ] + ["published"] * len(published)
    table = pd.concat([one for one in frames if len(one)], ignore_index=True)
    table["metric"] = table["metric"].map(metric_name)
    return PageTable("scores", table, board.texts("by_task"), marks)


def _tasks(board: Leaderboard) -> PageTable:
    marks = ["" if state == "run" else "sick" for state in board.tasks["state"]]
    return PageTable("tasks", board.tasks, board.texts("tasks"), marks)


def _sources(board: Leaderboard) -> dict[str, str]:
    grouped = board.published.groupby("model", sort=False)["source"]
    return {str(model): "; ".join(dict.fromkeys(sources)) for model, sources in grouped}
