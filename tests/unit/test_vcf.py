"""Variants read from VCF and TSV, and why some cannot be."""

from __future__ import annotations

import gzip
from pathlib import Path

import pysam
import pytest
from dnasweep.errors import InputError
from dnasweep.formats.annotated_vcf import write_annotated
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.reference import open_genome
from dnasweep.formats.rejects import write_rejects
from dnasweep.formats.variant_files import check_contigs, read_variants
from dnasweep.genomics.variant_settings import VariantWindows
from dnasweep.genomics.variants import Region, place_variants, saturate
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
    assert [(fault.row, fault.reason.split()[0]) for fault in found.rejects] == [
        (6, "the"), (6, "the"), (7, "the"), (8, "there"), (9, "REF"), (11, "REF"), (12, "the"), (13, "the"),
    ]  # fmt: skip
    assert "symbolic" in found.rejects[0].reason
    assert "columns" in found.rejects[-1].reason


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
    assert [fault.row for fault in found.rejects] == [4, 5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chr1\t5\tx\tA\tC\n", "there is no header"),
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


VCF = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
TABLE = "chrom\tpos\tref\talt\nchr1\t500\tG\tA\nchr1\t750\tC\tTA\n"
WRITTEN = {
    "tsv": TABLE.encode(),
    "a mark of UTF-8": b"\xef\xbb\xbf" + TABLE.encode(),
    "UTF-16": TABLE.encode("utf-16"),
    "commas": TABLE.replace("\t", ",").encode(),
    "semicolons": TABLE.replace("\t", ";").encode(),
    "quoted": "".join(
        ",".join(f'"{cell}"' for cell in line.split("\t")) + "\r\n" for line in TABLE.splitlines()
    ).encode(),
    "a mark, semicolons and quotes": b"\xef\xbb\xbf"
    + TABLE.replace("\t", '";"').replace("\n", '"\n"').join('""').removesuffix('""').encode(),
    "empty cells at the end": TABLE.replace("\n", "\t\t\n").replace("alt\t\t", "alt").encode(),
    "a column with commas, quoted": b"chrom,pos,ref,alt,note\n"
    b'chr1,500,G,A,"a, ""b"""\nchr1,750,C,TA,x\n',
    "Latin-1 in a note": b"chrom\tpos\tref\talt\tnote\nchr1\t500\tG\tA\tSj\xf6gren\n"
    b"chr1\t750\tC\tTA\t.\n",
    "comments before the header": b"## made by hand\n##\n\n" + TABLE.encode(),
    "comments between rows": TABLE.replace("alt\n", "alt\n# the good ones\n").encode(),
    "a header with #": b"#" + TABLE.encode(),
    "vcf": (VCF + "chr1\t500\t.\tG\tA\t.\t.\t.\nchr1\t750\t.\tC\tTA\t.\t.\t.\n").encode(),
    "vcf with a mark": (
        "\ufeff" + VCF + "chr1\t500\t.\tG\tA\t.\t.\t.\nchr1\t750\t.\tC\tTA\t.\t.\t.\n"
    ).encode(),
    "vcf with Latin-1": (
        VCF + "chr1\t500\t.\tG\tA\t.\t.\tCLN=Sj\xf6gren\nchr1\t750\t.\tC\tTA\t.\t.\t.\n"
    ).encode("latin-1"),
    "vcf of five columns": b"#CHROM\tPOS\tID\tREF\tALT\nchr1\t500\t.\tG\tA\nchr1\t750\t.\tC\tTA\n",
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_table_of_variants_is_read_however_it_was_saved(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(WRITTEN[form])
    found = read_variants([path])
    assert found.table[["chrom", "pos", "ref", "alt"]].values.tolist() == [
        ["chr1", 500, "G", "A"],
        ["chr1", 750, "C", "TA"],
    ]
    assert not found.rejects


def test_a_header_of_another_assembly_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.vcf"
    contigs = Contigs(genome="g.fa", lengths={"chr1": 400, "chr2": 90}, match=True)
    head = "##contig=<ID=1,assembly=b37,length=500>\n##contig=<length=90,ID=chr2>\n"
    path.write_text(head + VCF)
    check_contigs(path, contigs, ["chr2", "chr3"])
    with pytest.raises(InputError, match="row 1: the header says that 1 has 500 bases") as caught:
        check_contigs(path, contigs, ["1"])
    assert "in the genome it has 400" in caught.value.reason
    path.write_text(head.replace("500", "400") + VCF)
    check_contigs(path, contigs, ["1", "chr2"])


def test_a_file_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "x.vcf", LINES)
    with pytest.raises(InputError, match="the file is given twice"):
        read_variants([path, str(path)])


def test_each_score_has_an_info_field_of_its_own(tmp_path: Path) -> None:
    source = write_vcf(tmp_path / "x.vcf", ["chr1 10 rs1 A C . . ."])
    names = ("gain_a b", "gain_a-b", "fold\nchange")
    write_annotated(
        source,
        tmp_path / "y.vcf.gz",
        [{"row": 5, "allele": 1, **dict(zip(names, (0.25, 0.5, 2.0), strict=True))}],
        fields={name: ("Float", name) for name in names},
        contigs={"chr1": 400},
        about="x",
    )
    with pysam.VariantFile(str(tmp_path / "y.vcf.gz")) as file:
        (record,) = file
        info = {name: record.info[name] for name in record.info}
    assert info == {
        "DNASWEEP_gain_a_b": (0.25,),
        "DNASWEEP_gain_a_b_": (0.5,),
        "DNASWEEP_fold_change": (2.0,),
    }


def test_names_that_are_not_utf8_are_read_as_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "x.vcf"
    path.write_bytes(
        (VCF + "chr1\t5\tvår\tA\tC\t.\t.\t.\nchrö\t6\t.\tA\té\t.\t.\t.\n").encode("latin-1")
    )
    found = read_variants([path])
    assert found.table["id"].tolist() == ["vår"]
    (fault,) = found.rejects
    assert "é" in fault.reason
    write_rejects(found.rejects, tmp_path / "rejects.tsv")
    assert "chrö" in (tmp_path / "rejects.tsv").read_text()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("chr1\t500\trs1\tG\tA", "5 columns, but a VCF has at least 8"),
        ("chr1\t٥\t.\tG\tA\t.\t.\t.", "not a whole number"),
        ("chr1\t" + "9" * 5000 + "\t.\tG\tA\t.\t.\t.", "not a whole number"),
        ("chr1\t5.0\t.\tG\tA\t.\t.\t.", "not a whole number"),
    ],
)
def test_a_damaged_line_of_a_vcf_is_a_fault(tmp_path: Path, row: str, says: str) -> None:
    path = tmp_path / "x.vcf"
    path.write_text(VCF + row + "\n")
    found = read_variants([path])
    assert not len(found.table)
    assert [(fault.row, says in fault.reason) for fault in found.rejects] == [(3, True)]


