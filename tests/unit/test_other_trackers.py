"""`--also`: what Weights & Biases and TensorBoard are given, once, whatever happens in between."""

from __future__ import annotations

import io
import json
import struct
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from dnasweep.errors import InputError
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.in_process import InProcessExecutor
from dnasweep.tracking.copies import Copy, Run
from dnasweep.tracking.event_files import EventFiles, folder_name
from dnasweep.tracking.other_trackers import check_trackers, make_copies
from dnasweep.tracking.tracker import Tracker
from dnasweep.workflows.sweep import run_sweep
from rich.console import Console
from tensorboardX.proto.event_pb2 import Event

SECRET = "5ec2e7" * 6 + "abcd"


def events(folder: Path) -> list[Event]:
    """Return what stands in the event files of a run, oldest file first."""
    found = []
    for path in sorted(folder.glob("events.*")):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            found.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    """Return the scalars of a run as (name, step, value)."""
    return [
        (value.tag, event.step, value.simple_value)
        for event in events(folder)
        for value in event.summary.value
        if value.HasField("simple_value")
    ]


class Remembered:
    """A tracker in memory, which may refuse."""

    def __init__(self) -> None:
        self.told: list[tuple] = []
        self.refuses = False

    def open(self, run: Run) -> None:
        self._take("open", run.key, run.name, run.group, run.stage, dict(run.params))

    def metrics(self, key: str, metrics: Mapping[str, float], step: int) -> None:
        self._take("metrics", key, dict(metrics), step)

    def facts(self, key: str, facts: Mapping[str, str]) -> None:
        self._take("facts", key, dict(facts))

    def end(self, key: str, status: str) -> None:
        self._take("end", key, status)

    def _take(self, *what: object) -> None:
        if self.refuses:
            raise OSError("the server is away")
        self.told.append(what)


def record(
    folder: Path, other: Remembered, *, trials: int = 2, close: bool = True, steps: int = 2
) -> Copy:
    """Record a sweep as the workflow does: trials, then test metrics of the first."""
    copy = Copy("other", "somewhere", lambda: other, folder / "other.jsonl", "sweep1")
    tracker = Tracker("none", "exp", folder / "spool", copies=[copy])
    for number in range(trials):
        key = f"trial{number}"
        tags = {"stage": "trial", "command": f"--tracking-uri http://u:{SECRET}@host"}
        tracker.run(key, name=f"kmer {number}", params={"learning_rate": 1e-3}, tags=tags)
        for step in range(steps):
            tracker.metrics(key, {"validation/mcc": step / 10, "bad": float("nan")}, step=step)
        tracker.tags(key, {"outcome": "completed"})
        tracker.end(key)
    tracker.metrics("trial0", {"test/mcc": 0.5}, step=0)
    if close:
        tracker.close()
    else:
        copy.close()
    return copy


def test_a_tracker_gets_settings_curves_and_test_metrics(tmp_path: Path) -> None:
    other = Remembered()
    record(tmp_path, other)
    assert other.told == [
        ("open", "trial0", "kmer 0", "sweep1", "trial", {"learning_rate": 1e-3}),
        ("metrics", "trial0", {"validation/mcc": 0.0}, 0),
        ("metrics", "trial0", {"validation/mcc": 0.1}, 1),
        ("facts", "trial0", {"outcome": "completed"}),
        ("open", "trial1", "kmer 1", "sweep1", "trial", {"learning_rate": 1e-3}),
        ("metrics", "trial1", {"validation/mcc": 0.0}, 0),
        ("metrics", "trial1", {"validation/mcc": 0.1}, 1),
        ("facts", "trial1", {"outcome": "completed"}),
        # After the end of its trial, into the same run.
        ("metrics", "trial0", {"test/mcc": 0.5}, 0),
        ("end", "trial0", "FINISHED"),
        ("end", "trial1", "FINISHED"),
    ]


def test_the_same_sweep_again_adds_what_is_new_and_no_more(tmp_path: Path) -> None:
    record(tmp_path, Remembered())
    again = Remembered()
    record(tmp_path, again)
    assert again.told == []
    more = Remembered()
    record(tmp_path, more, trials=3, steps=3)
    assert Counter(kind for kind, *_ in more.told) == {
        "open": 3, "metrics": 5, "facts": 1, "end": 3
    }  # fmt: skip


