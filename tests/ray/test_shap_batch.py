"""Attributions by their script: whole, the same again, verified, recorded under the model's run."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.tables import read_attributions
from dnasweep.tracking.client import check_reachable, resolve_uri
from mlflow import MlflowClient
from shap_toys import write_model, write_sequences

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).resolve().parents[2]
NUM = 30
EVALS = "80"


def run(script: str, *arguments: str, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, script, *arguments],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == expect, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def explain(storage: Path, model: Path | str, data: Path, *more: str, expect: int = 0) -> str:
    return run(
        "jobs/shap_batch.py",
        *("--storage", str(storage), "--model", str(model), "--data", str(data)),
        *("--max-evals", EVALS, *more),
        expect=expect,
    )


def verify(folder: Path, *more: str, expect: int = 0) -> str:
    return run("jobs/verify_shap.py", "--attributions", str(folder), *more, expect=expect)


def folder_of(storage: Path) -> Path:
    (folder,) = (storage / "attributions").iterdir()
    return folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One job that was run, and what it was run with."""

    storage: Path
    folder: Path
    model: Path
    data: Path
    sequences: list[str]
    output: str
    trial: str
    """MLflow run of the model."""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    root = tmp_path_factory.mktemp("job")
    storage, model, data = root / "runs", write_model(root / "model"), root / "toy.csv"
    sequences = write_sequences(data, NUM)
    uri = resolve_uri(None, str(storage))
    check_reachable(uri)
    client = MlflowClient(uri)
    trial = client.create_run(
        client.create_experiment("grid", artifact_location=(root / "artefacts").as_uri()),
        run_name="a trial",
        tags={"checkpoint": str(model), "trial_key": "0123"},
    ).info.run_id
    output = explain(storage, model, data, "--shard-size", "7")
    return Job(
        storage=storage,
        folder=folder_of(storage),
        model=model,
        data=data,
        sequences=sequences,
        output=output,
        trial=trial,
    )


def shards(folder: Path) -> dict[str, tuple[int, float]]:
    """Every table of every shard: its file, and when it was made."""
    found = sorted((folder / "shards").glob("*/*.parquet"))
    return {str(p.relative_to(folder)): (p.stat().st_ino, p.stat().st_mtime) for p in found}


def test_every_sequence_is_explained_as_the_explainer_does(job: Job) -> None:
    assert f"explaining {NUM} sequences" in job.output
    assert f"--attributions {job.folder}" in job.output, "says what to type next"
    attributions = read_attributions(job.folder)
    assert list(attributions.sequences["sequence"]) == job.sequences
    assert attributions.settings["target"] == "promoter"
    assert len(shards(job.folder)) == 2 * 5
    expected = Explainer(job.model, ExplainConfig(max_evals=int(EVALS)), device="cpu").explain(
        job.sequences
    )
    phi = np.concatenate([one.phi for one in expected])
    assert np.abs(phi).max() > 0.05
    np.testing.assert_allclose(attributions.tokens["phi"], phi, atol=1e-4 * np.abs(phi).max())


def test_the_report_is_written_and_the_verifier_agrees(job: Job) -> None:
    assert str(job.folder / "report" / "attributions.html") in job.output
    assert (job.folder / "report" / "attributions.html").stat().st_size > 10_000
    output = verify(job.folder)
    assert f"{NUM} of {NUM} sequences" in output
    assert "all checks pass" in output


def runs(job: Job) -> list[Any]:
    client = MlflowClient(f"sqlite:///{job.storage}/mlflow.db")
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = client.search_runs(experiments)
    return [one for one in found if one.data.tags.get("stage") == "attributions"]


