"""A suite in this process: its plan, its budget, tasks and models that fail, and its leaderboard."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from dnasweep.data.suites import find_suite
from dnasweep.errors import InputError, NothingLeft
from dnasweep.stages.recipe import Cell
from dnasweep.sweeps.checkpoint_names import short_names
from dnasweep.sweeps.in_process import InProcessExecutor
from dnasweep.sweeps.suite_options import SuiteOptions
from dnasweep.sweeps.suite_request import prepare_suite
from dnasweep.sweeps.suite_scores import BASELINE, task_scores
from dnasweep.workflows import suite as workflow
from dnasweep.workflows.suite import run_suite
from rich.console import Console
from suite_toys import comparison, write_gue


def options(root: Path, **changes: Any) -> SuiteOptions:
    asked: dict[str, Any] = {
        "data": (str(root / "GUE"),),
        "storage": str(root / "runs"),
        "tracking_uri": "none",
        "tokenizers": ("kmer-3",),
        "presets": ("1x16x2", "1x32x2"),
        "learning_rates": (1e-2,),
        "seeds": (0,),
        "finetune_epochs": 1.0,
        "evaluations": 1,
        "precision": "fp32",
    }
    return SuiteOptions(**{**asked, **changes})


def told(chosen: SuiteOptions) -> tuple[Any, str]:
    console = Console(file=io.StringIO(), width=200)
    board = run_suite(chosen, console, executor=InProcessExecutor)
    return board, console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, str]:
    root = tmp_path_factory.mktemp("suite")
    write_gue(root / "GUE")
    return (root, *told(options(root)))


def test_every_model_has_a_score_on_every_task_that_is_there(ended: Any) -> None:
    _, board, output = ended
    assert set(board.scores["task"]) == {"prom_core_tata", "tf_0"}
    assert set(board.models) == {"1x16x2", "1x32x2", BASELINE}
    assert board.matrix.notna().all(axis=None)
    assert "2 of 28 tasks were found" in output


def test_scores_are_those_of_the_sweeps(ended: Any) -> None:
    root, board, _ = ended
    reports = sorted((root / "runs/sweeps").glob("*/report/comparison_selected.csv"))
    assert len(reports) == 2
    found = sorted(value for path in reports for value in pd.read_csv(path)["test_mcc"].to_numpy())
    ours = board.scores[board.scores["model"] != BASELINE]
    assert sorted(ours["score"]) == pytest.approx(found)
    [leaderboard] = (root / "runs/suites").glob("*/report/leaderboard.html")
    [page] = set(re.findall(r"/[^<>\"]*/comparison\.html", leaderboard.read_text()))
    assert Path(page).is_file()


def test_the_same_again_trains_nothing(ended: Any) -> None:
    root, board, _ = ended
    trials = {path: path.stat().st_mtime for path in (root / "runs/trials").iterdir()}
    again, _ = told(options(root))
    assert {path: path.stat().st_mtime for path in (root / "runs/trials").iterdir()} == trials
    assert again.rows["mean_rank"].tolist() == board.rows["mean_rank"].tolist()
    assert len(list((root / "runs/suites").iterdir())) == 1


def test_a_damaged_task_is_listed_and_the_other_runs(ended: Any, tmp_path: Path) -> None:
    write_gue(tmp_path / "GUE")
    (tmp_path / "GUE/tf/0/test.csv").write_text("sequence,label\nACGTXX,1\n")
    request = prepare_suite(options(tmp_path), Console(file=io.StringIO()))
    assert [one.task.name for one in request.planned] == ["prom_core_tata"]
    state, reason = request.absent["tf_0"]
    assert state == "refused"
    assert "test.csv" in reason
    (tmp_path / "GUE/prom/prom_core_tata/test.csv").write_text("sequence,label\nACGTXX,1\n")
    with pytest.raises(InputError, match=r"none of the 28 tasks of GUE can be run; the first"):
        prepare_suite(options(tmp_path), Console(file=io.StringIO()))


def test_a_time_chooses_rows_once(ended: Any, tmp_path: Path) -> None:
    write_gue(tmp_path / "GUE", sizes={"train": 600, "dev": 80, "test": 40})
    # Bases a second: all rows of two models would take more than ten minutes.
    speeds = [200.0]

    def measure(spec: object, length: int) -> float:
        return speeds[0]

    chosen = options(tmp_path, time_budget=12.0)
    first = prepare_suite(chosen, Console(file=io.StringIO()), measure=measure)
    rows = first.options.train_rows
    assert rows is not None
    assert 100 <= rows < 600
    assert {one.num_train for one in first.planned} == {rows}
    assert f"{rows:,} training rows" in first.draw
    speeds[0] = 900.0
    again = prepare_suite(chosen, Console(file=io.StringIO()), measure=measure)
    assert again.options.train_rows == rows
    assert again.key == first.key
    with pytest.raises(InputError, match="minutes are too few"):
        prepare_suite(
            options(tmp_path, time_budget=0.01), Console(file=io.StringIO()), measure=measure
        )


def test_a_dry_run_prints_tasks_found_and_missing_and_starts_nothing(tmp_path: Path) -> None:
    write_gue(tmp_path / "GUE")
    board, output = told(options(tmp_path, dry_run=True))
    assert board is None
    assert "not there" in output
    assert "4 trials (0 done before)" in output
    assert "Nothing was started" in output
    assert not (tmp_path / "runs/trials").exists()


def test_a_model_that_cannot_be_trained_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gue(tmp_path / "GUE")
    chosen = options(tmp_path, tasks=("tf_0",), presets=("1x16x2",))
    planned = prepare_suite(chosen, Console(file=io.StringIO())).planned[0]
    asked = []

    def run(name: str, axes: object, own: SuiteOptions, console: object, **how: object) -> Any:
        asked.append((name, own.checkpoints))
        if "long" in own.checkpoints:
            raise InputError("the rows are longer than the model")
        return "compared"

    monkeypatch.setattr(workflow, "run_sweep", run)
    long = dataclasses.replace(planned.sweep.plan.cells[0], checkpoint="long")
    cells = (long, *planned.sweep.plan.cells)
    both: Any = SimpleNamespace(
        task=planned.task,
        num_train=10,
        sweep=SimpleNamespace(name="gue-tf_0", plan=SimpleNamespace(cells=cells)),
        options=options(tmp_path, checkpoints=("long", "none")),
    )
    result = workflow._run_task(both, Console(file=io.StringIO()), InProcessExecutor)
    assert result.comparisons == ("compared",)
    assert asked == [
        ("gue-tf_0", ("long", "none")),
        ("gue-tf_0-1", ("long",)),
        ("gue-tf_0-2", ()),
    ]
    alone = planned._replace(options=options(tmp_path, checkpoints=("long",)))
    result = workflow._run_task(alone, Console(file=io.StringIO()), InProcessExecutor)
    assert result.comparisons == ()
    assert result.failed == {"kmer-3 / none / 1x16x2": "the rows are longer than the model"}


def test_models_of_a_divided_sweep_have_the_names_they_have_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Alone, two folders of one name are called the same."""
    paths, scores = ("/one/promoters", "/two/promoters"), {"one": 0.6, "two": 0.7}
    cells = [
        Cell(tokenizer="kmer-3", species_set="none", checkpoint=path, preset="tiny")
        for path in paths
    ]

    def run(name: str, axes: object, own: SuiteOptions, console: object, **how: object) -> Any:
        if len(own.checkpoints) > 1:
            raise InputError("not together")
        return comparison({"kmer-3 / promoters / tiny": scores[own.checkpoints[0][1:4]]})

    monkeypatch.setattr(workflow, "run_sweep", run)
    sweep = SimpleNamespace(name="gue-tf_0", plan=SimpleNamespace(cells=cells))
    planned: Any = SimpleNamespace(
        task=next(one for one in find_suite("gue").tasks if one.name == "tf_0"),
        num_train=10,
        sweep=sweep,
        options=SuiteOptions(checkpoints=paths),
    )
    result = workflow._run_task(planned, Console(quiet=True), InProcessExecutor)
    found = {one["model"]: one["score"] for one in task_scores(result)}
    assert found == {
        "kmer-3 / one/promoters / tiny": 0.6,
        "kmer-3 / two/promoters / tiny": 0.7,
        BASELINE: 0.4,
    }


