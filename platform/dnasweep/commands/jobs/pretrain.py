"""Pretrain encoders by masked language modelling, one per tokenizer and species set.

Each encoder is a directory that transformers loads with AutoModelForMaskedLM and AutoTokenizer. Sweeps
that need the same encoder reuse it.

    dnasweep pretrain --data promoters.csv --tokenizers bpe-1024 --species-sets mammals
    dnasweep pretrain --tokenizers kmer-6 --species-sets all-then-close-human --workers-per-trial 2
"""

from rich.console import Console

from dnasweep.sweeps.axes import Axes, SweepOptions


def main(options: SweepOptions, console: Console) -> None:
    from dnasweep.workflows.sweep import pretrain, run_sweep

    axes: Axes = {"tokenizer": options.tokenizers, "species_set": options.species_sets}
    if options.pretrain_per_seed:
        axes |= {"seed": options.seeds}
    run_sweep("pretrain", axes, options, console, ending=pretrain)