def test_of_many_trials_few_runs_stay_open(tmp_path: Path) -> None:
    other = Remembered()
    record(tmp_path, other, trials=50)
    opened, most = set(), 0
    for kind, key, *_ in other.told:
        opened = opened | {key} if kind == "open" else opened - {key} if kind == "end" else opened
        most = max(most, len(opened))
    assert not opened
    assert most <= 34
    # The first has ended by then, and is opened once more for its test metrics.
    assert Counter(key for kind, key, *_ in other.told if kind == "open")["trial0"] == 2


def test_two_processes_that_share_a_sweep_record_a_trial_once(tmp_path: Path) -> None:
    one, two = Remembered(), Remembered()
    ledger = tmp_path / "other.jsonl"
    copies = [Copy("other", "", lambda o=o: o, ledger, "s") for o in (one, two)]
    trackers = [Tracker("none", "e", tmp_path / "spool", copies=[copy]) for copy in copies]
    trackers[0].metrics("t", {"x": 1.0}, step=1)
    trackers[0].close()
    trackers[1].metrics("t", {"x": 1.0}, step=1)
    trackers[1].metrics("t", {"x": 2.0}, step=2)
    trackers[1].close()
    assert [what for what in one.told + two.told if what[0] == "metrics"] == [
        ("metrics", "t", {"x": 1.0}, 1),
        ("metrics", "t", {"x": 2.0}, 2),
    ]


def test_a_tracker_that_fails_ends_no_sweep_and_gets_it_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = Remembered()
    away.refuses = True
    record(tmp_path, away)
    assert "other does not have all records (the server is away)" in caplog.text
    back = Remembered()
    record(tmp_path, back)
    assert Counter(kind for kind, *_ in back.told)["metrics"] == 5


def test_a_line_that_was_cut_is_no_line(tmp_path: Path) -> None:
    record(tmp_path, Remembered(), trials=1)
    ledger = tmp_path / "other.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:-1]) + lines[-1][:-5])
    again = Remembered()
    record(tmp_path, again, trials=1)
    assert [what for what in again.told if what[0] == "metrics"] == [
        ("metrics", "trial0", {"test/mcc": 0.5}, 0)
    ]
    third = Remembered()
    record(tmp_path, third, trials=1)
    assert third.told == []


def test_event_files_hold_curves_and_hyperparameters(tmp_path: Path) -> None:
    files = EventFiles(tmp_path)
    run = Run("0123456789", "kmer-3 | none, lr 0.01", "s", "trial", {"lr": 0.01, "tokenizer": "k"})
    for step, metrics in ((10, {"validation/mcc": 0.25}), (20, {"best/mcc": 0.5})):
        files.open(run)
        files.metrics(run.key, metrics, step)
        files.facts(run.key, {"outcome": "completed"})
        files.end(run.key, "FINISHED")
    folder = tmp_path / folder_name(run)
    assert folder.name == "kmer-3_none,_lr_0.01_01234567"
    assert scalars(folder) == [("validation/mcc", 10, 0.25), ("best/mcc", 20, 0.5)]
    tags = {value.tag for event in events(folder) for value in event.summary.value}
    assert "_hparams_/session_start_info" in tags


@pytest.mark.parametrize("name", ["../../x", "", "a/b\x1b[2J", "x" * 500])
def test_a_name_of_a_run_leads_to_no_other_folder(name: str) -> None:
    made = folder_name(Run("encoder-abcdefghij", name, "s", "encoder", {}))
    assert made.endswith("_abcdefgh")
    assert Path(made).name == made
    assert not made.startswith(".")
    assert len(made) < 120


@pytest.mark.parametrize(("name", "module"), [("wandb", "wandb"), ("tensorboard", "tensorboardX")])
def test_a_package_that_is_missing_is_named_before_anything_is_trained(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"pip install 'dnasweep\[{name}\]'") as refused:
        check_trackers((name,))  # type: ignore[arg-type]
    assert module in str(refused.value)


@pytest.mark.parametrize("names", [("mlflow",), ["tensorboard", "x"], "wandb"])
def test_a_tracker_that_is_not_known_is_refused(names: Any) -> None:
    with pytest.raises(InputError, match="Use a list of some of wandb, tensorboard"):
        check_trackers(names)


