"""Scan a genome with a trained model: probabilities along it, peaks, and a comparison with annotations.

Windows on both strands are computed shard by shard by one actor per GPU, or per core. The same command
resumes after an interruption. Ends with a track (bigWig, bedGraph), peaks (BED, narrowPeak), tables of
their agreement with --annotations, and figures.

    dnasweep scan-genome --model models:/tokenizer-grid@best --genome hg38.fa.gz --window 300
    dnasweep scan-genome --model RUN_ID --genome dm3.fa --window 300 --stride 50 \\
        --regions right_arm.bed --annotations tss.bed --widen 100 --tss tss.bed --out scan
"""

from rich.console import Console

from dnasweep.jobs.scan_options import ScanOptions


def main(options: ScanOptions, console: Console) -> None:
    from dnasweep.workflows.run import run
    from dnasweep.workflows.scans import scan_job

    run(scan_job, options, console, waiting="reading the genome and the model")