def test_mlflow_has_the_job_under_the_run_of_its_model(job: Job) -> None:
    (found,) = runs(job)
    client = MlflowClient(f"sqlite:///{job.storage}/mlflow.db")
    assert found.data.tags["mlflow.parentRunId"] == job.trial
    assert found.info.experiment_id == client.get_run(job.trial).info.experiment_id
    assert found.info.status == "FINISHED"
    assert found.data.params["max_evals"] == EVALS
    assert found.data.params["num_sequences"] == str(NUM)
    assert found.data.metrics["sequences_per_second"] > 0
    assert found.data.metrics["num_sequences"] == NUM
    assert found.data.metrics["max_gap"] < 1e-3
    assert found.data.tags["attributions"] == str(job.folder)
    artefacts = {one.path for one in client.list_artifacts(found.info.run_id, "report")}
    assert "report/attributions.html" in artefacts


def test_the_same_command_again_computes_nothing(job: Job) -> None:
    before, (recorded,) = shards(job.folder), runs(job)
    started = time.monotonic()
    output = explain(job.storage, job.model, job.data, "--num-actors", "1")
    assert time.monotonic() - started < 60
    assert "Ray:" not in output
    assert str(job.folder) in output
    assert shards(job.folder) == before
    (again,) = runs(job)
    assert again.info.run_id == recorded.info.run_id
    assert again.info.end_time == recorded.info.end_time
    assert again.data.metrics == recorded.data.metrics


def test_a_run_id_names_the_model_and_finds_the_same_job(job: Job) -> None:
    output = explain(job.storage, job.trial, job.data, "--dry-run")
    assert str(job.folder) in output
    assert "5 shards of 7 sequences (5 done before)" in output
    assert "Nothing was started" in output


def test_other_shards_one_actor_and_no_server_give_the_same_values(
    job: Job, tmp_path: Path
) -> None:
    output = explain(
        tmp_path / "runs", job.model, job.data, "--shard-size", "30", "--num-actors", "1",
        "--tracking-uri", "http://127.0.0.1:9", "--no-report",
    )  # fmt: skip
    assert "no MLflow server answers" in output
    assert "continues without it" in output
    folder = folder_of(tmp_path / "runs")
    assert folder.name == job.folder.name
    assert len(shards(folder)) == 2
    assert not (folder / "report").exists()
    one, other = read_attributions(folder), read_attributions(job.folder)
    scale = np.abs(other.tokens["phi"]).max()
    np.testing.assert_allclose(one.tokens["phi"], other.tokens["phi"], atol=1e-5 * scale)
    assert list((tmp_path / "runs" / "work" / "spool" / folder.name).glob("*.jsonl"))


def test_what_is_lost_or_damaged_is_found_and_computed_again(job: Job, tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    shutil.copytree(job.storage, storage)
    folder, whole = folder_of(storage), read_attributions(job.folder)
    file = folder / "shards" / "00001" / "tokens.parquet"
    data = bytearray(file.read_bytes())
    data[200] ^= 0xFF
    file.write_bytes(data)
    shutil.rmtree(folder / "shards" / "00003")
    output = verify(folder, expect=1)
    assert "shard 00003" in output
    assert "it is missing" in output
    assert "shard 00001" in output
    assert "tokens.parquet has different content" in output
    assert "2 problems" in output
    shutil.rmtree(file.parent)
    before = shards(folder)
    output = explain(storage, job.model, job.data)
    assert "2 of 5 shards of 7" in output
    after = shards(folder)
    assert {name: after[name] for name in before} == before, "whole shards stay as they were"
    verify(folder)
    np.testing.assert_array_equal(read_attributions(folder).tokens["phi"], whole.tokens["phi"])


def test_bounds_can_be_set_and_other_folders_are_refused(job: Job) -> None:
    assert "not the folder of a job" in verify(job.storage, expect=2)
    assert "no job with this name" in verify(job.storage / "attributions" / "0", expect=2)


def test_bad_input_ends_with_code_2_before_anything_starts(job: Job, tmp_path: Path) -> None:
    output = explain(tmp_path / "runs", job.model, job.data, "--target", "enhancer", expect=2)
    assert "no class 'enhancer'" in output
    assert "Ray" not in output
