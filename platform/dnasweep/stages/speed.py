"""The speed of a training on this machine, from a few steps on random tokens."""

from __future__ import annotations

import math
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dnasweep.config import ModelConfig, TokenizerConfig
from dnasweep.devices import best_device, wait_for
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec

STEPS = 2
"""Steps that are timed, after one that is not."""
MOST_PARAMETERS = 200_000_000
"""Larger models are not measured."""
MOST_NUMBERS = 2_000_000
"""Numbers in the hidden states of a step; of a large model fewer rows are shown."""


def measure_speed(spec: EncoderSpec | ClassifierSpec, num_bases: int) -> float | None:
    """Return how many bases per second one device of this machine trains on.

    A forward and a backward pass of an encoder of the same size on random tokens, of torch's own
    layers, since transformers takes seconds to import: within a factor of two of the training, which
    has evaluations but shorter batches.

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
    pretraining = isinstance(spec, EncoderSpec)
    model = _Encoder(spec.model, vocabulary, num_outputs=vocabulary if pretraining else 2)
    device = best_device()
    rows = max(1, min(spec.training.micro_batch_size, MOST_NUMBERS // (num_tokens * hidden)))
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(5, vocabulary, (rows, num_tokens), generator=generator).to(device)
    labels = tokens.flatten() if pretraining else tokens[:, 0] % 2
    model.to(device).train()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for step in range(STEPS + 1):
            if step == 1:
                wait_for(device)
                began = time.perf_counter()
            states = model(tokens) if pretraining else model(tokens)[:, :1]
            cross_entropy(model.head(states).flatten(0, 1), labels).backward()
        wait_for(device)
    finally:
        torch.set_num_threads(threads)
    return STEPS * rows * num_bases / (time.perf_counter() - began)


class _Encoder(nn.Module):
    """An encoder with as many multiplications as one of the package's."""

    def __init__(self, size: ModelConfig, vocabulary: int, *, num_outputs: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            size.hidden,
            size.heads,
            size.intermediate,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
        )
        self.words = nn.Embedding(vocabulary, size.hidden)
        self.layers = nn.TransformerEncoder(layer, size.layers, enable_nested_tensor=False)
        self.head = nn.Linear(size.hidden, num_outputs)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the hidden states, (rows, tokens, hidden)."""
        states: torch.Tensor = self.layers(self.words(tokens))
        return states


def tokens_per_base(config: TokenizerConfig) -> float:
    """Return tokens of a base: exact, or, of a vocabulary that is learned, by its size.

    So many tokens name as many k-mers of k = log4(size).
    """
    if config.kind == "kmer":
        return 1 / config.stride
    if config.kind == "greedy":
        return 1 / config.k
    return 2 / math.log2(config.vocab_size) if config.fitted else 1.0
