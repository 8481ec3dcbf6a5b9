"""Published suites: their facts, and which of their tasks a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from dnasweep.data import suite_folders
from dnasweep.data.suite_folders import find_tasks
from dnasweep.data.suites import find_suite, suite_names
from dnasweep.errors import InputError
from dnasweep.sweeps import suite_options
from dnasweep.sweeps.suite_options import SuiteOptions
from dnasweep.tasks.metrics import METRICS
from real_data import REAL
from suite_toys import write_gue


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("gue", 28),
        ("gue-plus", 36),
        ("genomic-benchmarks", 9),
        ("nucleotide-transformer", 18),
        ("nucleotide-transformer-original", 18),
        ("bend", 5),
    ],
)
def test_a_suite_has_all_its_tasks_with_facts(name: str, number: int) -> None:
    suite = find_suite(name)
    assert len(suite.tasks) == len({task.name for task in suite.tasks}) == number
    for task in suite.tasks:
        assert METRICS[task.metric].direction == "max"
        assert task.group
        assert task.about
        assert task.classes
    assert suite.source
    assert suite.split


def test_every_suite_is_named_in_the_help() -> None:
    told = Path(suite_options.__file__).read_text()
    assert all(name in told for name in suite_names())


def test_metrics_are_those_of_the_suites() -> None:
    gue = {task.name: task.metric for task in find_suite("gue").tasks}
    assert [name for name, metric in gue.items() if metric != "mcc"] == ["virus_covid"]
    assert gue["virus_covid"] == "macro_f1"
    assert {task.metric for task in find_suite("genomic-benchmarks").tasks} == {"accuracy"}
    assert {task.metric for task in find_suite("nucleotide-transformer").tasks} == {"mcc"}


@pytest.mark.parametrize("name", suite_names())
def test_published_scores_are_of_known_tasks_once_and_with_a_source(name: str) -> None:
    suite = find_suite(name)
    known = {task.name for task in suite.tasks}
    pairs = [(one.task, one.model) for one in suite.published]
    assert len(pairs) == len(set(pairs))
    for one in suite.published:
        assert one.task in known
        assert 0 < one.score < 1
        assert one.source


def test_published_scores_are_those_of_their_source() -> None:
    found = {(one.task, one.model): one.score for one in find_suite("gue-plus").published}
    assert found["prom_core_tata", "DNABERT-2"] == 0.7417
    assert found["prom_300_all", "DNABERT (6-mer)"] == 0.9048
    found = {(o.task, o.model): o.score for o in find_suite("genomic benchmarks").published}
    assert found["human_enhancers_cohn", "HyenaDNA"] == 0.742


def test_a_suite_is_found_in_any_spelling_and_refused_by_name() -> None:
    assert find_suite("GUE+").name == "gue-plus"
    assert find_suite("Genomic_Benchmarks").name == "genomic-benchmarks"
    with pytest.raises(InputError, match=r"no suite 'glue'.*--suite gue or"):
        find_suite("glue")


def test_tasks_are_chosen_by_name_or_group() -> None:
    gue = find_suite("gue")
    assert [task.name for task in gue.chosen(["TF-0", "splice sites"])] == [
        "tf_0",
        "splice_reconstructed",
    ]
    assert len(gue.chosen([])) == 28
    with pytest.raises(InputError, match=r"no task 'H5'.*--tasks.*H3K9ac"):
        gue.chosen(["H5"])


def test_tasks_are_found_in_the_folder_around_the_suite_too(tmp_path: Path) -> None:
    write_gue(tmp_path / "GUE")
    gue = find_suite("gue")
    for folder in (tmp_path, tmp_path / "GUE"):
        found = find_tasks(gue, [folder], gue.tasks)
        there = {one.task.name: one.path for one in found if one.state == "found"}
        assert there == {
            "prom_core_tata": tmp_path / "GUE/prom/prom_core_tata",
            "tf_0": tmp_path / "GUE/tf/0",
        }
        assert sum(one.state == "missing" for one in found) == 26


def test_a_task_without_training_rows_is_incomplete_and_the_others_are_there(
    tmp_path: Path,
) -> None:
    write_gue(tmp_path)
    (tmp_path / "tf/0/train.csv").unlink()
    gue = find_suite("gue")
    found = {one.task.name: one for one in find_tasks(gue, [tmp_path], gue.tasks)}
    assert found["tf_0"].state == "incomplete"
    assert found["tf_0"].reason == "no train rows"
    assert found["prom_core_tata"].state == "found"


def test_rows_of_another_suite_are_not_taken_for_those_of_this_one(tmp_path: Path) -> None:
    write_gue(tmp_path)
    (tmp_path / "tf").rename(tmp_path / "EMP")
    (tmp_path / "EMP/0").rename(tmp_path / "EMP/H3")
    other = find_suite("nucleotide-transformer-original")
    found = {one.task.name: one for one in find_tasks(other, [tmp_path], other.tasks)}
    assert found["H3"].state == "incomplete"
    assert "belongs to another suite" in found["H3"].reason


def test_a_folder_without_any_task_is_refused(tmp_path: Path) -> None:
    gue = find_suite("gue")
    with pytest.raises(InputError, match=r"none of the 28 tasks.*looked for EMP/H3.*--data"):
        find_tasks(gue, [tmp_path], gue.tasks)


def test_nothing_is_fetched_unless_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []

    def fetch(name: str) -> Path:
        fetched.append(name)
        return tmp_path

    monkeypatch.setattr(suite_folders, "local_path", fetch)
    gue = find_suite("gue")
    with pytest.raises(InputError, match=r"no folder of GUE.*--download"):
        suite_folders.suite_folders(gue, (), download=False)
    with pytest.raises(InputError, match=r"nothing is downloaded.*--download"):
        suite_folders.suite_folders(gue, ("hf://datasets/a/b",), download=False)
    assert fetched == []
    assert suite_folders.suite_folders(gue, (), download=True) == [tmp_path]
    assert fetched == ["hf://datasets/leannmlindsey/GUE"]
    with pytest.raises(InputError, match="no data set on the hub"):
        suite_folders.suite_folders(find_suite("bend"), (), download=True)


def test_options_of_the_sweep_hold_for_every_task() -> None:
    options = SuiteOptions(presets=("tiny", "small"))
    assert options.axes["preset"] == ("tiny", "small")
    assert options.leaks == "drop"


@pytest.mark.skipif(not REAL.is_dir(), reason="no real data here")
def test_the_real_folders_are_found() -> None:
    gue = find_suite("gue")
    found = {one.task.name: one for one in find_tasks(gue, [REAL / "gue"], gue.tasks)}
    assert {name for name, one in found.items() if one.state == "found"} == {
        *("prom_300_tata", "prom_core_all", "prom_core_tata", "tf_0"),
    }
    assert found["prom_300_all"].reason == "no train rows"
