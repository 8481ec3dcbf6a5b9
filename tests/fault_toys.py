"""A small sweep to disturb, what it came to, and the same undisturbed to compare with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from dnasweep.storage import MANIFEST, Storage
from mlflow import MlflowClient
from sweep_processes import kill_all, start
from toy_data import write_toy_table

PATIENCE = 1200
"""Seconds; on a busy machine everything takes its time."""
STARTS = 3
"""Of Ray, which gives itself half a minute; a busy machine may not have it."""
KINDS = ("encoders", "trials")
RATES = (1e-2, 3e-3)
EVALUATIONS, EVERY = 3, 16
"""Evaluations of a trial and the steps between two of them."""
STEPS = EVALUATIONS * EVERY * (1 + len(RATES))
FLAGS = (
    "--split random --tokenizers kmer-3 --species-sets all --learning-rates 1e-2 3e-3 --seeds 0 "
    "--preset 1x32x2 --pretrain-epochs 24 --finetune-epochs 6 --cpus-per-worker 1 "
    f"--evaluations {EVALUATIONS} --no-preflight"
).split()
"""One CPU a worker, so that a trial that is left alone gets no second one: sums of floats would be
added up in another order, and metrics differ in their ninth digit."""
PACE = 0.05
"""Seconds that a step is held up, so that a fault finds it under way; nobody computes meanwhile."""


class Fault(NamedTuple):
    """Something that befalls a process that trains, before a step."""

    what: str
    """`kill`, `hang` or `memory`."""
    where: dict[str, Any]
    """stage (`pretrain`, `finetune`), rank, step, learning_rate: all that are given have to hold."""
    times: int = 1
    """How often."""


class Facts(NamedTuple):
    """What a sweep came to, but for times and memory."""

    outcomes: dict[str, dict[str, list]]
    """By kind and key: the metrics of every evaluation, of the best one, and the steps."""
    runs: Counter[tuple[str, str]]
    """MLflow runs by trial key and status."""
    points: dict[str, list[tuple[int, float]]]
    """Of every run, the points of its curve, duplicates included."""


@dataclass(kw_only=True)
class Scene:
    """One sweep of one test: its storage, its records, its faults."""

    folder: Path
    """Everything of it."""
    root: str
    """Storage root."""
    uri: str
    """MLflow."""
    seconds: float = 0.0
    """How long its commands have taken together."""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    """Those that were started."""

    @classmethod
    def make(
        cls, folder: Path, empty_store: Path, *, root: str = "", faults: Sequence[Fault] = ()
    ) -> Scene:
        """Lay out a scene in a new folder."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(empty_store, folder / "mlflow.db")
        write_toy_table(folder / "toy.csv")
        scene = cls(
            folder=folder,
            root=root or str(folder / "runs"),
            uri=f"sqlite:///{folder / 'mlflow.db'}",
        )
        scene.write_faults(faults)
        return scene

    @property
    def storage(self) -> Storage:
        return Storage(self.root)

    def write_faults(self, faults: Sequence[Fault], pace: float = PACE) -> None:
        """Say what is to befall it; a running sweep learns of it at its next step."""
        text = json.dumps({"pace": pace, "faults": [fault._asdict() for fault in faults]})
        (self.folder / "faults.new").write_text(text)
        (self.folder / "faults.new").rename(self.folder / "faults.json")

    @property
    def environment(self) -> dict[str, str]:
        """What its processes need to meet their faults."""
        here = str(Path(__file__).parent / "faults")
        path = os.environ.get("PYTHONPATH")
        return {
            "PYTHONPATH": f"{here}{os.pathsep}{path}" if path else here,
            "DNASWEEP_TEST_FAULTS": str(self.folder / "faults.json"),
        }

    def start(self, *flags: str) -> subprocess.Popen[str]:
        """Start the sweep."""
        process = start(
            self.root,
            self.folder / "toy.csv",
            flags=[*FLAGS, "--tracking-uri", self.uri, *flags],
            environment=self.environment,
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        """Kill what a test that failed has left."""
        for process in self.processes:
            if process.poll() is None:
                kill_all(process)

    def finish(self, process: subprocess.Popen[str], *, code: int = 0) -> str:
        """Wait for its end and return what it has said."""
        output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, output
        return output

    def run(self, *flags: str, code: int = 0) -> str:
        """Run the sweep to its end, on the clock."""
        for _ in range(STARTS):
            begun, process = time.monotonic(), self.start(*flags)
            output, _ = process.communicate(timeout=PATIENCE)
            if "Ray did not start in time" not in output:
                break
        self.seconds += time.monotonic() - begun
        assert process.returncode == code, output
        return output

    def wait_for(self, process: subprocess.Popen[str], look: Any, what: str) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not look():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, f"no {what}"
            time.sleep(0.05)

    def state_of(self, kind: str) -> list[str]:
        """Return the states that running stages of a kind have kept."""
        storage = self.storage
        if storage.bucket is not None:
            return [name for name in storage.bucket.files(f"work/{kind}") if "step-" in name]
        return [str(path) for path in storage.local.glob(f"work/{kind}/*/step-*")]

    def published(self) -> dict[str, Any]:
        """Return the version of every artefact that is published."""
        storage = self.storage
        if storage.bucket is not None:
            names = [name for name in storage.bucket.files() if name.endswith(f"/{MANIFEST}")]
            return {name: storage.bucket.version(name) for name in names}
        found = storage.local.glob(f"*/*/{MANIFEST}")
        return {
            str(p.relative_to(storage.local)): (p.stat().st_ino, p.stat().st_mtime) for p in found
        }

    def steps_taken(self) -> int:
        """Return the optimizer steps that were taken, those that were taken again included."""
        return len((self.folder / "steps.txt").read_text().splitlines())

    def facts(self) -> Facts:
        """Return what it came to."""
        storage, client = self.storage, MlflowClient(self.uri)
        outcomes: dict[str, dict[str, list]] = {}
        for kind in KINDS:
            outcomes[kind] = {}
            for key in storage.published(kind):
                path = storage.file(kind, key, "outcome.json")
                assert path is not None
                said = json.loads(path.read_text())
                metrics = [evaluation["metrics"] for evaluation in said["history"]]
                outcomes[kind][key] = [metrics, said["best"]["metrics"], said["steps"]]
        experiment = client.get_experiment_by_name("tokenizer-grid")
        runs = client.search_runs([experiment.experiment_id])
        names = {"trial": "validation/mcc", "encoder": "validation/bits_per_base"}
        return Facts(
            outcomes,
            Counter((run.data.tags["trial_key"], run.info.status) for run in runs),
            {
                run.data.tags["trial_key"]: [
                    (point.step, point.value)
                    for point in client.get_metric_history(run.info.run_id, names[stage])
                ]
                for run in runs
                if (stage := run.data.tags["stage"]) in names
            },
        )


def check_nothing_lost(scene: Scene, whole: Facts, *, before: dict[str, Any] | None = None) -> str:
    """Hold that a disturbed sweep came to what the undisturbed one did, and say so.

    Parameters
    ----------
    whole
        Of the undisturbed sweep.
    before
        What was published when the fault struck.
    """
    facts = scene.facts()
    assert facts.outcomes == whole.outcomes, "metrics differ"
    assert facts.runs == whole.runs, "runs of MLflow differ"
    assert max(facts.runs.values()) == 1, "a run stands twice in MLflow"
    assert facts.points == whole.points, "points of a curve are missing or stand twice"
    after = scene.published()
    again = [name for name, version in (before or {}).items() if after.get(name) != version]
    assert not again, f"built again: {again}"
    assert not any(scene.state_of(kind) for kind in KINDS), "a state was left behind"
    return "metrics equal, 0 stages repeated, 0 runs twice"


def time_lost(scene: Scene, whole: Scene) -> str:
    """Return what a fault has cost, against the undisturbed sweep."""
    steps = scene.steps_taken() - STEPS
    return f"{scene.seconds - whole.seconds:+.0f} s, {steps} of {STEPS} steps"