@pytest.mark.parametrize(
    ("text", "row", "says"),
    [
        ("##fileformat=VCFv4.2\n#Uploaded\tLocation\tAllele\n", 2, "the header is '#Uploaded"),
        (VCF.replace("\t", " ") + "chr1 5 . A C . . .\n", 2, "the header is '#CHROM POS"),
        ("## VEP\n#Uploaded_variation\tLocation\tAllele\n1\t5\tA\n", 2, "no column for chrom"),
        ("chrom\tpos\tref\talt\n\0\1\2\n", 2, "is not text"),
        ("chrom,pos,ref,alt,chr\n1,2,A,C,1\n", 1, "two columns for chrom"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_row(
    tmp_path: Path, text: str, row: int, says: str
) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        read_variants([path])
    assert caught.value.row == row
    assert caught.value.remedy


def test_a_quotation_mark_that_is_not_closed_is_a_fault_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('chrom,pos,ref,alt\nchr1,5,"A,C\nchr1,6,A,C\n')
    found = read_variants([path])
    assert found.table["pos"].tolist() == [6]
    assert [(fault.row, "not closed" in fault.reason) for fault in found.rejects] == [(2, True)]


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
        placed = place_variants(read.table, fasta, contigs, VariantWindows(window=61))
    assert placed.table["id"].tolist() == ["ok", "moved"]
    moved = placed.table.iloc[1]
    assert (moved.pos, moved.given_pos) == (bases.index("A" * 12), 110)
    assert len(placed.table) + len(placed.rejects) == len(lines)
    reasons = " ".join(fault.reason for fault in placed.rejects)
    for says in (
        "the genome has",
        "extend beyond the end",
        "is called 'chr1'",
        "is not in the genome",
        "are unknown",
        "does not fit",
    ):
        assert says in reasons
    assert "--match-chromosomes" in placed.rejects[2].remedy


def test_a_saturated_region_has_one_window_and_a_longer_one_many(tmp_path: Path) -> None:
    genome = write_genome(tmp_path / "g.fa", chr1=chromosome())
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome)
        short = saturate(
            Region.parse("chr1:101-140", contigs), fasta, contigs, VariantWindows(window=61)
        )
        long = saturate(
            Region.parse("chr1:101-240", contigs), fasta, contigs, VariantWindows(window=61)
        )
        with pytest.raises(InputError, match="is not on chr1"):
            Region.parse("chr1:390-401", contigs)
    assert len(short) == 120
    assert short["context"].nunique() == 1
    assert long["lead"].unique().tolist() == [30]
    assert short["pos"].tolist() == [101 + i // 3 for i in range(120)]
