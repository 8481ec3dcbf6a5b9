"""Fine-tune classifiers without comparing them and without using the test set.

Each classifier is a directory that transformers loads with AutoModelForSequenceClassification and
AutoTokenizer. Missing encoders are pretrained first; `--species-sets none` starts from random weights.

    dnasweep finetune --data promoters.csv --tokenizers bpe-1024 --species-sets all --learning-rates 1e-3
"""

from rich.console import Console

from dnasweep.sweeps.axes import SweepOptions


def main(options: SweepOptions, console: Console) -> None:
    from dnasweep.workflows.sweep import finetune, run_sweep

    run_sweep("finetune", options.axes, options, console, ending=finetune)
