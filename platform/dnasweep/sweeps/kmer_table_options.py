"""Options of the ranking of k-mers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dnasweep.config import PmiVariant
from dnasweep.config.keys import require
from dnasweep.config.ranges import Count, Range
from dnasweep.formats.paths import user_path
from dnasweep.sweeps.data_options import DataOptions

KmerLength = Annotated[int, Range(3, 6)]
OUTPUTS = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, kw_only=True)
class KmerTableOptions(DataOptions):
    """Options of the ranking of k-mers."""

    genome: str | None = None
    """Genome FASTA, plain or gzipped. Without --data the whole genome is counted; with --data it is the genome
    that coordinates refer to. With neither, the training rows of the built-in data are counted."""
    k: KmerLength = 6
    """Length of the k-mers to be masked, 3 to 6."""
    pmi: PmiVariant = "published"
    """How k-mers are scored: GeneMask's published ranking, pmi_n (minimum over all cuts), bouma or
    naive."""
    pmi_min_count: Count = 10
    """K-mers that occur fewer times get no score."""
    both_strands: bool = False
    """Also count the reverse strand."""
    soft_masked: Literal["count", "skip"] = "count"
    """Count lower-case bases of genomes, or skip them as repeats."""
    species_set: str = "all"
    """Species set whose rows are counted."""
    pretrain_on: Literal["positives", "all"] = "positives"
    """Count the training rows of the positive class, or all of them."""
    out: str | None = None
    """Also write the ranked table to this file: .csv, .tsv, either with .gz, or .parquet."""
    storage: str = "runs"
    """Storage root."""
    address: str | None = None
    """Ray cluster to join, `auto` or HOST:PORT. Default: RAY_ADDRESS, else this machine alone."""
    preflight: bool = True
    """Check every node of a cluster first, as `dnasweep doctor` does, and stop if one is not
    ready."""
    dry_run: bool = False
    """Print what would be counted without counting it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.counts_genome or self.soft_masked == "count",
            "soft_masked",
            self.soft_masked,
            "Rows have no lower case to skip; count a genome with --genome, without --data.",
        )
        if self.out is not None:
            require(
                self.out.endswith(OUTPUTS), "out", self.out, f"End it in {', '.join(OUTPUTS)}."
            )
            parent = user_path(self.out).absolute().parent
            require(parent.is_dir(), "out", self.out, f"Make the folder {parent} first.")

    @property
    def counts_genome(self) -> bool:
        """Whether the genome itself is counted instead of the rows of a data set."""
        return bool(self.genome) and not (
            self.data or self.positives or self.negatives or self.sequences
        )
