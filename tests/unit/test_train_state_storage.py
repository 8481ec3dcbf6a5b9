"""Training state in a bucket: any host goes on from it, whole or not at all, whatever fails."""

from __future__ import annotations

import json
import multiprocessing
import signal
from functools import partial
from pathlib import Path

import pytest
import torch.multiprocessing
from dnasweep.errors import InputError
from dnasweep.storage import Bucket, Storage, retry
from object_store import ObjectStore
from state_toys import CONFIG, KIND, TRIAL, numbers, toy_ranks, toy_stage, train_toy
from toys import gloo_worker


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "observer"))


@pytest.fixture
def states(object_store: ObjectStore) -> Bucket:
    return Storage(object_store.new_root()).state_folder(KIND, TRIAL)


@pytest.fixture(scope="module")
def whole() -> list:
    """The numbers of a training that nothing disturbs."""
    return numbers(train_toy(None))


class Killed(Exception):
    """Stands for the death of the process."""


def kill_at(step: int):
    def kill(done: int, total: int, bases: float, loss: float) -> None:
        if done == step:
            raise Killed

    return kill


def test_another_host_goes_on_from_the_last_state(
    object_store: ObjectStore, tmp_path: Path, whole: list
) -> None:
    root, context = object_store.new_root(), multiprocessing.get_context("spawn")

    def host(name: str, kill: int | None = None) -> tuple[int | None, Path]:
        out = tmp_path / f"{name}.json"
        process = context.Process(
            target=toy_stage, args=(root, str(tmp_path / name), str(out), kill)
        )
        process.start()
        process.join(120)
        return process.exitcode, out

    assert host("a", kill=13)[0] == -signal.SIGKILL
    storage = Storage(root)
    assert storage.state_folder(KIND, TRIAL).files()
    assert not storage.exists(KIND, TRIAL)
    code, out = host("b")
    assert code == 0
    # Every step was kept, and the last one may still have been on its way.
    assert json.loads(out.read_text())["first"] > 1
    published = storage.file(KIND, TRIAL, "numbers.json")
    assert published is not None
    assert json.loads(published.read_text()) == whole
    assert list(storage.bucket.files("work")) == [], "the state is gone once it is published"
    assert not list((tmp_path / "b").rglob("step-*")), "no state lies on a host's disk"


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_the_state_does_not_know_how_many_workers_there_were(
    object_store: ObjectStore, tmp_path: Path, whole: list, before: int, after: int
) -> None:
    root = object_store.new_root()
    for number, stop in ((before, True), (after, False)):
        out = tmp_path / f"{stop}.json"
        job = partial(toy_ranks, root=root, stop=stop, out=str(out))
        rendezvous = str(tmp_path / f"rendezvous-{stop}")
        if number == 1:
            job(0)
        else:
            torch.multiprocessing.spawn(gloo_worker, (number, rendezvous, job), nprocs=number)
    stopped, finished = (json.loads((tmp_path / f"{s}.json").read_text()) for s in (True, False))
    assert (stopped[0], len(stopped[1]), finished[0]) == ("stopped", 1, "completed")
    assert len(finished[1]) == len(whole) == CONFIG.evaluations
    for mine, theirs in zip(finished[1], whole, strict=True):
        assert mine[:2] == theirs[:2]
        assert mine[2] == pytest.approx(theirs[2], abs=1e-4)


def test_a_state_that_cannot_be_read_is_passed_over(states: Bucket, whole: list) -> None:
    with pytest.raises(Killed):
        train_toy(states, on_step=kill_at(12), checkpoint_seconds=0.0)
    names = sorted(states.files())
    assert len(names) == 2, "the one before stays until there are two newer ones"
    states.write(names[-1], states.read(names[-1])[:-100])
    steps: list[int] = []
    result = train_toy(states, on_step=lambda done, *_: steps.append(done))
    assert steps[0] == int(names[0][5:13]) + 1
    assert numbers(result) == whole


def test_writes_refused_for_a_while_cost_time_and_nothing_else(
    object_store: ObjectStore, states: Bucket, whole: list, caplog: pytest.LogCaptureFixture
) -> None:
    # More often than pyarrow itself asks again.
    with object_store.refusing("PUT", first=1, times=35):
        result = train_toy(states, checkpoint_seconds=0.0)
    assert numbers(result) == whole
    assert "asking again" in caplog.text
    assert len([name for name in sorted(states.files()) if f"{result.steps:08d}" in name]) == 1


def test_writes_refused_for_good_end_in_words_and_the_state_before_stays(
    object_store: ObjectStore, states: Bucket, whole: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    with object_store.refusing("PUT", first=2, status="403 Forbidden", code="AccessDenied"):  # noqa: SIM117
        with pytest.raises(InputError, match=r"refuses \(ACCESS_DENIED\).*rights|may"):
            train_toy(states, checkpoint_seconds=0.0)
    before = sorted(states.files())
    assert len(before) == 2
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.0)
    with object_store.refusing("PUT", status="500 Internal Server Error", code="InternalError"):  # noqa: SIM117
        with pytest.raises(InputError, match=r"not answered.*Run the same command again"):
            train_toy(states, checkpoint_seconds=0.0)
    assert sorted(states.files()) == before
    assert numbers(train_toy(states)) == whole
