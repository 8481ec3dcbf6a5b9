"""Edit sequences so that a model's output rises or falls, under constraints, and explain the edits.

Every step evaluates all allowed single substitutions (with --preselect, those with the largest gradients)
and keeps the best one; with --beam, the best few. At most --edits bases of a sequence change; motifs and
positions can be kept, and the GC content can be held in a range. Writes the sequences as FASTA, every edit
with the output after it as CSV and Parquet, and a page with the outputs after each edit and the attributions
before and after. Computes in this process, or on Ray with --address or --num-actors; the same command
resumes after an interruption.

    dnasweep design --model models:/tokenizer-grid@best --data new.fa --edits 5
    dnasweep design --model models:/tokenizer-grid@best --data new.fa --goal lower --keep-motifs TATAWAWR \\
        --keep-bases 240..260 --gc .4 .6
"""

from rich.console import Console

from dnasweep.jobs.design_request import DesignOptions


def main(options: DesignOptions, console: Console) -> None:
    from dnasweep.workflows.designs import DesignJob
    from dnasweep.workflows.run import run

    run(DesignJob.of, options, console)
