"""The speed of a training on this machine, from a few steps on random tokens."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import Any

import torch

from dnasweep.config import TokenizerConfig
from dnasweep.devices import best_device, wait_for
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec

STEPS = 2
"""Steps that are timed, after one that is not."""
MOST_PARAMETERS = 200_000_000
"""Larger models are not measured."""
MOST_NUMBERS = 2_000_000
"""Numbers in the hidden states of a step; of a large model fewer rows are shown."""


def measure_speed(spec: EncoderSpec | ClassifierSpec, num_bases: int) -> float | None:
    """Return how many bases a second one device of this machine trains on.

    A forward and a backward pass of a fresh model on random tokens: within a factor of two of the
    training, which has evaluations but shorter batches.

    Parameters
    ----------
    spec
        The training.
    num_bases
        Length of a sequence.

    Returns
    -------
    speed
        None for a model that cannot be made without its weights, or is too large to try in passing.
    """
    if spec.model.family not in ("roberta", "albert"):
        return None
    num_tokens = round(num_bases * tokens_per_base(spec.tokenizer.config)) + 2
    num_tokens = min(num_tokens, spec.model.max_tokens or num_tokens)
    size = spec.tokenizer.config
    vocabulary = size.vocab_size or 4**size.k + 5 if size.kind != "char" else 9
    hidden = spec.model.hidden
    if spec.model.layers * 12 * hidden**2 + vocabulary * hidden > MOST_PARAMETERS:
        return None
    tokenizer: Any = SimpleNamespace(vocab_size=vocabulary, pad_id=0, cls_id=1, sep_id=2)
    common: dict[str, Any] = {"tokenizer": tokenizer, "num_tokens": num_tokens, "dropout": 0.0}
    if isinstance(spec, EncoderSpec):
        model: Any = build_masked_lm(spec.model, **common, seed=0)
    else:
        model = build_classifier(spec.model, **common, seed=0, num_labels=2, encoder=None)
    device = best_device()
    rows = max(1, min(spec.training.micro_batch_size, MOST_NUMBERS // (num_tokens * hidden)))
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(5, vocabulary, (rows, num_tokens), generator=generator).to(device)
    labels = tokens if isinstance(spec, EncoderSpec) else tokens[:, 0] % 2
    model.to(device).train()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for step in range(STEPS + 1):
            if step == 1:
                wait_for(device)
                began = time.perf_counter()
            model(input_ids=tokens, labels=labels).loss.backward()
        wait_for(device)
    finally:
        torch.set_num_threads(threads)
    return STEPS * rows * num_bases / (time.perf_counter() - began)


def tokens_per_base(config: TokenizerConfig) -> float:
    """Return tokens of a base: exact, or, of a vocabulary that is learned, by its size.

    So many tokens name as many k-mers of k = log4(size).
    """
    if config.kind == "kmer":
        return 1 / config.stride
    if config.kind == "greedy":
        return 1 / config.k
    return 2 / math.log2(config.vocab_size) if config.fitted else 1.0
