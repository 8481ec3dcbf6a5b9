"""Sequences tokenised per second by dnasweep, `tokenizers` and `transformers`.

    python benchmarks/tokenizing.py      # about a minute

Measured in one process with one thread. Contenders take turns in every round and medians are compared, so
other load on the machine affects all of them. dnasweep returns ids, offsets and the bases of each token as
arrays; the others return their own objects, and the time to extract the ids is not counted.

The usual tokenizer for k-mers is a vocabulary of whole words after a cut into pieces of equal length or, for
overlapping k-mers, after a Python loop that separates the k-mers by spaces, as in DNABERT. For `bpe` and
`wordpiece` it is the fitted tokenizer itself.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro
from dnasweep.config import TokenizerConfig
from dnasweep.tokens.tokenizers import DnaTokenizer, fit
from rich.console import Console
from rich.table import Table

NEEDED = {"kmer": ("list", 10.0), "bpe": ("batch", 1.0), "wordpiece": ("batch", 1.0)}
"""By kind of tokenizer, the contender to compare with and the minimum ratio."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to measure."""

    tokenizers: tuple[str, ...] = (
        "kmer-6",
        "kmer-6-overlap",
        "char",
        "bpe-4096",
        "wordpiece-4096",
    )
    """Short names of tokenizers."""
    num_sequences: int = 2000
    """Number of sequences per round."""
    window: int = 300
    """Length of a sequence in bases."""
    rounds: int = 5
    """Number of rounds; the median is reported."""
    seed: int = 0
    """Seed of the sequences."""


def random_sequences(num_sequences: int, window: int, seed: int) -> list[str]:
    """Draw random sequences with a G+C content of 45 %."""
    generator = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACGT", np.uint8)
    drawn = generator.choice(4, size=(num_sequences, window), p=(0.275, 0.225, 0.225, 0.275))
    return [row.tobytes().decode() for row in letters[drawn]]


def usual_tokenizer(tokenizer: DnaTokenizer) -> tuple[Any, Callable[[Sequence[str]], list[str]]]:
    """Return a `tokenizers.Tokenizer` as a user would build it, and the function that prepares its input."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    config = tokenizer.config
    if config.kind in ("bpe", "wordpiece"):
        return tokenizer.tokenizer, list
    vocabulary = {token: i for i, token in enumerate(tokenizer.tokens)}
    usual = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    usual.post_processor = tokenizer.tokenizer.post_processor
    if config.overlapping:
        usual.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        k, stride = config.k, config.stride

        def spaced(sequences: Sequence[str]) -> list[str]:
            return [
                " ".join([s[i : i + k] for i in range(0, len(s) - k + 1, stride)])
                for s in sequences
            ]

        return usual, spaced
    usual.pre_tokenizer = pre_tokenizers.FixedLength(config.k if config.kind == "kmer" else 1)
    return usual, list


def rates(
    contenders: dict[str, Callable[[Sequence[str]], object]],
    sequences: Sequence[str],
    rounds: int,
) -> dict[str, float]:
    """Return the median sequences per second of each contender, in turns of at least 0.1 s."""
    seen: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender(sequences[:10])
    for _ in range(rounds):
        for name, contender in contenders.items():
            times, start = 0, time.perf_counter()
            while (seconds := time.perf_counter() - start) < 0.1:
                contender(sequences)
                times += 1
            seen[name].append(times * len(sequences) / seconds)
    return {name: statistics.median(rate) for name, rate in seen.items()}


def measure(spec: str, options: Options) -> dict[str, float]:
    """Measure one tokenizer: sequences per second for `ours`, `list` and `batch`."""
    from transformers import PreTrainedTokenizerFast

    train = random_sequences(2000, options.window, options.seed + 1)
    sequences = random_sequences(options.num_sequences, options.window, options.seed)
    tokenizer = fit(TokenizerConfig.parse(spec), train)
    usual, prepare = usual_tokenizer(tokenizer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=usual, pad_token="[PAD]")
    contenders: dict[str, Callable[[Sequence[str]], object]] = {
        "ours": tokenizer.encode,
        "list": lambda rows: wrapped(prepare(rows)),
        "batch": lambda rows: usual.encode_batch_fast(prepare(rows)),
    }
    return rates(contenders, sequences, options.rounds)


def main(options: Options) -> int:
    """Print the table; return 1 if a ratio is below its minimum, else 0."""
    # The Rust library reads these when it first encodes.
    os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")
    table = Table(
        title=f"Sequences per second, {options.num_sequences} of {options.window} bp, one thread",
        caption="list: tokenizer(sequences); batch: encode_batch_fast(sequences). Needed: ours / list "
        "at least 10 for kmer, ours / batch at least 1 for bpe and wordpiece.",
    )
    table.add_column("tokenizer")
    for heading in ("ours", "list", "batch"):
        table.add_column(heading, justify="right")
    for heading in ("ours / list", "ours / batch", "needed"):
        table.add_column(heading, justify="right")
    missed = False
    for spec in options.tokenizers:
        rate = measure(spec, options)
        against, needed = NEEDED.get(TokenizerConfig.parse(spec).kind, ("list", 0.0))
        met = rate["ours"] / rate[against] >= needed
        missed |= not met
        table.add_row(
            spec,
            *(f"{rate[name]:,.0f}" for name in ("ours", "list", "batch")),
            *(f"{rate['ours'] / rate[name]:.1f}" for name in ("list", "batch")),
            ("met" if met else "missed") if needed else "",
        )
    Console().print(table)
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Options, description=__doc__)))