def test_a_copy_of_a_checkpoint_is_no_model_of_a_divided_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Together, its trials are those of the other place of the same checkpoint."""
    asked = []

    def run(name: str, axes: object, own: SuiteOptions, console: object, **how: object) -> Any:
        asked.append(own.checkpoints)
        if len(own.checkpoints) > 1:
            raise InputError("not together")
        return comparison({f"kmer-3 / {(*own.checkpoints, 'none')[0]} / tiny": 0.6})

    monkeypatch.setattr(workflow, "run_sweep", run)
    cells = [
        Cell(tokenizer="kmer-3", species_set="none", checkpoint=name, preset="tiny")
        for name in ("first", None)
    ]
    planned: Any = SimpleNamespace(
        task=next(one for one in find_suite("gue").tasks if one.name == "tf_0"),
        num_train=10,
        sweep=SimpleNamespace(name="gue-tf_0", plan=SimpleNamespace(cells=cells)),
        options=SuiteOptions(checkpoints=("first", "copy", "none")),
    )
    result = workflow._run_task(planned, Console(quiet=True), InProcessExecutor)
    models = [one["model"] for one in task_scores(result)]
    assert models == ["kmer-3 / first / tiny", "kmer-3 / none / tiny", BASELINE]
    assert asked == [("first", "copy", "none"), ("first",), ()]
    alone = SimpleNamespace(
        **{**vars(planned), "options": SuiteOptions(checkpoints=("first", "copy"))},
    )
    alone.sweep = SimpleNamespace(name="gue-tf_0", plan=SimpleNamespace(cells=cells[:1]))
    result = workflow._run_task(alone, Console(quiet=True), InProcessExecutor)
    assert result.failed == {"kmer-3 / first / tiny": "not together"}


def test_a_failed_model_has_the_name_it_has_elsewhere() -> None:
    path = "/somewhere/else/promoters"
    cell = Cell(tokenizer="kmer-3", species_set="none", checkpoint=path)
    shown = short_names([path])
    assert workflow.model_of(cell, shown) == "kmer-3 / promoters"
    further = dataclasses.replace(cell, species_set="human")
    assert workflow.model_of(further, shown) == "kmer-3 / promoters then human"


def test_no_result_at_all_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gue(tmp_path / "GUE")

    def run(*given: object, **how: object) -> None:
        raise NothingLeft("no trial is left")

    monkeypatch.setattr(workflow, "run_sweep", run)
    with pytest.raises(NothingLeft, match=r"no task of GUE gave a result; the first, prom_core"):
        told(options(tmp_path))
