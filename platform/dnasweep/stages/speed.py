"""Estimates of the training speed on this machine; importing this module needs no torch."""

from __future__ import annotations

import functools
import math
import time

import numpy as np
from threadpoolctl import threadpool_limits

from dnasweep.config import TokenizerConfig
from dnasweep.devices import has_gpu_driver
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec

MAX_PARAMETERS = 200_000_000
"""Maximum number of parameters of models to measure."""
EFFICIENCY = 0.5
"""Training speed on one core as a fraction of the speed of matrix products: .40 to .70 for
encoders of 2 x 128 to 6 x 384 on sequences of 70 to 600 bases."""
PRODUCT_SECONDS = 0.05
"""Seconds for measuring matrix products."""


def measure_speed(spec: EncoderSpec | ClassifierSpec, num_bases: int) -> float | None:
    """Return the training speed of one device in bases per second, within a factor of about 2.5 for models like `tiny` and larger.

    With a GPU, a few training steps are timed. On a CPU, the arithmetic operations of a step are divided by the
    speed of matrix products on one core, which takes a twentieth of a second.

    Parameters
    ----------
    spec
        Specification of the training run.
    num_bases
        Length of a sequence.

    Returns
    -------
    speed
        None for a model whose size is unknown without its weights, or that is too large to
        measure.
    """
    if spec.model.family not in ("roberta", "albert"):
        return None
    num_tokens = round(num_bases * tokens_per_base(spec.tokenizer.config)) + 2
    num_tokens = min(num_tokens, spec.model.max_tokens or num_tokens)
    config, hidden = spec.tokenizer.config, spec.model.hidden
    vocabulary = config.vocab_size or 4**config.k + 5 if config.kind != "char" else 9
    if spec.model.layers * 12 * hidden**2 + vocabulary * hidden > MAX_PARAMETERS:
        return None
    if has_gpu_driver():
        # Imported here because it imports torch, which takes seconds.
        from dnasweep.stages.timed_steps import time_steps

        return time_steps(spec, num_tokens, vocabulary) * num_bases
    operations = _operations(spec, num_tokens, vocabulary)
    return EFFICIENCY * _products_per_second(hidden) * num_bases / operations


def tokens_per_base(config: TokenizerConfig) -> float:
    """Return the number of tokens per base; for a learned vocabulary, estimated from its size.

    A learned vocabulary of 4**k tokens is assumed to have tokens of about k bases.
    """
    if config.kind == "kmer":
        return 1 / config.stride
    if config.kind == "greedy":
        return 1 / config.k
    return 2 / math.log2(config.vocab_size) if config.fitted else 1.0


def _operations(spec: EncoderSpec | ClassifierSpec, num_tokens: int, vocabulary: int) -> float:
    """Return the floating-point operations of a training step on one sequence.

    There are two operations per weight and token, plus those of attention; the backward pass takes
    twice as many as the forward pass.
    """
    hidden = spec.model.hidden
    weights = 4 * hidden**2 + 2 * hidden * spec.model.intermediate
    layer = 2 * weights + 4 * num_tokens * hidden
    head = 2 * hidden * vocabulary if isinstance(spec, EncoderSpec) else 0
    return 3.0 * num_tokens * (spec.model.layers * layer + head)


@functools.cache
def _products_per_second(hidden: int) -> float:
    """Return the floating-point operations per second of matrix products of this width on one core.

    Measured once per process, since all tokenizers of a sweep have encoders of the same width.
    """
    rows = np.ones((256, hidden), np.float32)
    weights = np.ones((hidden, 4 * hidden), np.float32)
    fastest = math.inf
    with threadpool_limits(1, "blas"):
        ends = time.perf_counter() + PRODUCT_SECONDS
        # The fastest of many repeats is used, because other processes slow some of them.
        while math.isinf(fastest) or time.perf_counter() < ends:
            began = time.perf_counter()
            rows @ weights
            fastest = min(fastest, time.perf_counter() - began)
    return 2 * rows.shape[0] * weights.size / fastest
