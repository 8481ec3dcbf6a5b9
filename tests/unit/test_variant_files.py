"""Variants read from VCF and TSV, and why some cannot be."""

from __future__ import annotations

import gzip
from pathlib import Path

import pysam
import pytest
from dnasweep.errors import InputError
from dnasweep.genome.contigs import Contigs
from dnasweep.genome.reference import open_genome
from dnasweep.genome.variant_files import read_variants
from dnasweep.genome.variants import Frame, Region, place_variants, saturate
from variant_toys import chromosome, write_genome, write_vcf

LINES = (
    "chr1 10 rs1 A C . . AF=0.1",
    "chr1 20 . A C,<DEL>,*,G . . .",
    "chr1 0 . A C . . .",
    "chr1 30 . A . . . .",
    "chr1 40 . AN A . . .",
    "chr1 50 . a g . . .",
    "chr1 60 . A A . . .",
    "chr1 70 . G G]chr2:5] . . .",
    "chr1 x",
)


def test_every_allele_is_read_or_rejected_with_its_line(tmp_path: Path) -> None:
    found = read_variants([write_vcf(tmp_path / "x.vcf", LINES)])
    assert found.table[["row", "allele", "id", "pos", "ref", "alt"]].values.tolist() == [
        [5, 1, "rs1", 10, "A", "C"],
        [6, 1, "", 20, "A", "C"],
        [6, 4, "", 20, "A", "G"],
        [10, 1, "", 50, "A", "G"],
    ]
    assert [(fault.row, fault.reason.split()[0]) for fault in found.faults] == [
        (6, "the"), (6, "the"), (7, "the"), (8, "there"), (9, "REF"), (11, "REF"), (12, "the"), (13, "the"),
    ]  # fmt: skip
    assert "symbolic" in found.faults[0].reason
    assert "columns" in found.faults[-1].reason


@pytest.mark.parametrize("pack", ["gzip", "bgzip"])
def test_packed_files_read_as_plain_ones(tmp_path: Path, pack: str) -> None:
    plain = write_vcf(tmp_path / "x.vcf", LINES)
    packed = tmp_path / "x.vcf.gz"
    if pack == "gzip":
        packed.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        pysam.tabix_compress(str(plain), str(packed))
    ours, theirs = (read_variants([path]).table.drop(columns="file") for path in (plain, packed))
    assert ours.equals(theirs)


def test_a_table_names_its_columns_as_it_likes(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text(
        "Chromosome\tPosition\tRef\tAlt\tEffect\n2\t5\tA\t-\t1\n2\t6\tC\tT\t2\n2\t7\t-\tT\t0\n2\t8\n"
    )
    found = read_variants([path])
    assert found.table[["row", "chrom", "pos", "ref", "alt"]].values.tolist() == [
        [2, "2", 5, "A", ""],
        [3, "2", 6, "C", "T"],
    ]
    assert [fault.row for fault in found.faults] == [4, 5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chr1\t5\tx\tA\tC\n", "no column for"),
        ("##fileformat=VCFv4.2\nchr1\t5\tx\tA\tC\n", "before the line #CHROM"),
        ("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n", "no variant"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        read_variants([path])
    assert caught.value.file == str(path)


def test_variants_off_the_genome_are_rejected_and_the_rest_is_normalised(tmp_path: Path) -> None:
    bases = chromosome()
    bases = bases[:300] + "N" * 60 + bases[360:]
    genome = write_genome(tmp_path / "g.fa", chr1=bases)
    other = "C" if bases[9] != "C" else "A"
    lines = [
        f"chr1 10 ok {bases[9]} {other} . . .",
        f"chr1 10 wrong {other} {bases[9]} . . .",
        "chr1 401 out A C . . .",
        "1 10 prefix A C . . .",
        "chrX 10 nowhere A C . . .",
        f"chr1 110 moved {bases[109:111]} A . . .",
        f"chr1 299 dark {bases[298]} {'C' if bases[298] != 'C' else 'A'} . . .",
        f"chr1 150 long {bases[149:190]} {bases[149]} . . .",
    ]
    read = read_variants([write_vcf(tmp_path / "x.vcf", lines)])
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome)
        placed = place_variants(read.table, fasta, contigs, Frame(window=61))
    assert placed.table["id"].tolist() == ["ok", "moved"]
    moved = placed.table.iloc[1]
    assert (moved.pos, moved.given_pos) == (bases.index("A" * 12), 110)
    assert len(placed.table) + len(placed.faults) == len(lines)
    reasons = " ".join(fault.reason for fault in placed.faults)
    for says in (
        "the genome has",
        "reach over the end",
        "is called 'chr1'",
        "is not in the genome",
        "are unknown",
        "does not fit",
    ):
        assert says in reasons
    assert "--match-chromosomes" in placed.faults[2].remedy


def test_a_saturated_region_has_one_window_and_a_longer_one_many(tmp_path: Path) -> None:
    genome = write_genome(tmp_path / "g.fa", chr1=chromosome())
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome)
        short = saturate(Region.parse("chr1:101-140", contigs), fasta, contigs, Frame(window=61))
        long = saturate(Region.parse("chr1:101-240", contigs), fasta, contigs, Frame(window=61))
        with pytest.raises(InputError, match="is not on chr1"):
            Region.parse("chr1:390-401", contigs)
    assert len(short) == 120
    assert short["context"].nunique() == 1
    assert long["lead"].unique().tolist() == [30]
    assert short["pos"].tolist() == [101 + i // 3 for i in range(120)]
