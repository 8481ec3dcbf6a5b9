"""A scan by its script: its files, its run in MLflow, and the same command again."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from scan_toys import records, write_fasta
from shap_toys import write_model
from variant_toys import finish, start_job

pytestmark = pytest.mark.timeout(900)


def test_a_scan_by_its_script(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    write_fasta(tmp_path / "g.fa", records())
    (tmp_path / "known.bed").write_text("chr2L\t100\t200\nchr2R\t900\t1000\n")
    storage = tmp_path / "runs"
    options = ("--window", "60", "--annotations", str(tmp_path / "known.bed"), "--shuffles", "3")
    asked = (*options, "--out", str(tmp_path / "out"))
    output = finish(start_job("jobs/scan_genome.py", tmp_path, storage, *asked))
    assert "known: average precision" in output
    assert (tmp_path / "out" / "probability.bw").stat().st_size > 1000
    client = MlflowClient(f"sqlite:///{storage}/mlflow.db")
    experiments = [one.experiment_id for one in client.search_experiments()]
    (run,) = client.search_runs(experiments, "tags.stage = 'scans'")
    assert (run.info.status, run.data.params["window"]) == ("FINISHED", "60")
    assert run.data.metrics["num_read"] > 200
    assert 0 < run.data.metrics["average_precision_known"] < 1
    artefacts = {one.path for one in client.list_artifacts(run.info.run_id, "scan")}
    assert artefacts >= {"scan/probability.bw", "scan/peaks.bed", "scan/region.png"}
    output = finish(start_job("jobs/scan_genome.py", tmp_path, storage, *options))
    assert "Ray:" not in output, "nothing is left to compute"
