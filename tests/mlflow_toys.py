"""A migrated MLflow database to copy, a tiny model to register, and a small sweep to record."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from dnasweep.tracking.client import check_reachable, connect, resolve_uri
from dnasweep.tracking.tags import package_versions
from dnasweep.tracking.tracker import DatasetInput, Tracker


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database; making one takes five seconds, copying it none."""
    folder = tmp_path_factory.mktemp("store")
    check_reachable(resolve_uri(None, str(folder)))
    return folder / "mlflow.db"


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny classifier over single bases, saved as plain transformers files."""
    import torch
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        PreTrainedTokenizerFast,
        RobertaConfig,
        RobertaForSequenceClassification,
    )

    folder = tmp_path_factory.mktemp("model")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"ACGT"]
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{n}_token": f"[{n.upper()}]" for n in ("pad", "unk", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(
        tokenizer_object=core, model_input_names=["input_ids", "attention_mask"], **names
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=80,
        pad_token_id=0,
        type_vocab_size=1,
        num_labels=2,
        initializer_range=1.0,
    )
    RobertaForSequenceClassification(config).save_pretrained(folder)
    (folder / "dnasweep_tokenizer.json").write_text('{"kind": "char"}')
    return folder


def runs_of(uri: str, experiment: str = "sweep") -> dict[str, Any]:
    """Return the runs of an experiment by their key, each key once."""
    client = connect(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    by_key = {run.data.tags["trial_key"]: run for run in runs}
    assert len(by_key) == len(runs), "two runs for one key"
    return by_key


def history(uri: str, run: Any, name: str) -> list[tuple[int, float]]:
    """Return (step, value) of a metric, duplicates included."""
    entries = connect(uri).get_metric_history(run.info.run_id, name)
    return sorted((entry.step, entry.value) for entry in entries)


def record_a_sweep(tracker: Tracker, *, epochs: int = 4) -> None:
    """Record a parent and one child as a sweep does."""
    tracker.run("parent", name="a sweep", tags=package_versions())
    tracker.run(
        "cell",
        name="a cell",
        parent="parent",
        params={"learning_rate": 3e-4, "seed": 1},
        inputs=[DatasetInput(name="promoters", digest="0123abcd", source="promoters.csv")],
    )
    for epoch in range(epochs):
        tracker.metrics("cell", {"validation/mcc": epoch / 10}, step=epoch)
    tracker.end("cell")
