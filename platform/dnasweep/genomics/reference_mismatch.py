"""Why the reference alleles of variants differ from the genome: how the rows may have been meant."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyfaidx

from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.chromosomes import Contigs

_FEWEST = 2
"""Number of rows from which they are explained: one substitution in four fits any explanation by chance."""
_NEXT_BASE = "In all of them REF is found one base further, so the positions seem to count from 0. Add 1 to them."
_EXCHANGED = (
    "In all of them the genome has ALT, so the two alleles seem to be exchanged. Exchange them."
)
_OTHER_STRAND = (
    "In all of them the genome has the reverse complement of REF, so the alleles seem to be those of the "
    "reverse strand. Give those of the forward strand."
)


def mismatch_remedy(rows: pd.DataFrame, fasta: pyfaidx.Fasta, contigs: Contigs) -> str:
    """Return what to do about variants whose REF differs from the genome; "" if nothing explains them all.

    Parameters
    ----------
    rows
        The variants: `chrom`, `pos` (from 1), `ref` and `alt`.
    fasta
        The open genome.
    contigs
        Records of the genome.
    """
    known = contigs.names(rows["chrom"].unique())
    rows = rows[rows["chrom"].isin(list(known)) & (rows["ref"] != "")]
    if len(rows) < _FEWEST:
        return ""
    fits = {_EXCHANGED: True, _NEXT_BASE: True, _OTHER_STRAND: True}
    row: Any
    for row in rows.itertuples(index=False):
        record, start, width = fasta[known[row.chrom]], row.pos - 1, len(row.ref)
        found = str(record[start : start + width])
        fits[_NEXT_BASE] &= str(record[start + 1 : start + 1 + width]) == row.ref
        fits[_OTHER_STRAND] &= found == reverse_complement(row.ref)
        fits[_EXCHANGED] &= row.alt != "" and str(record[start : start + len(row.alt)]) == row.alt
        if not any(fits.values()):
            return ""
    return next(remedy for remedy, fit in fits.items() if fit)
