"""What a sweep tells MLflow about a trial, an encoder and itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from dnasweep.data.audit import Audit, Finding
from dnasweep.stages.outcome import StageOutcome
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.sweeps.selection import compare
from dnasweep.tracking.tags import NOTE_TAG
from dnasweep.workflows.publication import note
from dnasweep.workflows.sweep_records import Records
from sweep_toys import baseline, sweep


class Heard:
    """Takes the calls of a tracker and keeps what each run ends up with."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.points: list[tuple[str, str, int]] = []

    def run(self, key: str, *, tags: dict[str, Any], params: dict[str, Any], **rest: Any) -> None:
        self.runs[key] = {"params": dict(params), "tags": dict(tags), "metrics": {}, **rest}

    def metrics(self, key: str, metrics: dict[str, float], *, step: int) -> None:
        self.points += [(key, name, step) for name in metrics]
        self.runs[key]["metrics"] |= metrics

    def tags(self, key: str, tags: dict[str, Any]) -> None:
        self.runs[key]["tags"] |= tags

    def end(self, key: str, status: str = "FINISHED") -> None:
        self.runs[key]["status"] = status


def evaluation(step: int, mcc: float) -> dict[str, Any]:
    return {
        "step": step,
        "epoch": step / 10,
        "bases_seen": 1000.0 * step,
        "metrics": {"validation/loss": 1 - mcc, "validation/mcc": mcc},
        "device_seconds": step / 2,
        "peak_memory_bytes": 7,
        "learning_rate": 1e-3,
        "train_loss": 0.5,
    }


def outcome(**changes: Any) -> StageOutcome:
    history = [evaluation(10, 0.8), evaluation(20, 0.6)]
    values = {"outcome": "completed", "reason": "", "best": history[0], "history": history}
    values |= {"device_seconds": 10.5, "peak_memory_bytes": 7, "steps": 20} | changes
    return StageOutcome(**values)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def records(heard: Heard) -> Records:
    data = SimpleNamespace(key="0123456789abcdef", folder="there")
    told = Records(heard, "parent", data, "validation/mcc")  # type: ignore[arg-type]
    told.open("a sweep", {"search": "grid"})
    return told


RECIPE = Recipe(dataset="0123456789abcdef", species=("human", "mouse"))


def record(records: Records, cell: Cell, result: StageOutcome) -> str:
    spec = RECIPE.expand(cell)
    records.start(cell, spec)
    for point in result.history:
        records.evaluation(spec, point)
    records.finish(cell, spec, result)
    return spec.key


def test_trials_differ_in_their_axes_and_in_no_other_parameter(
    records: Records, heard: Heard
) -> None:
    cells = [
        Cell(tokenizer=tokenizer, species_set=species, learning_rate=rate, seed=seed, warmup=0.2)
        for tokenizer in ("kmer-3", "bpe-64")
        for species in ("none", "all")
        for rate, seed in ((1e-3, 0), (3e-3, 1))
    ]
    params = [heard.runs[record(records, cell, outcome())]["params"] for cell in cells]
    assert all(set(entry) == set(params[0]) for entry in params)
    differing = {name for name in params[0] if len({str(p[name]) for p in params}) > 1}
    assert differing == {"tokenizer", "species_set", "learning_rate", "seed"}
    assert "finetune.warmup" not in params[0], "an axis stands there under its own name alone"
    assert params[0]["warmup"] == 0.2
    assert all(value is not None for value in params[0].values())


def test_a_trial_names_its_encoder_and_a_random_start_none(records: Records, heard: Heard) -> None:
    pretrained = record(records, Cell(species_set="all"), outcome())
    random = record(records, Cell(species_set="none"), outcome())
    encoder = RECIPE.expand(Cell(species_set="all")).encoder
    assert encoder is not None
    assert heard.runs[pretrained]["tags"]["encoder_key"] == encoder.key
    assert "encoder_key" not in heard.runs[random]["tags"]


def test_a_trial_stands_beside_its_sweep_and_says_what_it_is(
    records: Records, heard: Heard
) -> None:
    key = record(records, Cell(tokenizer="kmer-3"), outcome())
    run = heard.runs[key]
    assert run["parent"] is None, "MLflow would fold it below its sweep"
    assert run["tags"]["sweep"] == "parent"
    note = run["tags"][NOTE_TAG]
    assert "kmer-3 all" in note
    assert "bases seen" in note
    assert "the run a sweep" in note
    encoder = RECIPE.expand(Cell()).encoder
    assert encoder is not None
    records.encoder(encoder, "kmer-6 all", outcome())
    assert heard.runs[f"encoder-{encoder.key}"]["parent"] == "parent"


def test_metrics_come_in_groups_and_each_once_a_step(records: Records, heard: Heard) -> None:
    key = record(records, Cell(), outcome())
    metrics = heard.runs[key]["metrics"]
    assert next(iter(metrics)) == "validation/mcc", "drawn first by MLflow's comparison"
    assert metrics["validation/mcc"] == 0.6
    assert metrics["best/mcc"] == 0.8
    assert metrics["train/loss"] == 0.5
    # Bases are the step, and time is counted once.
    assert not {"train/bases_seen", "train/device_seconds"} & set(metrics)
    assert max(step for _, _, step in heard.points) == 20000
    assert metrics["device_seconds"] == 10.5
    assert metrics["peak_memory_bytes"] == 7
    assert len(set(heard.points)) == len(heard.points), "told twice, one would be shown as two"
    assert ("best/mcc", 10000) in {point[1:] for point in heard.points}
    assert "reason" not in heard.runs[key]["tags"]


def test_a_diverged_trial_says_why_and_is_failed(records: Records, heard: Heard) -> None:
    key = record(records, Cell(), outcome(outcome="diverged", reason="the loss is not finite"))
    assert heard.runs[key]["tags"]["reason"] == "the loss is not finite"
    assert heard.runs[key]["status"] == "FAILED"


def test_the_parent_is_described_by_its_findings(records: Records, heard: Heard) -> None:
    comparison = compare(sweep(), baselines=[baseline()], num_resamples=50)
    findings = (
        Finding(level="warning", code="gc", message="G+C differs"),
        Finding(level="info", code="rows", message="many rows"),
    )
    audit = Audit(findings=findings, table=pd.DataFrame())
    records.summary(
        note(comparison.findings, audit), test={"test/mcc": 0.7}, baseline={"mcc": 0.5}
    )
    parent = heard.runs["parent"]
    text = parent["tags"][NOTE_TAG]
    assert all(f"- {sentence}" in text for sentence in comparison.findings)
    assert "- G+C differs" in text
    assert "many rows" not in text
    assert parent["metrics"] == {"test/mcc": 0.7, "baseline/mcc": 0.5}
