"""What a table of scored words is made of; its key names the artefact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from dnasweep.config import PmiConfig, content_key, versions


@dataclass(frozen=True, kw_only=True)
class CountsSpec:
    """Counts of the words of a text: rows of a data set, or a whole genome."""

    kind: ClassVar[str] = "ngrams"

    k: int
    """Bases of the longest words."""
    dataset: str | None = None
    """Key of the data set whose training rows are counted; None: a genome."""
    species: tuple[str, ...] = ()
    """Species whose rows are counted; empty: every row."""
    positives_only: bool = True
    """Whether the positives alone are counted, or every training row."""
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
    """A table of scored words: made of counts, or given."""

    kind: ClassVar[str] = "pmi"

    counts: CountsSpec | None = None
    """What is counted; None where the table is given."""
    config: PmiConfig | None = None
    """How words are scored; None where the table is given."""
    table: str | None = None
    """Key of the table that is given."""

    @cached_property
    def key(self) -> str:
        """Key of the table."""
        if self.table is not None:
            return self.table
        assert self.counts is not None, "a table is given or made of counts"
        return content_key("pmi", versions.PMI, self.counts.key, self.config)
