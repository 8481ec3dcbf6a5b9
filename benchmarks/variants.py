"""Variants scored per second compared with a plain loop over `transformers.pipeline`, in turns.

    python benchmarks/variants.py                              # tiny, a few minutes on 2 cores
    python benchmarks/variants.py --presets tiny small --rounds 5

The plain loop passes every window with REF and with ALT, on both strands, through the pipeline in batches of
32. dnasweep scores the same windows, and the largest difference is printed. Both are measured with one
alternative allele per position, like most variants of a VCF, and with all three, as in saturation
mutagenesis, where the windows with REF are shared. dnasweep runs in the same process with the same number of
threads, and in the same number of single-threaded processes, like the actors of the job on a machine
without a GPU. Weights are random, which does not change the speed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
import tyro
from contenders import (
    CLASSES,
    HEADINGS,
    Options,
    Processes,
    in_parts,
    rates,
    start_threads,
    take_turns,
    text_pipeline,
    write_classifier,
)
from dnasweep.devices import best_device
from dnasweep.formats.bases import decode
from dnasweep.genomics.allele_windows import Allele, flanks, pairs
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.genomics.variant_effects import score
from dnasweep.genomics.variant_settings import VariantConfig
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class VariantOptions(Options):
    """What to measure."""

    tokenizer: str = "kmer-6"
    """Tokenizer."""
    variants: int = 528
    """Number of variants per turn; a multiple of 3."""


def variants_of(config: VariantConfig, num_variants: int, num_alternatives: int) -> list[Allele]:
    """Return substitutions at random positions of a random chromosome, with `num_alternatives` at each."""
    rng = np.random.default_rng(0)
    bases = decode(rng.integers(0, 4, 100_000).astype(np.uint8))
    positions = rng.choice(np.arange(1000, 99_000), num_variants // num_alternatives)
    return [
        flanks(
            lambda first, last: bases[first:last],
            len(bases),
            start,
            bases[start],
            alt,
            config,
        )
        for start in positions.tolist()
        for alt in "ACGT".replace(bases[start], "")[:num_alternatives]
    ]


def loop(
    classify: Callable[[Sequence[str]], np.ndarray], alleles: list[Allele], config: VariantConfig
) -> np.ndarray:
    """Return the change of the log2 odds of each variant, as the plain loop computes it."""
    texts: list[str] = []
    for allele in alleles:
        for strand in (allele, allele.reverse_complement()):
            texts += chain.from_iterable(pairs(strand, window=config.window, shifts=config.shifts))
    probabilities = classify(texts)
    odds = np.log2(probabilities[:, 1] / probabilities[:, 0])
    windows = odds.reshape(len(alleles), -1, 2).mean(1)
    return windows[:, 1] - windows[:, 0]


def scorer(
    start: Callable[[], SequenceValues], config: VariantConfig
) -> Callable[[Sequence[Allele]], np.ndarray]:
    """Return the function that a process applies to variants."""
    values = start()
    return lambda alleles: score(alleles, values, config).delta_log2_odds


def measure(
    options: VariantOptions, number: int, preset: str, folder: Path, console: Console
) -> None:
    """Measure one model size and print its table; `number` is the number of processes."""
    tokens = write_classifier(
        folder, preset, options.tokenizer, "ACGT" * options.window, options.window
    )
    classify = text_pipeline(folder)
    # The windows of the job by default, without shuffled contexts.
    config = VariantConfig(window=options.window, shifts=(-4, 4), target=CLASSES[1], backgrounds=0)
    start = partial(SequenceValues, folder, target=CLASSES[1], device=str(best_device()))
    values = start()
    table = Table("alternatives", "loop, variants/s", *HEADINGS, "difference")
    with Processes(partial(scorer, start, config), number) as processes:
        for num_alternatives in (1, 3):
            alleles = variants_of(config, options.variants, num_alternatives)
            parts = in_parts(alleles, 2 * number, num_alternatives)
            turns = take_turns(
                (
                    partial(loop, classify, alleles, config),
                    partial(scorer(lambda: values, config), alleles),
                    lambda parts=parts: np.concatenate(processes(parts)),
                ),
                options.rounds,
            )
            table.add_row(
                str(num_alternatives),
                *rates(turns, len(alleles), digits=1),
                f"{turns.difference:.1e} log2 odds",
            )
    console.print(
        f"{preset}: {tokens} tokens, {options.window} bases, 3 windows on 2 strands of each allele, "
        f"{best_device()}, {torch.get_num_threads()} threads"
    )
    console.print(table)


def main(options: VariantOptions) -> None:
    """Measure every preset requested."""
    number = start_threads(options)
    console = Console(width=120)
    for preset in options.presets:
        with tempfile.TemporaryDirectory() as folder:
            measure(options, number, preset, Path(folder), console)


if __name__ == "__main__":
    main(tyro.cli(VariantOptions, description=__doc__))
