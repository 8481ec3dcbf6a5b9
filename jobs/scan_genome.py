"""Scan a genome with a trained model: probabilities along it, peaks, and what is known there.

Windows on both strands, computed shard by shard by as many actors as there are GPUs, or cores. The
same command again goes on where it was stopped. Ends with a track (bigWig, bedGraph), peaks (BED,
narrowPeak), tables of how they agree with --annotations, and figures.

    python jobs/scan_genome.py --model models:/tokenizer-grid@best --genome hg38.fa.gz --window 300
    python jobs/scan_genome.py --model RUN_ID --genome dm3.fa --window 300 --stride 50 \\
        --regions right_arm.bed --annotations tss.bed --widen 100 --tss tss.bed --out scan
"""

from dnasweep.cli.command import run_command
from dnasweep.jobs.scan_options import ScanOptions
from rich.console import Console


def main(options: ScanOptions, console: Console) -> None:
    from dnasweep.workflows.scans import run_scan

    run_scan(options, console)


if __name__ == "__main__":
    run_command(main, ScanOptions, doc=__doc__)
