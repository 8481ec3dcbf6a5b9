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
    """FASTA file of the genome, plain or compressed with bgzip or gzip."""
    data: tuple[str, ...] = ()
    """Variants: VCF, plain or bgzip; TSV with a header chrom, pos, ref, alt; MAF, ClinVar's variant_summary,
    or dbNSFP."""
    saturate: tuple[str, ...] = ()
    """Instead of --data: regions (chrom:first-last) of up to 5,000 bases in which every base is replaced by
    each of the other three; each region gets a heat map."""
    window: Count | None = None
    """Length of the window around a variant in bases. Default: the median length of the sequences that the
    classifier was trained on; if that is unknown, as long as the model can read, at most 1,000."""
    shifts: tuple[Shift, ...] = (-4, 4)
    """Offsets in bases of further windows along each strand, in addition to the centred one; scores are
    means over all windows."""
    language_model: str | None = None
    """Language model (masked or causal) for the log-likelihood ratio in addition to a classifier, such as the
    encoder that it was fine-tuned from; named like --model."""
    motifs: str | None = None
    """Motifs (MEME, JASPAR or HOMER file) to look for in both alleles."""
    motif_p: Between = 1e-4
    """Maximum p-value of a binding site."""
    backgrounds: Backgrounds | None = None
    """Number of dinucleotide-shuffled contexts per variant, for z and p; 0: neither is computed. p is
    empirical and at least 1 / (contexts + 1): use 999 for p-values down to 0.001. Default: 20; none for
    classes of bases and signals."""
    distance: Whole | None = None
    """For classes of bases and signals: number of bases on either side of a variant in which the largest
    change is sought. Default: all bases within its windows."""
    target: str | None = None
    """Class whose probability is compared. Default: the second, positive one of two classes; for classes of
    bases, signals and numbers, all."""
    threshold: NotNone | None = None
    """Minimum probability at which a window is called. Default: the model's threshold, or 0.5."""
    min_delta: Fraction = 0.1
    """Minimum change of the probability for a loss or a gain."""
    seed: Seed = 0
    """Seed of the shuffled contexts."""
    match_chromosomes: bool = False
    """Read 2R as chr2R if the genome calls it so."""
    skip_bad_rows: bool = False
    """Skip variants that cannot be scored and write them to a file beside the output, instead of
    stopping."""
    out: str | None = None
    """Folder for copies of the files. Default: they are only in the storage."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision; bf16 is faster on GPUs but less exact for small changes."""
    shard_size: Count | None = None
    """Variants per shard. Default: up to 256, depending on the length of the list."""
    batch_rows: Batch | None = None
    """Windows per forward pass; lower it if memory is short. Default: chosen by their number of tokens.
    Other numbers change the last digits of scores; shards and actors do not."""

    def check(self) -> None:
        """Raise :class:`InputError` for options that are incompatible or out of range."""
        if bool(self.data) == bool(self.saturate):
            raise InputError(
                "there is nothing to score"
                if not self.data
                else "both --data and --saturate are given",
                remedy="Give variants with --data, or a region with --saturate.",
            )
        for name, given in (("--data", self.data), ("--saturate", self.saturate)):
            if len({*given}) < len(given):
                raise InputError(f"{name} has the same value twice", remedy="Give it once.")
