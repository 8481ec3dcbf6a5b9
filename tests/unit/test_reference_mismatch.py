"""Variants whose REF differs from the genome: what the message says that they may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.reference_mismatch import mismatch_remedy

GENOME = "ACGGTTCATCGATTGCAACCGTAGCTAAGT"
"""No base that is tested equals the next one."""
AT = (1, 5, 11, 20)
Row = tuple[str, int, str, str]


def row(at: int) -> Row:
    ref = GENOME[at : at + 1]
    return "chr1", at + 1, ref, {"A": "G", "C": "T", "G": "A", "T": "C"}[ref]


MEANT: dict[str, tuple[Callable[[Row], Row], str]] = {
    "counted from 0": (lambda r: (r[0], r[1] - 1, r[2], r[3]), "count from 0. Add 1"),
    "exchanged": (lambda r: (r[0], r[1], r[3], r[2]), "the genome has ALT"),
    "of the other strand": (
        lambda r: (r[0], r[1], *map(reverse_complement, r[2:])), "those of the reverse strand"
    ),
    "of another genome": (lambda r: (r[0], r[1] + (r[1] > 9), *r[2:]), ""),
}  # fmt: skip


def remedy(tmp_path: Path, rows: list[Row]) -> str:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{GENOME}\n")
    table = pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt"])
    with open_genome(path) as fasta:
        return mismatch_remedy(table, fasta, Contigs.of(fasta, path))


@pytest.mark.parametrize("meant", MEANT)
def test_what_explains_all_rows_is_said(tmp_path: Path, meant: str) -> None:
    change, said = MEANT[meant]
    found = remedy(tmp_path, [change(row(at)) for at in AT])
    assert (said in found) if said else not found


def test_what_explains_one_row_alone_may_be_chance(tmp_path: Path) -> None:
    assert remedy(tmp_path, [MEANT["counted from 0"][0](row(5))]) == ""
    assert remedy(tmp_path, []) == ""
    elsewhere = [("chrX", 5, "A", "C"), ("chr1", 4_000, "A", "C")]
    assert remedy(tmp_path, elsewhere) == ""
