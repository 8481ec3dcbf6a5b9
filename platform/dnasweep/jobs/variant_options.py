"""The command line of a variant job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dnasweep.config.ranges import (
    Batch,
    Between,
    Count,
    Fraction,
    NotNone,
    Range,
    Seed,
    Shift,
    Whole,
)
from dnasweep.errors import InputError
from dnasweep.jobs.options import JobOptions

Backgrounds = Annotated[int, Range(0, 100_000)]


@dataclass(frozen=True, kw_only=True)
class VariantOptions(JobOptions):
    """Options of a variant job."""

    model: str
    """MLflow run id, registered model (models:/NAME@ALIAS), directory, or hub name
    OWNER/MODEL[@REVISION]: a classifier, or a language
    model (masked or causal), which gives the log-likelihood ratio alone."""
    genome: str
    """FASTA of the genome, plain, bgzip or gzip."""
    data: tuple[str, ...] = ()
    """Variants: VCF, plain or bgzip, or TSV with a header chrom, pos, ref, alt."""
    saturate: tuple[str, ...] = ()
    """In place of --data: regions (chrom:first-last) in which every base is replaced by each other
    one; up to 5,000 bases, each gets a heat map."""
    window: Count | None = None
    """Bases around a variant that the model sees. Default: as many as surely fit into its positions,
    at most 1,000."""
    shifts: tuple[Shift, ...] = (-4, 4)
    """Bases by which further windows are moved along each strand, beside the centred one; scores
    are means over all windows."""
    language_model: str | None = None
    """Language model (masked or causal) for the log-likelihood ratio beside a classifier: the encoder
    it was fine-tuned from, given as --model is."""
    motifs: str | None = None
    """Motifs (MEME or JASPAR file) to look for in both alleles."""
    motif_p: Between = 1e-4
    """Largest p-value of a binding site."""
    backgrounds: Backgrounds | None = None
    """Dinucleotide-shuffled contexts per variant for z and p; 0 leaves them out. p is empirical, at
    least 1 / (contexts + 1): use 999 for p-values down to 0.001. Default: 20; of classes of bases and
    signals there are none."""
    distance: Whole | None = None
    """Of models of classes of bases and of signals: bases to either side of a variant in which the
    largest change is looked for. Default: all that its windows reach."""
    target: str | None = None
    """Class whose probability is compared. Default: the second of two, the positive one; of classes of
    bases, signals and numbers, all."""
    threshold: NotNone | None = None
    """Least probability of a window that is called. Default: the model's own, else 0.5."""
    min_delta: Fraction = 0.1
    """Least change of the probability that makes a loss or a gain."""
    seed: Seed = 0
    """Of shuffled contexts."""
    match_chromosomes: bool = False
    """Read 2R as chr2R if the genome calls it so."""
    skip_bad_rows: bool = False
    """Leave out variants that cannot be scored, and write them beside the output, instead of
    ending."""
    out: str | None = None
    """Folder for copies of the files. Default: they stay in the storage alone."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic; bf16 is faster on GPUs and blurs small changes."""
    shard_size: Count | None = None
    """Variants per shard. Default: up to 256, by the length of the list."""
    batch_rows: Batch | None = None
    """Windows per forward pass, if memory is short. Default: found from their tokens. Other numbers
    change scores in their last digits, shards and actors do not."""

    def check(self) -> None:
        """Raise :class:`InputError` for options that exclude each other or are out of range."""
        if bool(self.data) == bool(self.saturate):
            raise InputError(
                "there is nothing to score"
                if not self.data
                else "--data and --saturate are given",
                remedy="Give variants with --data, or a region with --saturate.",
            )
        for name, given in (("--data", self.data), ("--saturate", self.saturate)):
            if len({*given}) < len(given):
                raise InputError(f"{name} names the same twice", remedy="Name it once.")
