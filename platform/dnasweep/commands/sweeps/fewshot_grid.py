"""Compare initialisations by how well they learn from few labelled sequences.

Fine-tunes from random weights, from encoders pretrained with each masking scheme and from pretrained
checkpoints, on 10, 50, ... rows of each class, with several draws of rows and several seeds; the k-mer
baseline learns from the same rows. Epochs, batch sizes and learning rates default to those published for
GeneMask. There is no validation set: nothing is selected, and every trial is evaluated once on all test
rows at the threshold 0.5. Folders named after their shots (10/train.tsv, ..., test.tsv) are used as given
draws. Run the same command again to resume after an interruption.

    dnasweep fewshot-grid
    dnasweep fewshot-grid --data promoters.csv --shots 10 50 100 --resamples 5
    dnasweep fewshot-grid --data Prom-core --pretrain-data genome_windows.csv --species-sets none all
"""

from rich.console import Console

from dnasweep.sweeps.axes import FewShotOptions


def main(options: FewShotOptions, console: Console) -> None:
    from dnasweep.sweeps.few_shot import few_shot_cells
    from dnasweep.workflows.few_shot_ending import compare_few_shots
    from dnasweep.workflows.sweep import run_sweep

    run_sweep(
        "fewshot-grid",
        options.axes,
        options,
        console,
        cells=few_shot_cells,
        ending=compare_few_shots,
    )
