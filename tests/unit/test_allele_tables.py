"""Published layouts of tables of variants, and the assembly that their rows refer to."""

from __future__ import annotations

from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.formats.assemblies import assembly_of
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.reference import open_genome
from dnasweep.formats.variant_files import Variants, read_variants
from dnasweep.genomics.variant_settings import VariantWindows
from dnasweep.genomics.variants import place_variants
from variant_toys import chromosome, write_genome

BASES = chromosome()
MAF = (
    "Hugo_Symbol NCBI_Build Chromosome Start_Position End_Position Strand Reference_Allele "
    "Tumor_Seq_Allele1 Tumor_Seq_Allele2 dbSNP_RS"
)
CLINVAR = (
    "#AlleleID Name Assembly Chromosome Start Stop ReferenceAllele AlternateAllele PositionVCF "
    "ReferenceAlleleVCF AlternateAlleleVCF"
)
DBNSFP = "#chr pos(1-based) ref alt aaref hg19_chr hg19_pos(1-based)"


def read(path: Path, *lines: str, assembly: str = "") -> Variants:
    path.write_text("".join("\t".join(line.split()) + "\n" for line in lines))
    return read_variants([path], assembly=assembly)


def columns(found: Variants) -> list[list[object]]:
    return found.table[["chrom", "pos", "ref", "alt"]].values.tolist()


def test_a_maf_has_insertions_after_their_start(tmp_path: Path) -> None:
    ref = BASES[19]
    found = read(
        tmp_path / "x.maf",
        "#version_2.4",
        MAF,
        f"X GRCh38 chr1 20 20 + {ref} {ref} {'ACGT'.replace(ref, '')[0]} rs1",
        f"X GRCh38 chr1 30 31 + - - {'GATT'} novel",
        f"X GRCh38 chr1 40 42 + {BASES[39:42]} {BASES[39:42]} - .",
        f"X GRCh38 chr1 50 50 - {BASES[49]} {BASES[49]} N .",
        "X GRCh38 chr1 60 60 + - - GATT .",
    )
    assert [(fault.row, fault.reason.split(",")[0]) for fault in found.rejects] == [
        (6, "the strand is -"),
        (7, "the positions of the insertion are not those of the bases before and after it"),
    ]
    assert found.notes == ["x.maf: read as MAF, with the positions in start_position, of GRCh38"]
    genome = write_genome(tmp_path / "g.fa", chr1=BASES)
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome)
        placed = place_variants(found.table, fasta, contigs, VariantWindows(window=60))
    assert not placed.rejects
    changed = [
        BASES[: row.pos - 1] + row.alt + BASES[row.pos - 1 + len(row.ref) :]
        for row in placed.table.itertuples()
    ]
    assert changed[1] == BASES[:30] + "GATT" + BASES[30:]
    assert changed[2] == BASES[:39] + BASES[42:]
    assert placed.table["given_pos"].tolist() == [20, 30, 40]


def clinvar(assembly: str, pos: int) -> str:
    return f"1 n {assembly} 1 5 5 na na {pos} A C"


