"""The leaderboard of a suite: ranks, their tests, what is left out, and its page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.suites import find_suite
from dnasweep.report.drawing import png
from dnasweep.report.render import render
from dnasweep.report.suite_figures import critical_differences, scores_by_task
from dnasweep.report.suite_page import SuiteFrame, leaderboard_tables, suite_page
from dnasweep.sweeps.leaderboard import Leaderboard, make_leaderboard
from dnasweep.sweeps.rank_tests import compare_ranks, friedman
from dnasweep.sweeps.suite_scores import BASELINE
from rich.console import Console
from scipy import stats
from suite_toys import MODELS, results, state_of

GUE = find_suite("gue")
NAMES = ["prom_core_all", "prom_core_tata", "tf_0", "tf_1", "splice_reconstructed"]


def board_of(table: dict[str, dict[str, float]], draw: str = "") -> Leaderboard:
    return make_leaderboard(GUE, results(table), state_of(list(table)), draw=draw)


@pytest.fixture(scope="module")
def board() -> Leaderboard:
    scores = [0.7, 0.6, 0.5]
    return board_of({name: dict(zip(MODELS, scores, strict=True)) for name in NAMES})


def test_friedman_is_the_statistic_of_scipy_with_and_without_ties() -> None:
    rng = np.random.default_rng(0)
    for scores in (rng.normal(size=(6, 4)), rng.integers(0, 3, size=(8, 3)).astype(float)):
        statistic, p = friedman(scores)
        assert statistic == pytest.approx(stats.friedmanchisquare(*scores.T).statistic)
        assert 0 < p <= 1


def test_the_p_value_is_exact_where_all_permutations_are_tried() -> None:
    # Of 3 tasks with 3 models in one order, 6 of 6^3 permutations are as extreme.
    scores = np.array([[3.0, 2.0, 1.0]] * 3)
    assert friedman(scores)[1] == pytest.approx(6 / 6**3)
    assert friedman(np.ones((4, 3))) == (0.0, 1.0)


def test_ranks_are_taken_over_tasks_that_all_models_ended() -> None:
    matrix = pd.DataFrame(
        {"a": [0.9, 0.2, 0.7], "b": [0.5, 0.4, np.nan], "c": [np.nan] * 3}, index=["x", "y", "z"]
    )
    found = compare_ranks(matrix)
    assert found.tasks == ["x", "y"]
    assert found.models == ["a", "b"]
    assert dict(found.ranks) == {"a": 1.5, "b": 1.5}
    assert found.statistic is None


def test_ties_share_a_rank() -> None:
    found = compare_ranks(pd.DataFrame({"a": [0.5], "b": [0.5], "c": [0.1]}, index=["x"]))
    assert dict(found.ranks) == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_the_best_model_is_first_and_the_baseline_among_them(board: Leaderboard) -> None:
    assert board.models == ["kmer-3 / tiny", "kmer-3 / small", "bpe-64 / tiny", BASELINE]
    first = board.rows.iloc[0]
    assert (first["rank"], first.mean_rank, first.num_best, first.num_tasks) == (1, 1.0, 5, 5)
    assert first.mean_score == pytest.approx(0.7)
    # Two trials of half a minute on each of five tasks.
    assert first.minutes == pytest.approx(5)
    assert board.rows["mean_rank"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_claims_come_with_their_numbers(board: Leaderboard) -> None:
    assert board.verdicts[0].significant
    assert board.verdicts[0].text == f"{board.tests.statistic:.2f}"
    assert board.tests.pairs is not None
    last = board.verdicts[-1]
    assert last.claim == f"kmer-3 / tiny against {BASELINE}"
    assert last.better
    assert last.p == pytest.approx(board.tests.pairs.loc["kmer-3 / tiny", BASELINE])
    text = " ".join(board.findings)
    assert "Best mean rank: kmer-3 / tiny, 1.00 of 4 models over 5 tasks" in text
    assert f"Nemenyi: kmer-3 / tiny is significantly better than {BASELINE}. " in text
    assert (
        "no significant difference of kmer-3 / tiny from kmer-3 / small and bpe-64 / tiny. With fewer"
        in text
    )


def test_a_model_that_failed_is_ranked_by_what_it_ended_and_that_is_said() -> None:
    table = {name: dict(zip(MODELS, [0.7, 0.6, 0.5], strict=True)) for name in NAMES}
    table["tf_1"][MODELS[0]] = np.nan
    found = board_of(table)
    assert "tf_1" not in found.common
    assert len(found.common) == 4
    row = found.rows.set_index("model").loc["kmer-3 / tiny"]
    assert row.num_tasks == 4
    assert row.mean_score == pytest.approx(0.7)
    failed = found.scores[found.scores["outcome"] == "failed"]
    assert failed["reason"].tolist() == ["out of memory"]
    assert "Without a score: kmer-3 / tiny on tf_1" in " ".join(found.findings)


def test_a_mean_over_some_of_the_seeds_is_named() -> None:
    found = results({"tf_0": dict(zip(MODELS, [0.7, 0.6, 0.5], strict=True))})
    found[0].comparisons[0].selected.loc[0, "outcome"] = "1 of 3 collapsed"
    named = make_leaderboard(GUE, found, state_of(["tf_0"])).findings
    told = "Means over the remaining seeds only, which may be too optimistic: kmer-3 / tiny on tf_0 (1 of 3 collapsed)."
    assert told in named


def test_one_task_is_ranked_and_not_tested() -> None:
    found = board_of({"tf_0": dict(zip(MODELS, [0.7, 0.3, 0.5], strict=True))})
    assert found.tests.statistic is None
    assert found.models[-1] == "kmer-3 / small"
    assert "rank below" not in found.findings[0]
    text = " ".join(found.findings)
    assert "kmer-3 / small does not rank above the k-mer baseline" in text
    assert "Not tested" in text
    assert critical_differences(found) is None


def test_published_scores_stand_beside_and_are_not_ranked(board: Leaderboard) -> None:
    assert set(board.published["task"]) <= set(NAMES)
    assert "DNABERT-2" not in board.models
    page = render(suite_page(board, SuiteFrame(command="python x.py")))
    assert '<tr class="published">' in page
    assert "DNABERT-2" in page
    assert "figures/Performance.png" in page


def test_the_page_says_what_was_drawn_and_what_is_missing() -> None:
    found = board_of(
        {"tf_0": dict(zip(MODELS, [0.7, 0.3, 0.5], strict=True))}, draw="at most 500 rows"
    )
    page = render(suite_page(found, SuiteFrame()))
    assert page.count("at most 500 rows") >= 3
    assert "Not run: 27 of the 28 requested tasks" in " ".join(found.findings)


def test_figures_are_drawn(board: Leaderboard) -> None:
    for drawing in (scores_by_task(board), critical_differences(board)):
        assert drawing is not None
        assert png(drawing, dpi=60)[:4] == b"\x89PNG"


def test_files_are_plain_and_complete(board: Leaderboard, tmp_path: Path) -> None:
    board.write(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "leaderboard.csv", "leaderboard.json", "leaderboard_scores.csv", "leaderboard_tasks.csv",
        "leaderboard_published.csv", "leaderboard_nemenyi.csv",
    }  # fmt: skip
    content = json.loads((tmp_path / "leaderboard.json").read_text())
    assert content["models"][0]["model"] == "kmer-3 / tiny"
    assert content["ranked_over"] == NAMES
    scores = pd.read_csv(tmp_path / "leaderboard_scores.csv")
    assert len(scores) == 20
    assert set(scores["num_train_rows"]) == {100}


def test_the_terminal_shows_every_task_with_the_best_published_score(board: Leaderboard) -> None:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(leaderboard_tables(board))
    text = console.export_text()
    assert "0.700 ± 0.010" in text
    assert "0.720 DNABERT-2" in text


def test_models_that_share_the_best_rank_are_named_together() -> None:
    first, second, third = MODELS
    tied = [{first: 0.7, second: 0.6, third: 0.5}, {first: 0.6, second: 0.7, third: 0.5}]
    board = board_of({name: tied[i % 2] for i, name in enumerate(NAMES[:4])})
    assert board.winners == board.models[:2]
    one, other = board.winners
    assert {one, other} == {"kmer-3 / small", "kmer-3 / tiny"}
    assert board.texts("verdict").startswith(f"{one} and {other} share the best mean rank, 1.50")
    found = " ".join(board.findings)
    assert f"{one}: mean score 0.650, the best on 2; {other}: mean score 0.650" in found
