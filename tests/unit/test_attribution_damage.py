"""A finished attribution job whose files are damaged: it is said where, and what is lost is made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dnasweep.attribution.worker import AttributionWorker
from dnasweep.errors import InputError
from dnasweep.jobs.attribution_request import KIND, AttributionOptions, prepare_attribution
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.verification import Verdict, bounds_of, find_job, verify
from dnasweep.stages import models
from shap_toys import write_model, write_sequences


def compute(shards: Shards) -> None:
    settings = shards.inputs
    worker = AttributionWorker(
        storage=shards.storage.root, kind=models.KIND, key=settings["model"], settings=settings
    )
    for shard in shards.missing():
        shards.publish(shard, *worker.compute(shards.rows(shard), lambda done: None))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished job of three shards."""
    root = tmp_path_factory.mktemp("whole")
    write_sequences(root / "toy.csv", 9)
    request = prepare_attribution(
        AttributionOptions(
            model=str(write_model(root / "model")),
            data=(str(root / "toy.csv"),),
            storage=str(root / "runs"),
            max_evals=80,
        )
    )
    shards = Shards.begin(
        request.storage, kind=KIND, inputs=request.settings, rows=request.rows, shard_size=3
    )
    compute(shards)
    shards.finish({})
    return Path(shards.uri)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole.parents[1], tmp_path / "runs")
    return tmp_path / "runs" / KIND / whole.name


def verify_folder(folder: Path) -> Verdict:
    shards = find_job(str(folder))
    return verify(shards, bounds_of(shards.inputs))


def test_a_whole_job_has_no_problem(folder: Path) -> None:
    verdict = verify_folder(folder)
    assert (verdict.num_read, verdict.problems) == (9, [])


@pytest.mark.parametrize("text", ["", '{"files": ', "[]", '{"files": 3}', "{}"])
def test_a_damaged_manifest_is_a_finding(folder: Path, text: str) -> None:
    (folder / "shards" / "00001" / "manifest.json").write_text(text)
    verdict = verify_folder(folder)
    assert verdict.num_read == 6
    assert [problem.place for problem in verdict.problems] == ["shard 00001"]
    assert "manifest.json is damaged" in verdict.problems[0].what


def test_a_folder_of_another_name_is_no_shard(folder: Path) -> None:
    for name in ("00001 copy", "1", "x"):
        shutil.copytree(folder / "shards" / "00001", folder / "shards" / name)
    assert verify_folder(folder).problems == []
    shutil.copytree(folder / "shards" / "00001", folder / "shards" / "00007")
    assert [problem.place for problem in verify_folder(folder).problems] == ["shard 00007"]


@pytest.mark.parametrize("name", ["work.parquet", "manifest.json"])
def test_a_damaged_work_list_is_said_with_what_to_do(folder: Path, name: str) -> None:
    (folder / "work" / name).write_text("damage")
    with pytest.raises(InputError, match=rf"work/{name}: .*Run the job again"):
        verify_folder(folder)


def test_a_shard_without_manifest_is_computed_again_in_its_place(folder: Path) -> None:
    lost = folder / "shards" / "00001"
    before = (lost / "tokens.parquet").read_bytes()
    (lost / "manifest.json").unlink()
    (lost / "tokens.parquet").write_text("half")
    assert [problem.what for problem in verify_folder(folder).problems] == ["it is missing"]
    compute(find_job(str(folder)))
    assert verify_folder(folder).problems == []
    assert (lost / "tokens.parquet").read_bytes() == before
    assert not list((folder.parents[1] / "work" / "building").iterdir())


@pytest.mark.parametrize("bound", [float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("name", ["absolute", "relative"])
def test_a_bound_that_nothing_can_exceed_is_refused(whole: Path, name: str, bound: float) -> None:
    settings = find_job(str(whole)).inputs
    with pytest.raises(InputError, match=f"gap is {bound}"):
        bounds_of(settings, **{name: bound})
