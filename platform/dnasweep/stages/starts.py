"""The start of fine-tuning (random weights, an encoder or a pretrained checkpoint), and which
weights it trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dnasweep.config import TuningConfig
from dnasweep.models.architecture import build_classifier
from dnasweep.models.pretrained.encoder import build_on_checkpoint
from dnasweep.models.training.tuning import merge, num_trained, tune
from dnasweep.stages.models import kept_model
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.storage import Storage
from dnasweep.tokens.tokenizers import DnaTokenizer


def start_model(
    storage: Storage,
    spec: ClassifierSpec,
    *,
    tokenizer: DnaTokenizer,
    num_tokens: int,
    num_labels: int,
    label_names: Sequence[str] | None,
) -> Any:
    """Return the classifier that a specification starts from, ready to be trained.

    Raises
    ------
    InputError
        If what it starts from does not fit, or a target of LoRA is none of its layers.
    """
    common: dict[str, Any] = {
        "tokenizer": tokenizer,
        "num_tokens": num_tokens,
        "num_labels": num_labels,
        "dropout": spec.training.dropout,
        "seed": spec.training.seed,
        "label_names": label_names,
    }
    if spec.checkpoint is not None:
        directory = kept_model(storage, spec.checkpoint)
        model: Any = build_on_checkpoint(directory, spec.model, **common)
    else:
        model = build_classifier(spec.model, **common, encoder=_encoder(storage, spec))
    tune(model, spec.tuning, seed=spec.training.seed)
    return model


def _encoder(storage: Storage, spec: ClassifierSpec) -> Path | None:
    if spec.encoder is None:
        return None
    return storage.expect(spec.encoder.kind, spec.encoder.key) / CHECKPOINT


def finish_tuning(model: Any, tuning: TuningConfig) -> dict[str, float]:
    """Merge LoRA into a trained model, and return how many of its parameters were trained."""
    if tuning.method == "full":
        return {}
    moved, total = num_trained(model)
    if tuning.method == "lora":
        merge(model)
    return {"moving_parameters": float(moved), "parameters": float(total)}
