"""Motifs that a model looks at, from finished attribution jobs, compared with known ones.

Motifs are found in one part of the sequences and tested in the other. Writes a page with logos,
counts, enrichment, places and matches, and beside it the motifs in MEME format and tables as Parquet.

    python jobs/discover_motifs.py --attributions runs/attributions/KEY --out motifs
    python jobs/discover_motifs.py --attributions runs/attributions/KEY --motifs jaspar.meme --out motifs \\
        --method modisco
"""

from dnasweep.cli.command import run_command
from dnasweep.workflows.motifs import MotifOptions
from rich.console import Console


def main(options: MotifOptions, console: Console) -> None:
    from dnasweep.workflows.motifs import run_motifs

    run_motifs(options, console)


if __name__ == "__main__":
    run_command(main, MotifOptions, doc=__doc__)
