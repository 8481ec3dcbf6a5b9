"""Find motifs in the attributions of finished jobs, and compare them with known motifs.

Motifs are found in one part of the sequences and tested in the other. Writes a page with logos, counts,
enrichment, positions and matches, the motifs in MEME format, and tables as Parquet.

    dnasweep discover-motifs --attributions runs/attributions/KEY --out motifs
    dnasweep discover-motifs --attributions runs/attributions/KEY --motifs jaspar.meme --out motifs \\
        --method modisco
"""

from rich.console import Console

from dnasweep.workflows.motifs import MotifOptions


def main(options: MotifOptions, console: Console) -> None:
    from dnasweep.workflows.motifs import run_motifs

    run_motifs(options, console)