def test_clinvar_is_read_for_the_assembly_of_the_genome(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    lines = CLINVAR, clinvar("GRCh37", 10), clinvar("GRCh38", 20), clinvar("na", -1)
    for assembly, pos, other in (("GRCh37", 10, "GRCh38"), ("GRCh38", 20, "GRCh37")):
        found = read(path, *lines, assembly=assembly)
        assert columns(found) == [["1", pos, "A", "C"]]
        assert [fault.row for fault in found.rejects] == [4]
        assert f"1 rows of {other} are not read" in found.notes[-1]
    with pytest.raises(
        InputError, match="row 3: the row is of GRCh38, and earlier ones of GRCh37"
    ):
        read(path, *lines)
    assert columns(read(path, CLINVAR, clinvar("GRCh37", 10))) == [["1", 10, "A", "C"]]
    with pytest.raises(InputError, match="the rows are of GRCh37, but the genome has"):
        read(path, CLINVAR, clinvar("GRCh37", 10), assembly="GRCh38")


def test_dbnsfp_has_positions_in_two_assemblies(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    row = "1 100 A C M 1 90"
    for assembly, pos in (("", 100), ("GRCh38", 100), ("GRCh37", 90)):
        found = read(path, DBNSFP, row, assembly=assembly)
        assert columns(found) == [["1", pos, "A", "C"]]
        name, column = ("GRCh37", "hg19_pos") if pos == 90 else ("GRCh38", "pos")
        assert found.notes == [
            f"x.tsv: read as dbNSFP, with the positions in {column}(1-based), of {name}"
        ]
    found = read(path, DBNSFP.rsplit(maxsplit=2)[0], row.rsplit(maxsplit=2)[0], assembly="GRCh37")
    assert [fault.reason for fault in found.rejects] == [
        "the row is of GRCh38, but the genome has the chromosomes of GRCh37"
    ]


def test_a_column_of_whole_variants_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    cells = ("chr1_13550_G_A_b38", "1-100-A-AT", "X:5:a:c", "chr2:7:A>C", "1_100_A_B", "rs12")
    found = read(path, "gene variant_id", *(f"g {cell}" for cell in cells))
    assert columns(found) == [
        ["chr1", 13550, "G", "A"],
        ["1", 100, "A", "AT"],
        ["X", 5, "A", "C"],
        ["chr2", 7, "A", "C"],
    ]
    assert [fault.row for fault in found.rejects] == [6, 7]
    assert found.notes == ["x.tsv: variants are read from variant_id, REF before ALT"]
    found = read(path, "variant", "chr1_5_G_A_b37", assembly="GRCh38")
    assert "the row is of GRCh37" in found.rejects[0].reason
    rows = "chr1_5_G_A rs7 GRCh37", "chr1_6_G_A rs8 GRCh38"
    found = read(path, "variant rsid genome_build", *rows, assembly="GRCh38")
    assert found.table["id"].tolist() == ["rs8"]
    assert "the row is of GRCh37" in found.rejects[0].reason


def test_variants_that_may_count_from_zero_are_rejected(tmp_path: Path) -> None:
    cells = "NC_000001.11:12344:A:G", "NC_000001.11-12345-A-G"
    found = read(tmp_path / "x.tsv", "variant_id", *cells)
    assert columns(found) == [["NC_000001.11", 12345, "A", "G"]]
    (fault,) = found.rejects
    assert fault.row == 2
    assert "may be SPDI, whose positions count from 0" in fault.reason
    assert "pos counts from 1" in fault.remedy


def test_two_columns_of_one_meaning_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two columns for ref.*Keep one of ref, reference\."):
        read(tmp_path / "x.tsv", "chrom pos ref alt reference", "1 5 A C A")


def test_rows_of_another_assembly_than_the_genome_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    header = "chrom pos ref alt assembly"
    found = read(path, header, "1 5 A C hg19", "1 6 A C GRCh38.p13", assembly="GRCh38")
    assert columns(found) == [["1", 6, "A", "C"]]
    assert [fault.row for fault in found.rejects] == [2]
    assert found.rejects[0].remedy.startswith(
        "If assembly is wrong, leave this column out: REF is"
    )
    with pytest.raises(InputError, match="Keep only the rows of the assembly of the genome"):
        read(path, header, "1 5 A C mm9", "1 6 A C mm10")


def test_commas_between_thousands_are_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    found = read(path, "chrom pos ref alt", "1 1,234,567 A C", "1 1,5 A C")
    assert columns(found) == [["1", 1234567, "A", "C"]]
    assert [fault.row for fault in found.rejects] == [3]
    assert found.notes == ["x.tsv: commas in positions separate thousands"]


@pytest.mark.parametrize("name", ["GRCh37-lite", "hg19(GRCh37)", "NCBI Build 37", "hg 19", "37.1"])
def test_spellings_of_an_assembly_are_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"chrom,pos,ref,alt,NCBI_Build\n1,5,A,C,{name}\n")
    assert read_variants([path], assembly="GRCh37").rejects == []
    assert [r.row for r in read_variants([path], assembly="GRCh38").rejects] == [2]


def test_lengths_of_chromosomes_tell_the_assembly() -> None:
    assert assembly_of({"1": 249250621, "MT": 16569, "GL000207.1": 4262}) == "GRCh37"
    assert assembly_of({"NC_000001.11": 248956422, "chrX": 156040895}) == "GRCh38"
    assert assembly_of({"chr1": 249250621, "chr2": 242193529}) == ""
    assert assembly_of({}) == ""


ROWS = ("chr1 5 A G", "chr1 9 C T")


@pytest.mark.parametrize("sign", ["\t", ",", ";", " ", "   "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_cells_and_lines_may_be_separated_in_any_usual_way(
    tmp_path: Path, sign: str, end: str
) -> None:
    path = tmp_path / "v.txt"
    text = end.join(["chrom pos ref alt", *ROWS, ""]).replace(" ", sign)
    path.write_bytes(text.encode())
    table = read_variants([path]).table
    assert table["pos"].tolist() == [5, 9]
    assert table["alt"].tolist() == ["G", "T"]


def test_positions_with_decimals_of_zero_and_alleles_with_spaces(tmp_path: Path) -> None:
    path = tmp_path / "v.tsv"
    path.write_text("chrom\tpos\tref\talt\nchr1\t5.0\tA\tC, G\nchr1\t6.5\tA\tC\nchr1\t7\tA\tC/G\n")
    found = read_variants([path])
    assert found.table[["pos", "alt"]].to_numpy().tolist() == [[5, "C"], [5, "G"]]
    assert "'6.5' is not a whole number" in found.rejects[0].reason
    assert found.rejects[1].remedy == "Separate alternative alleles by commas."


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        ("chr1\t5\tA\tC\n", "there is no header: row 1 is already a variant", "Add a first line"),
        ("1\trs1\t0\t5\tA\tC\n", "there is no header", "pos counts from 1"),
        ("rsid\nrs1\n", "names of variants are not looked up: found rsid", "Convert them to VCF"),
        ("rs1\nrs2\n", "names of variants are not looked up", "assembly of the genome"),
        ("HGVSg\nchr1:g.5A>C\n", "variants in HGVS are not read", "Ensembl's VEP"),
        ("NC_000001.11:g.5A>C\n", "variants in HGVS are not read", "Ensembl's VEP"),
        ("chrom\tstart\tend\tref\talt\n", "no column for pos: found chrom, start", "add 1 to it"),
        ('[{"chrom": "chr1"}]', "is JSON", "columns chrom, pos, ref and alt"),
        ("CHR\tBP\tA1\tA2\n", "no column for pos: found chr, bp, a1, a2", "a header such as"),
    ],
)
def test_what_is_no_table_of_variants_says_what_it_is(
    tmp_path: Path, text: str, reason: str, remedy: str
) -> None:
    path = tmp_path / "v.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=reason) as refused:
        read_variants([path])
    assert remedy in (refused.value.remedy or "")
