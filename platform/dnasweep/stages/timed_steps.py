"""Training speed on a GPU, measured by a few steps on random tokens."""

from __future__ import annotations

import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dnasweep.config import ModelConfig
from dnasweep.devices import best_device, wait_for
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec

STEPS = 2
"""Number of timed steps, after one untimed step."""
MAX_NUMBERS = 2_000_000
"""Maximum number of values in the hidden states of a step; large models use fewer rows."""


def time_steps(spec: EncoderSpec | ClassifierSpec, num_tokens: int, vocabulary: int) -> float:
    """Return the training speed of one device of this machine in sequences per second.

    This times forward and backward passes of an encoder of the same size on random tokens. It uses
    torch's own layers, because transformers takes seconds to import. The result is within a factor
    of two of actual training, which includes evaluations but has shorter batches.

    Parameters
    ----------
    spec
        The training.
    num_tokens
        Number of tokens per sequence.
    vocabulary
        Number of tokens in the vocabulary.
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
    """An encoder with the same number of multiplications as those of the package."""

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
