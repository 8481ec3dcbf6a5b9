"""The speed of a training on a GPU, from a few steps on random tokens."""

from __future__ import annotations

import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dnasweep.config import ModelConfig
from dnasweep.devices import best_device, wait_for
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec

STEPS = 2
"""Steps that are timed, after one that is not."""
MAX_NUMBERS = 2_000_000
"""Numbers in the hidden states of a step; a large model gets fewer rows."""


def time_steps(spec: EncoderSpec | ClassifierSpec, num_tokens: int, vocabulary: int) -> float:
    """Return how many sequences per second one device of this machine trains on.

    A forward and a backward pass of an encoder of the same size on random tokens, of torch's own
    layers, since transformers takes seconds to import: within a factor of two of the training, which
    has evaluations but shorter batches.

    Parameters
    ----------
    spec
        The training.
    num_tokens
        Tokens of a sequence.
    vocabulary
        Tokens of the vocabulary.
    """
    pretraining = isinstance(spec, EncoderSpec)
    model = _Encoder(spec.model, vocabulary, num_outputs=vocabulary if pretraining else 2)
    device = best_device()
    rows = max(
        1, min(spec.training.micro_batch_size, MAX_NUMBERS // (num_tokens * spec.model.hidden))
    )
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
    return STEPS * rows / (time.perf_counter() - began)


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
