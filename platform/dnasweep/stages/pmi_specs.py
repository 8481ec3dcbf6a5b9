"""Specifications of k-mer counts and of PMI tables, and their content keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from dnasweep.config import PmiConfig, content_key, versions


@dataclass(frozen=True, kw_only=True)
class CountsSpec:
    """Counts of k-mers in rows of a data set, or in a whole genome."""

    kind: ClassVar[str] = "ngrams"

    k: int
    """Bases of the longest k-mers."""
    dataset: str | None = None
    """Key of the data set whose training rows are counted; None: a genome."""
    species: tuple[str, ...] = ()
    """Species whose rows are counted; empty: all rows."""
    positives_only: bool = True
    """Whether only positives are counted, or every training row."""
    held_out: str | None = None
    """Key of a data set whose validation and test rows are left out."""
    genome: str | None = None
    """SHA-256 of the FASTA file that is counted."""
    soft_masked: bool = True
    """Whether lower-case bases of a genome count."""

    @cached_property
    def key(self) -> str:
        """Key of the counts."""
        rows = (self.dataset, sorted(self.species), self.positives_only, self.held_out)
        source = rows if self.dataset else (self.genome, self.soft_masked)
        return content_key("ngrams", versions.PMI, self.k, source)


@dataclass(frozen=True, kw_only=True)
class PmiSpec:
    """A table of k-mers with PMI scores: made from counts, or given."""

    kind: ClassVar[str] = "pmi"

    counts: CountsSpec | None = None
    """What is counted; None if the table is given."""
    config: PmiConfig | None = None
    """How k-mers are scored; None if the table is given."""
    table: str | None = None
    """Key of a given table."""

    @cached_property
    def key(self) -> str:
        """Key of the table."""
        if self.table is not None:
            return self.table
        assert self.counts is not None, "a table is given or made of counts"
        return content_key("pmi", versions.PMI, self.counts.key, self.config)
