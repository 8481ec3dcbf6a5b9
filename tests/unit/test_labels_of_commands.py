"""The table of commands by kinds of labels in the documentation: every command, and what tasks say of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dnasweep.commands.registry import commands
from dnasweep.errors import InputError
from dnasweep.jobs.explanation_options import unfit_methods
from dnasweep.sweeps.axes import FewShotOptions
from dnasweep.sweeps.options_of_task import check_options_of_task
from dnasweep.tasks.registry import TASKS
from dnasweep.tasks.task import Task

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"
COLUMNS = {
    "two classes": "binary",
    "classes": "multiclass",
    "several labels": "multilabel",
    "numbers": "regression",
    "classes of bases": "token",
    "signals": "profile",
}
WITHOUT_LABELS = {"pretrain", "pmi", "doctor", "slurm"}


def told() -> dict[str, dict[str, str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    assert head == ["command", *COLUMNS]
    return {row[0]: dict(zip(COLUMNS.values(), row[1:], strict=True)) for row in rows}


def made(name: str) -> Task:
    return TASKS[name](("a", "b"), 8 if name == "profile" else 1)  # type: ignore[index]


def test_every_command_and_every_task_is_in_the_table() -> None:
    assert set(COLUMNS.values()) == set(TASKS)
    assert set(told()) == set(commands()) - WITHOUT_LABELS
    assert list(told()) == [name for name in commands() if name not in WITHOUT_LABELS]


@pytest.mark.parametrize("name", TASKS)
def test_the_table_says_what_tasks_say(name: str) -> None:
    task, table = made(name), told()
    assert (table["fewshot-grid"][name] == "no") == bool(task.place)
    if task.place:
        with pytest.raises(InputError, match="shots are rows"):
            check_options_of_task(FewShotOptions(), task)
    else:
        check_options_of_task(FewShotOptions(), task)
    by_rows = not task.has_classes and not task.place
    assert (table["fewshot-grid"][name] == "shots are rows in all") == by_rows
    left_out = unfit_methods(task)
    assert ("anchors" in table["compare-explanations"][name]) == ("anchors" in left_out)
    assert ("attention" in table["compare-explanations"][name]) == ("attention_last" in left_out)
    assert ("output" in table["discover-motifs"][name]) == (not task.has_classes)
    assert (table["shap-batch"][name] == f"a sequence or a {task.place}") == bool(task.place)
