"""A storage on a file system that takes no locks: everything works but what needs a database."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from dnasweep.runtime.training.study_journal import open_journal
from dnasweep.storage import Storage, locks
from dnasweep.storage.locks import MARKER, StorageLock, claims_of, needs_leases
from filelock import Timeout
from option_toys import ROOT
from toy_data import write_toy_table

SHIM = [sys.executable, str(ROOT / "tests" / "no_locks.py"), sys.executable]
WORKER = """
import sys
from pathlib import Path
import optuna
from dnasweep.runtime.training.study_journal import open_journal
from dnasweep.storage import Storage
optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = Storage(sys.argv[1])
journal = open_journal(storage.local / "optuna.journal", lambda: storage.lock("sweeps", "studies"))
study = optuna.load_study(study_name="s", storage=journal)
for _ in range(int(sys.argv[2])):
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    trial.report(trial.params["x"] / 2, 1)
    study.tell(trial, trial.params["x"])
    print(trial.number, repr(trial.params["x"]), flush=True)
"""
pytestmark = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="a filter of Linux"
)


def run(folder: Path, words: str) -> subprocess.CompletedProcess[str]:
    command = [*SHIM, "-m", "dnasweep", *words.split()]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def journal_of(folder: Path) -> optuna.storages.JournalStorage:
    storage = Storage(str(folder))
    return open_journal(
        storage.local / "optuna.journal", lambda: storage.lock("sweeps", "studies")
    )


def test_the_shim_refuses_both_kinds_of_locks(tmp_path: Path) -> None:
    for call in ("flock", "lockf"):
        lock = f"import fcntl; fcntl.{call}(open('x', 'w'), fcntl.LOCK_EX)"
        refused = subprocess.run(
            [*SHIM, "-c", lock], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert "No locks available" in refused.stderr


def test_stages_are_built_once(tmp_path: Path) -> None:
    write_toy_table(tmp_path / "toy.csv", rows=60)
    made = run(tmp_path, "build-dataset --data toy.csv --split random")
    assert made.returncode == 0, made.stderr
    assert list((tmp_path / "runs" / "datasets").glob("*/manifest.json"))
    claims = list((tmp_path / "runs" / "work" / "locks").glob("*.claims"))
    assert claims
    assert all(list(folder.glob("*.free")) for folder in claims), "given up"


def test_a_database_is_refused(tmp_path: Path) -> None:
    look = (
        "from dnasweep.tracking.client import check_reachable\n"
        f"check_reachable('sqlite:///{tmp_path}/mlflow.db')"
    )
    refused = subprocess.run([*SHIM, "-c", look], capture_output=True, text=True, check=False)
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("dnasweep.errors.InputError"), refused.stderr
    assert "MLflow's database needs file locks" in last
    assert "--tracking-uri" in last


@pytest.mark.slow
def test_a_search_on_ray_runs_and_goes_on(tmp_path: Path) -> None:
    write_toy_table(tmp_path / "toy.csv")
    search = (
        "tokenizer-grid --data toy.csv --split random --tokenizers kmer-3 --species-sets none"
        " --learning-rates 1e-2 3e-3 --seeds 0 1 --preset 1x16 --finetune-epochs 1 --evaluations 2"
        " --search optuna --tracking-uri none --num-samples"
    )
    for number in (2, 3):
        done = run(tmp_path, f"{search} {number}")
        assert done.returncode == 0, done.stdout + done.stderr
    (name,) = optuna.get_all_study_names(journal := journal_of(tmp_path / "runs"))
    study = optuna.load_study(study_name=name, storage=journal)
    # A trial whose model collapses is pruned.
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    assert len(study.get_trials(states=ended)) == 3


def workers(folder: Path, trials: int) -> list[subprocess.Popen[str]]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Machines with locks beside machines without: the first without them decides for all.
    (folder / "work" / "locks").mkdir(parents=True)
    (folder / "work" / "locks" / MARKER).touch()
    optuna.create_study(study_name="s", storage=journal_of(folder))
    words = [*SHIM, "-c", WORKER, str(folder), str(trials)]
    return [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(8)]


def told(processes: list[subprocess.Popen[str]]) -> dict[int, float]:
    """Return the trials that workers have told, by number; each by one worker."""
    lines = [
        line.split() for process in processes for line in process.communicate()[0].splitlines()
    ]
    found = {int(number): float(value) for number, value in lines}
    assert len(found) == len(lines), "a trial belongs to one worker"
    return found


def finished(folder: Path) -> dict[int, float]:
    study = optuna.load_study(study_name="s", storage=journal_of(folder))
    trials = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    assert all(trial.intermediate_values == {1: trial.value / 2} for trial in trials)
    return {trial.number: trial.value for trial in trials}


@pytest.mark.parametrize("trials", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_eight_workers_of_one_search_lose_no_trial(tmp_path: Path, trials: int) -> None:
    processes = workers(tmp_path, trials)
    expected = told(processes)
    assert [process.returncode for process in processes] == [0] * 8
    assert sorted(expected) == list(range(8 * trials))
    assert finished(tmp_path) == expected


@pytest.mark.slow
def test_workers_that_are_killed_take_no_trial_of_others_with_them(tmp_path: Path) -> None:
    processes = workers(tmp_path, 50)
    journal = tmp_path / "optuna.journal"
    for number in range(4):
        size = journal.stat().st_size
        while journal.stat().st_size < size + 20_000:
            time.sleep(0.01)
        os.kill(processes[number].pid, signal.SIGKILL)
    expected = told(processes)
    assert [process.returncode for process in processes] == [-signal.SIGKILL] * 4 + [0] * 4
    assert len(expected) >= 4 * 50
    # What a killed worker told last, it may not have said any more.
    found = finished(tmp_path)
    assert expected.items() <= found.items()
    assert len(found) - len(expected) <= 4
    for line in journal.read_text().splitlines():
        json.loads(line)


def test_a_machine_without_locks_decides_for_all(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a"
    with StorageLock(path):
        assert not claims_of(path).exists()
    held = subprocess.Popen(
        [*SHIM, "-c", f"""
import sys
from pathlib import Path
from dnasweep.storage.locks import StorageLock
with StorageLock(Path({str(path)!r})):
    print("held", flush=True)
    sys.stdin.read()
"""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    with pytest.raises(Timeout):
        StorageLock(path).acquire(timeout=0.1)
    held.communicate("")
    with StorageLock(path) as lock:
        lock.confirm()
        assert claims_of(path).is_dir()


@pytest.mark.parametrize(
    ("mount", "local"),
    [
        ("nfs4 fs:/home rw,vers=4.2,local_lock=none,addr=10.0.0.1", False),
        ("nfs fs:/home rw,vers=3,nolock,local_lock=all,addr=10.0.0.1", True),
        ("nfs fs:/home rw,vers=3,local_lock=flock,addr=10.0.0.1", True),
        ("lustre mds@tcp:/scratch rw,flock,lazystatfs", False),
        ("lustre mds@tcp:/scratch rw,localflock,lazystatfs", True),
        ("ext4 /dev/sda1 rw", False),
    ],
)
def test_locks_that_hold_on_one_machine_are_not_taken_for_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: str, local: bool
) -> None:
    device = os.stat(tmp_path).st_dev
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 0:5 / /dev rw - devtmpfs dev rw\n"
        f"36 22 {os.major(device)}:{os.minor(device)} / /x rw,noatime shared:1 - {mount}\n"
    )
    monkeypatch.setattr(locks, "_MOUNTS", str(table))
    assert needs_leases(tmp_path) == local
