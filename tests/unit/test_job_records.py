"""What a job of shards tells MLflow, without MLflow."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pytest
from dnasweep.errors import InputError
from dnasweep.jobs import records as job_records
from dnasweep.jobs.computing import JobOutcome
from dnasweep.jobs.job import Job, metadata_of
from dnasweep.jobs.records import JobRecords, recorded
from dnasweep.jobs.request import JobRequest
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.variant_options import VariantOptions
from dnasweep.storage import Storage
from dnasweep.tracking.lookup import ModelRun
from rich.console import Console

OPTIONS = VariantOptions(model="RUN", genome="g.fa", data=("a.vcf", "b.vcf"))


class ToyRequest(JobRequest):
    KIND = "variants"


class ToyJob(Job):
    title, unit, context, artifacts = "scoring", "variants", "scored", "variants"

    def arguments(self) -> dict:
        return {}

    def facts(self, total: dict[str, float]) -> dict:
        return total

    def sources(self) -> tuple[str, ...]:
        return OPTIONS.data


@pytest.fixture
def job(tmp_path: Path) -> ToyJob:
    request = ToyRequest(
        options=OPTIONS,
        storage=Storage(tmp_path),
        uri="sqlite:///nowhere.db",
        rows=pa.table({"x": pa.array(range(10))}),
        settings={"target": "promoter", "shifts": (-4, 4), "motifs": None},
        rejects=[],
        shard_size=4,
    )
    return ToyJob(request)


@pytest.fixture
def shards(job: ToyJob) -> Shards:
    return job.begin(Console(quiet=True))


def records_of(job: ToyJob, shards: Shards) -> AbstractContextManager[JobRecords]:
    return recorded(metadata_of(job, shards), shards.storage, Console(quiet=True))


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    """The tracker that a job gets, and a model whose run is known."""
    made = mock.MagicMock()
    monkeypatch.setattr(job_records, "Tracker", made)
    monkeypatch.setattr(job_records, "check_reachable", lambda uri: None)
    found = ModelRun("f" * 32, "trial", "grid")
    monkeypatch.setattr(job_records, "find_model_run", lambda model, uri: found)
    return made


def test_a_job_has_one_run_under_that_of_its_model(
    job: ToyJob,
    shards: Shards,
    tracker: mock.Mock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    large.write_bytes(b"x" * 100)
    monkeypatch.setattr(job_records, "LARGEST", 99)
    with records_of(job, shards) as records:
        records.throughput(JobOutcome(8, 2.0, 3), "variants")
        records.throughput(JobOutcome(0, 0.0, 0), "variants")
        records.finish({"num_scored": 10}, "a note", [small, large])
    assert tracker.call_args.args[1] == "grid"
    sent = tracker.return_value.__enter__.return_value
    (opened,) = sent.run.call_args_list
    assert opened.kwargs["params"] == {
        "target": "promoter",
        "shifts": "-4 4",
        "num_variants": 10,
        "shard_size": 4,
    }
    tags = opened.kwargs["tags"]
    assert (tags["mlflow.parentRunId"], tags["stage"]) == ("f" * 32, "variants")
    assert tags["variants"] == shards.uri
    assert opened.kwargs["inputs"][0].source == "a.vcf b.vcf"
    rate, facts = (call.args[1] for call in sent.metrics.call_args_list)
    assert rate == {"variants_per_second": 4.0, "num_actors": 3}
    assert facts == {"num_scored": 10.0}
    assert [call.args[1] for call in sent.artifact.call_args_list] == [small]
    assert sent.end.call_args.args[1] == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "KILLED"), (InputError, "FAILED")]
)
def test_a_job_that_ends_early_says_how(
    job: ToyJob, shards: Shards, tracker: mock.Mock, error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), records_of(job, shards):
        raise error("no")
    sent = tracker.return_value.__enter__.return_value
    assert sent.end.call_args.args[1] == status


def test_a_store_that_does_not_answer_stops_nothing(
    job: ToyJob, shards: Shards, tracker: mock.Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(uri: str) -> None:
        raise InputError("it does not answer")

    monkeypatch.setattr(job_records, "check_reachable", refuse)
    with records_of(job, shards) as records:
        records.finish({}, "", [])
    assert tracker.call_args.args[1] == "variants"
