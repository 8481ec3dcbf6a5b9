"""The main job as a user runs it: a sweep by its script, again, searched, killed and refused."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from script_toys import published, run
from toy_data import write_toy_table

SMALL = (
    "--split random --tokenizers kmer-3 bpe-64 --species-sets none all --learning-rates 1e-2 "
    "--seeds 0 --preset 1x32x2 --pretrain-epochs 2 --finetune-epochs 8 --evaluations 2"
).split()


def outcomes(storage: Path) -> dict[str, dict]:
    found = {}
    for path in (storage / "trials").glob("*/outcome.json"):
        outcome = json.loads(path.read_text())
        found[path.parent.name] = {
            "best": outcome["best"]["metrics"],
            "history": [e["metrics"] for e in outcome["history"]],
        }
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments of a sweep that a very small model learns in seconds."""
    table = write_toy_table(tmp_path_factory.mktemp("data") / "toy.csv")
    return ["--data", str(table), *SMALL]


SECRETS = {
    name: f"{name.lower()} that nobody has"
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "RAY_AUTH_TOKEN",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
        "HF_TOKEN",
    )
}


@pytest.fixture(scope="module")
def ray_folder() -> Iterator[Path]:
    """A folder for what Ray keeps; its sockets have names of at most 107 letters."""
    folder = Path(tempfile.mkdtemp(prefix="swept", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def swept(
    small: list[str], ray_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    storage = tmp_path_factory.mktemp("sweep") / "runs"
    environment = {**SECRETS, "RAY_TMPDIR": str(ray_folder)}
    return storage, run("sweeps/tokenizer_grid.py", storage, *small, environment=environment)


def test_no_secret_of_the_environment_is_kept(swept: tuple[Path, str], ray_folder: Path) -> None:
    storage, output = swept
    files = [path for root in (storage, ray_folder) for path in root.rglob("*") if path.is_file()]
    assert storage / "mlflow.db" in files
    assert any(path.suffix in (".log", ".out", ".err") for path in files)
    kept = [
        f"{name} in {path}"
        for path in files
        for name, secret in SECRETS.items()
        if secret.encode() in path.read_bytes()
    ]
    assert not kept
    assert not [name for name, secret in SECRETS.items() if secret in output]


def test_a_sweep_ends_with_its_table_and_page(swept: tuple[Path, str]) -> None:
    storage, output = swept
    assert len(published(storage, "trials")) == 4
    assert len(published(storage, "encoders")) == 2
    assert "k-mer" in output
    page = next(storage.glob("sweeps/*/report/comparison.html")).read_text()
    assert "bpe-64" in page
    assert not re.search(r"""(src|href)=["']https?://""", page)
    table = pd.read_csv(next(storage.glob("sweeps/*/report/comparison.csv")))
    assert len(table) == 4


def test_a_sweep_in_one_process_gives_what_ray_gives(
    swept: tuple[Path, str], small: list[str], tmp_path: Path
) -> None:
    on_ray, alone = swept[0], tmp_path / "runs"
    run("tests/in_process_sweep.py", alone, *small)
    for kind in ("tokenizers", "corpora", "encoders", "trials", "tests"):
        assert published(alone, kind).keys() == published(on_ray, kind).keys()
    assert outcomes(alone) == outcomes(on_ray)
    tables = [
        pd.read_csv(next(storage.glob("sweeps/*/report/comparison.csv")))
        for storage in (on_ray, alone)
    ]
    cost = [name for name in tables[0] if "seconds" in name or "memory" in name]
    pd.testing.assert_frame_equal(*(table.drop(columns=cost) for table in tables))


def test_the_test_set_is_opened_for_chosen_trials_only(swept: tuple[Path, str]) -> None:
    storage, _ = swept
    tested = published(storage, "tests")
    # One learning rate and one seed: every tokenizer x species set is chosen; one is the baseline.
    assert len(tested) == 5


def test_mlflow_has_one_parent_and_one_run_a_trial(swept: tuple[Path, str]) -> None:
    storage, _ = swept
    client = MlflowClient(f"sqlite:///{storage}/mlflow.db")
    experiment = client.get_experiment_by_name("tokenizer-grid")
    runs = client.search_runs([experiment.experiment_id])
    stages = [r.data.tags["stage"] for r in runs]
    assert sorted(stages) == ["encoder"] * 2 + ["sweep"] + ["trial"] * 4
    parent = next(r for r in runs if r.data.tags["stage"] == "sweep")
    names = {a.path for a in client.list_artifacts(parent.info.run_id, "report")}
    assert "report/comparison.html" in names
    for trial in (r for r in runs if r.data.tags["stage"] == "trial"):
        assert trial.info.status == "FINISHED"
        assert "mlflow.parentRunId" not in trial.data.tags
        assert trial.data.tags["sweep"] == parent.data.tags["trial_key"]
        assert trial.data.params["tokenizer"] in ("kmer-3", "bpe-64")
        assert 0 <= trial.data.metrics["validation/auroc"] <= 1
        assert trial.data.metrics["device_seconds"] > 0
        assert trial.inputs.dataset_inputs
        history = client.get_metric_history(trial.info.run_id, "validation/mcc")
        assert len(history) == 2
        assert history[0].step < history[1].step


def test_the_best_model_is_registered_and_answers(swept: tuple[Path, str]) -> None:
    storage, _ = swept
    uri = f"sqlite:///{storage}/mlflow.db"
    version = MlflowClient(uri).get_model_version_by_alias("tokenizer-grid", "best")
    assert version.tags or version.run_id
    out = storage.parent / "p.csv"
    data = storage.parent / "new.fa"
    data.write_text(">a\n" + "ACGT" * 15 + "\n>b\n" + "TATAAA" * 10 + "\n")
    text = run(
        "jobs/predict.py",
        storage,
        "--model",
        "models:/tokenizer-grid@best",
        "--data",
        str(data),
        "--out",
        str(out),
    )
    assert "2 sequences" in text
    frame = pd.read_csv(out)
    assert list(frame["id"]) == ["a", "b"]
    sums = frame["probability_negative"] + frame["probability_positive"]
    assert ((sums - 1).abs() < 1e-6).all()
    mlflow.set_tracking_uri(None)


def test_a_run_id_and_a_directory_predict_the_same(
    swept: tuple[Path, str], small: list[str]
) -> None:
    storage, _ = swept
    client = MlflowClient(f"sqlite:///{storage}/mlflow.db")
    ids = [client.get_experiment_by_name("tokenizer-grid").experiment_id]
    trial = next(r for r in client.search_runs(ids) if r.data.tags["stage"] == "trial")
    frames = []
    for model in (
        trial.info.run_id,
        str(storage / "trials" / trial.data.tags["trial_key"] / "checkpoint"),
    ):
        out = storage.parent / "same.parquet"
        run("jobs/predict.py", storage, "--model", model, "--data", small[1], "--out", str(out))
        frames.append(pd.read_parquet(out))
    assert len(frames[0]) == 320
    pd.testing.assert_frame_equal(frames[0], frames[1])


def test_the_same_command_again_trains_nothing(swept: tuple[Path, str], small: list[str]) -> None:
    storage, _ = swept
    before = {k: published(storage, k) for k in ("encoders", "trials", "tests", "tokenizers")}
    client = MlflowClient(f"sqlite:///{storage}/mlflow.db")
    ids = [client.get_experiment_by_name("tokenizer-grid").experiment_id]
    runs = {r.info.run_id for r in client.search_runs(ids)}
    started = time.monotonic()
    output = run("sweeps/tokenizer_grid.py", storage, *small)
    assert time.monotonic() - started < 60
    assert "Ray:" not in output
    assert {k: published(storage, k) for k in before} == before
    assert {r.info.run_id for r in client.search_runs(ids)} == runs


def test_a_dry_run_starts_nothing(tmp_path: Path, small: list[str]) -> None:
    output = run("sweeps/tokenizer_grid.py", tmp_path / "runs", *small, "--dry-run")
    assert "4 trials" in output
    assert published(tmp_path / "runs", "trials") == {}
    assert not (tmp_path / "runs" / "mlflow.db").exists()


@pytest.mark.slow
def test_optuna_searches_the_same_space_and_goes_on(tmp_path: Path, small: list[str]) -> None:
    storage = tmp_path / "runs"
    search = [*small, "--search", "optuna", "--learning-rates", "1e-2", "3e-3"]
    run("sweeps/tokenizer_grid.py", storage, *search, "--num-samples", "2")
    first = outcomes(storage)
    output = run("sweeps/tokenizer_grid.py", storage, *search, "--num-samples", "4")
    assert first.items() <= outcomes(storage).items()
    assert "Optuna" in output
    import optuna

    file = optuna.storages.journal.JournalFileBackend(f"{storage}/optuna.journal")
    journal = optuna.storages.JournalStorage(file)
    (name,) = optuna.get_all_study_names(journal)
    study = optuna.load_study(study_name=name, storage=journal)
    # A trial whose model collapses is pruned.
    assert len([t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED")]) == 4


@pytest.mark.slow
def test_one_and_two_workers_agree(
    swept: tuple[Path, str], small: list[str], tmp_path: Path
) -> None:
    storage, _ = swept
    run(
        "sweeps/tokenizer_grid.py",
        tmp_path / "runs",
        *small,
        "--tokenizers",
        "kmer-3",
        "--species-sets",
        "all",
        "--workers-per-trial",
        "2",
    )
    two = outcomes(tmp_path / "runs")
    one = outcomes(storage)
    assert len(two) == 1
    (key,) = two
    for a, b in zip(one[key]["history"], two[key]["history"], strict=True):
        assert a == pytest.approx(b, abs=1e-4)
    assert one[key]["best"] == pytest.approx(two[key]["best"], abs=1e-4)


def test_a_request_that_could_never_start_is_refused(tmp_path: Path, small: list[str]) -> None:
    output = run(
        "sweeps/tokenizer_grid.py",
        tmp_path / "runs",
        *small,
        "--cpus-per-worker",
        "999",
        expect=2,
    )
    assert "could never start" in output
    assert published(tmp_path / "runs", "trials") == {}
