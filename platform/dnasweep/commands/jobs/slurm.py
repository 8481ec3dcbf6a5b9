"""Run a sweep or a job on SLURM: print the command that submits it, or submit it.

The nodes of the allocation become a Ray cluster, and the command runs on the first node in the current
folder, which all nodes must share. Before the time limit, states are saved and the job is requeued. Options
for SLURM come before the command, the command's own options after it.

    dnasweep slurm --nodes 2 --gpus 4 --cpus 16 --memory 64G --time 12:00:00 \\
      tokenizer-grid --data promoters.csv
    dnasweep slurm --submit --gpus 1 --time 4:00:00 --allocations 4 tokenizer-grid --data promoters.csv
    dnasweep slurm --submit --gpus 1 --time 90 --sif dnasweep.sif predict --model RUN_ID --data new.fa --out new.csv
"""

import shlex
from collections.abc import Sequence

from rich.console import Console

from dnasweep.runtime.cluster.slurm import SlurmOptions, sbatch_words, submit


def separated(words: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return a command line with `--` before the first word that names a command."""
    begin = next((number for number, word in enumerate(words) if word in known), len(words))
    return [*words] if "--" in words[:begin] else [*words[:begin], "--", *words[begin:]]


def main(options: SlurmOptions, console: Console) -> None:
    words = sbatch_words(options)
    if options.submit:
        console.print(submit(words), markup=False)
        return
    # One line for the clipboard, however narrow the terminal.
    print(shlex.join(words))
