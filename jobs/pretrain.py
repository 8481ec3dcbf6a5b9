"""Pretrain encoders by masked language modelling, one for each tokenizer and species set.

Each encoder is a directory that transformers opens with AutoModelForMaskedLM and AutoTokenizer.
Sweeps that ask for the same encoder find it.

    python jobs/pretrain.py --data promoters.csv --tokenizers bpe-1024 --species-sets mammals
    python jobs/pretrain.py --tokenizers kmer-6 --species-sets all-then-close-human --workers-per-trial 2
"""

from dnasweep.cli.command import run_command
from dnasweep.sweeps.axes import SweepOptions
from rich.console import Console


def main(options: SweepOptions, console: Console) -> None:
    from dnasweep.workflows.sweep import pretrain, run_sweep

    axes = {"tokenizer": options.tokenizers, "species_set": options.species_sets}
    run_sweep("pretrain", axes, options, console, ending=pretrain)


if __name__ == "__main__":
    run_command(main, SweepOptions, doc=__doc__)