def test_a_sweep_is_in_tensorboard_as_in_its_table(tmp_path: Path) -> None:
    said = io.StringIO()
    asked = SweepOptions(
        storage=str(tmp_path / "runs"), tracking_uri="none", also=("tensorboard",), preset="1x16",
        tokenizers=("kmer-3",), species_sets=("none",), simulated_rows=24, finetune_epochs=1.0,
        learning_rates=(1e-2, 1e-3), seeds=(0,), evaluations=2,
    )  # fmt: skip
    found = []
    for _ in range(2):
        console = Console(file=said, width=200)
        comparison = run_sweep("toy", asked.axes, asked, console, executor=InProcessExecutor)
        (place,) = (tmp_path / "runs" / "sweeps").glob("*/tensorboard")
        found.append({folder.name: sorted(scalars(folder)) for folder in place.iterdir()})
    assert f"tensorboard --logdir {place}" in said.getvalue()
    assert found[0] == found[1], "a sweep that is looked at again adds nothing"
    assert comparison is not None
    curves = [name for name in found[0] if name.startswith("kmer-3")]
    assert len(curves) == 2
    for name in curves:
        steps = [step for tag, step, _ in found[0][name] if tag == "validation/mcc"]
        assert len(steps) == len(set(steps)) >= 2
    best = {
        round(value, 5) for name in curves for tag, _, value in found[0][name] if tag == "best/mcc"
    }
    table = comparison.rows
    # A trial whose training has collapsed has no place in the table.
    ranked = {round(float(value), 5) for value in table["validation_mcc"].dropna()}
    assert ranked
    assert ranked <= best


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="pip install 'dnasweep[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    for name in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "home"))


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_weights_and_biases_offline(tmp_path: Path) -> None:
    for trials in (2, 2, 3):
        (copy,) = make_copies(("wandb",), experiment="exp/1", sweep="s1", folder=tmp_path)
        with Tracker("none", "exp/1", tmp_path / "spool", copies=[copy]) as tracker:
            for number in range(trials):
                key, name = f"trial{number}", f"kmer {number}"
                uri = f"http://u:{SECRET}@host"
                tracker.run(key, name=name, params={"lr": 0.125}, tags={"command": uri})
                for step in (10, 20):
                    tracker.metrics(key, {"validation/mcc": step / 64}, step=step)
                tracker.tags(key, {"outcome": "completed"})
                tracker.end(key)
        assert not copy.failure
    import wandb

    # As at the end of a process: its service writes the files out.
    wandb.teardown()
    assert copy.place == f"wandb sync {tmp_path}/wandb/wandb/offline-run-*"
    runs = sorted(tmp_path.glob("wandb/wandb/offline-run-*/run-*.wandb"))
    assert [run.stem for run in runs] == ["run-trial0", "run-trial1", "run-trial2"]
    for run in runs:
        found = read_run(run)
        assert found["project"] == "exp-1"
        assert found["group"] == "s1"
        assert found["config"]["lr"] == 0.125
        assert found["history"] == [(10, 10 / 64), (20, 20 / 64)]
        assert found["outcome"] == "completed"
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def logged(data: bytes) -> Iterator[bytes]:
    """Yield the records of a log in LevelDB's format: blocks of 32 KiB, records in parts."""
    place, parts = 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


def read_run(path: Path) -> dict:
    """Return what stands in a file of the client: its records are those of LevelDB's log."""
    from wandb.proto.wandb_internal_pb2 import Record

    found: dict = {"history": [], "config": {}, "outcome": None}
    for data in logged(path.read_bytes()):
        record = Record.FromString(data)
        if record.HasField("run"):
            found |= {"project": record.run.project, "group": record.run.run_group}
            for item in record.run.config.update:
                found["config"][item.key] = json.loads(item.value_json)
        if record.HasField("history"):
            values = {(i.key or ".".join(i.nested_key)): i.value_json for i in record.history.item}
            found["history"].append(
                (json.loads(values["bases_seen"]), json.loads(values["validation/mcc"]))
            )
        if record.HasField("summary"):
            for item in record.summary.update:
                if (item.key or ".".join(item.nested_key)) == "outcome":
                    found["outcome"] = json.loads(item.value_json)
    return found


@pytest.mark.slow
def test_weights_and_biases_without_a_login_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="pip install 'dnasweep[wandb]'")
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    import wandb

    wandb.teardown()
    with pytest.raises(InputError, match="WANDB_MODE=offline"):
        check_trackers(("wandb",))
    wandb.teardown()
