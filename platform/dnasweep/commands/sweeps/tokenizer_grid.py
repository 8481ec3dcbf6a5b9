"""Compare tokenizers, pretraining species and learning rates.

Pretrains one encoder for every tokenizer and species set, fine-tunes it for every learning rate and
seed, and ends with a ranked comparison in the terminal, as CSV and HTML, and in MLflow. Run the same
command again to resume after an interruption, or to see the result again. Without --data it runs on
built-in data with special defaults, which it prints first; options that you give take precedence.

    dnasweep tokenizer-grid
    dnasweep tokenizer-grid --data promoters.csv --tokenizers kmer-6 bpe-1024 char
    dnasweep tokenizer-grid --data promoters.csv --search optuna --num-samples 60
"""

from rich.console import Console

from dnasweep.sweeps.axes import SweepOptions


def main(options: SweepOptions, console: Console) -> None:
    from dnasweep.workflows.sweep import run_sweep

    run_sweep("tokenizer-grid", options.axes, options, console)
