"""Places on a genome as files of this field give them: to the base, on the strand that is meant."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from dnasweep.data.reading import read_rows
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.intervals import read_bed

random.seed(11)
GENOME = "".join(random.choices("ACGT", k=2000))
PLACES = [(100, 150, "+"), (300, 350, "-"), (520, 570, "+"), (900, 950, "-")]
DNA = [
    reverse_complement(GENOME[start:end]) if strand == "-" else GENOME[start:end]
    for start, end, strand in PLACES
]
FORWARD = [GENOME[start:end] for start, end, _ in PLACES]
CONTIGS = Contigs(genome="genome.fa", lengths={"chr1": len(GENOME)})


def write(path: Path, row: Callable[[int, int, str], Sequence[object]], sign: str = "\t") -> Path:
    """Write a row of each place, below what the file holds already."""
    lines = [sign.join(map(str, row(*place))) + "\n" for place in PLACES]
    path.write_text((path.read_text() if path.exists() else "") + "".join(lines))
    (path.parent / "genome.fa").write_text(f">chr1\n{GENOME}\n")
    return path


def cut(path: Path, *, as_positives: bool = True) -> tuple[list[str], tuple[str, ...]]:
    genome = path.parent / "genome.fa"
    given = {"positives": path} if as_positives else {"paths": path}
    reading = read_rows(genome=genome, **given)  # type: ignore[arg-type]
    return reading.table["sequence"].tolist(), reading.notes


STRANDED: dict[str, Callable[[int, int, str], Sequence[object]]] = {
    "fourth": lambda a, b, s: ("chr1", a, b, s),
    "fourth, and a number": lambda a, b, s: ("chr1", a, b, s, 0.5 * a),
    "fourth, a name and a number": lambda a, b, s: ("chr1", a, b, s, f"g{a}", 0),
    "fifth": lambda a, b, s: ("chr1", a, b, f"g{a}", s),
    "sixth": lambda a, b, s: ("chr1", a, b, f"g{a}", 0, s),
    "sixth as numbers": lambda a, b, s: ("chr1", a, b, f"g{a}", 0, f"{s}1"),
    "seventh": lambda a, b, s: ("chr1", a, b, f"g{a}", 0.5 * a, 0.1 * a, s),
    "in quotes": lambda a, b, s: ('"chr1"', a, b, f'"g{a}"', 0, f'"{s}"'),
}


@pytest.mark.parametrize("column", STRANDED)
def test_the_strand_of_bed_is_the_column_that_holds_strands(tmp_path: Path, column: str) -> None:
    path = write(tmp_path / "x.bed", STRANDED[column])
    assert cut(path)[0] == DNA
    if "quotes" not in column:
        frame, _ = read_bed(path, CONTIGS)
        assert list(zip(frame["start"], frame["end"], frame["strand"], strict=True)) == PLACES


def test_a_strand_in_an_unusual_column_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "x.bed", STRANDED["fifth"])
    assert any("the strands are column 5" in note for note in cut(path)[1])


def test_several_tracks_in_a_file_are_said(tmp_path: Path) -> None:
    path = tmp_path / "x.bed"
    for number in (1, 2):
        path.write_text((path.read_text() if path.exists() else "") + f"track name=t{number}\n")
        write(path, lambda a, b, s: ("chr1", a, b, "x", 0, s))
        said = any("its 2 tracks are read as one" in note for note in cut(path)[1])
        assert said == (number == 2)


def test_a_dot_in_the_sixth_column_is_no_strand_whatever_else_looks_like_one(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "x.bed", lambda a, b, s: ("chr1", a, b, f"g{a}", 0, ".", s))
    assert cut(path)[0] == FORWARD


def test_two_columns_of_strands_are_a_question(tmp_path: Path) -> None:
    path = write(tmp_path / "x.bed", lambda a, b, s: ("chr1", a, b, s, s))
    with pytest.raises(InputError, match="columns 4 and 5 both contain strands") as caught:
        cut(path)
    assert "chrom, start, end, strand" in (caught.value.remedy or "")
    path.write_text("#chrom\tstart\tend\tlabel\tstrand\n")
    assert cut(write(path, lambda a, b, s: ("chr1", a, b, s, s)))[0] == DNA


@pytest.mark.parametrize("sign", [",", ";", " ", "\t"])
def test_what_parts_the_cells_of_bed(tmp_path: Path, sign: str) -> None:
    path = write(tmp_path / "x.bed", STRANDED["sixth"], sign)
    assert cut(path)[0] == DNA


@pytest.mark.parametrize(
    "header", ["#Chrom\tStart\tEnd\tName\tScore\tStrand", "Chr\tStart\tEnd\tName\tScore\tSTRAND"]
)
def test_a_header_of_regions_in_any_case(tmp_path: Path, header: str) -> None:
    path = tmp_path / "x.bed"
    path.write_text(header + "\n")
    frame, _ = read_bed(write(path, STRANDED["sixth"]), CONTIGS)
    assert frame["strand"].tolist() == [strand for *_, strand in PLACES]
    assert frame["id"].tolist() == [f"g{start}" for start, *_ in PLACES]


@pytest.mark.parametrize("position", [3, 7])
def test_a_header_of_regions_says_where_the_strand_is(tmp_path: Path, position: int) -> None:
    names = ["chrom", "start", "end", "a", "b", "c", "d", "e"]
    names[position] = "strand"
    path = tmp_path / "x.bed"
    path.write_text("#" + "\t".join(names) + "\n")
    write(
        path,
        lambda a, b, s: ["chr1", a, b, *(s if i == position else i for i in range(3, 8))],
    )
    assert read_bed(path, CONTIGS)[0]["strand"].tolist() == [strand for *_, strand in PLACES]
    assert cut(path)[0] == DNA


@pytest.mark.parametrize("forward", [0, 1])
@pytest.mark.parametrize("name", ["x.bed", "x.tsv"])
def test_strands_of_0_and_1_are_a_question(tmp_path: Path, name: str, forward: int) -> None:
    path = tmp_path / name
    if name == "x.tsv":
        path.write_text("chrom\tstart\tend\tname\tscore\tstrand\n")
    write(path, lambda a, b, s: ("chr1", a, b, f"g{a}", 0, forward if s == "+" else 1 - forward))
    with pytest.raises(InputError, match="strands are 0 and 1") as caught:
        cut(path)
    assert caught.value.row
    assert "Write + and -" in (caught.value.remedy or "")
    assert "--skip-bad-rows" not in (caught.value.remedy or "")


WORDS = {"fwd": "rev", "sense": "antisense", "1.0": "-1.0", "+": "\u2212", "plus": "minus"}
WORDS |= {"F": "R", "D": "R", "W": "C"}


@pytest.mark.parametrize("forward", WORDS)
def test_words_for_strands(tmp_path: Path, forward: str) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("chrom\tstart\tend\tstrand\n")
    write(path, lambda a, b, s: ("chr1", a, b, forward if s == "+" else WORDS[forward]))
    assert cut(path)[0] == DNA


FROM_ONE: dict[str, tuple[str, Callable[[int, int, str], Sequence[object]], list[str]]] = {
    "as the column length shows": (
        "# This file is generated by MACS\nchr\tstart\tend\tlength\tabs_summit\tlabel\n",
        lambda a, b, s: ("chr1", a + 1, b, b - a, a + 20, int(s == "+")),
        FORWARD,
    ),
    "as the column width shows": (
        "seqnames\tstart\tend\twidth\tstrand\tlabel\n",
        lambda a, b, s: ("chr1", a + 1, b, b - a, s, int(s == "+")),
        DNA,
    ),
    "as in HOMER": (
        "#PeakID (cmd=findPeaks)\tchr\tstart\tend\tstrand\tlabel\n",
        lambda a, b, s: (f"p{a}", "chr1", a + 1, b, s, int(s == "+")),
        DNA,
    ),
    "as in tables of Bioconductor": (
        "seqnames\tstart\tend\tstrand\tlabel\n",
        lambda a, b, s: ("chr1", a + 1, b, s, int(s == "+")),
        DNA,
    ),
    "as in SAF": (
        "GeneID\tChr\tStart\tEnd\tStrand\tlabel\n",
        lambda a, b, s: (f"p{a}", "chr1", a + 1, b, s, int(s == "+")),
        DNA,
    ),
    "as in GFF": (
        "seqname\tsource\tfeature\tstart\tend\tscore\tstrand\tframe\tlabel\n",
        lambda a, b, s: ("chr1", "x", "gene", a + 1, b, ".", s, ".", int(s == "+")),
        DNA,
    ),
}


@pytest.mark.parametrize("layout", FROM_ONE)
def test_tables_that_count_from_one(tmp_path: Path, layout: str) -> None:
    header, row, expected = FROM_ONE[layout]
    path = tmp_path / "peaks.txt"
    path.write_text(header)
    sequences, notes = cut(write(path, row), as_positives=False)
    assert sequences == expected
    assert any(f"counts from 1, {layout}, and is converted" in note for note in notes)


def test_sequences_show_how_a_table_of_bioconductor_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    for first in (0, 1):
        rows = (
            f"chr1\t{a + first}\t{b}\t{s}\t{d}\t1\n"
            for (a, b, s), d in zip(PLACES, DNA, strict=True)
        )
        path.write_text("seqnames\tstart\tend\tstrand\tdna\tlabel\n" + "".join(rows))
        assert read_rows(path).table["start"].tolist() == [start for start, *_ in PLACES]


def test_a_width_that_is_end_minus_start_moves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("chrom\tstart\tend\twidth\n")
    sequences, notes = cut(write(path, lambda a, b, s: ("chr1", a, b, b - a)))
    assert sequences == FORWARD
    assert any("counts from 0" in note for note in notes)


def test_regions_that_count_from_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "peaks.xls"
    path.write_text("chr\tstart\tend\tlength\n")
    write(path, lambda a, b, s: ("chr1", a + 1, b, b - a))
    with pytest.raises(InputError, match="counts from 1, as the column length shows") as caught:
        read_bed(path, CONTIGS)
    assert "Subtract 1" in (caught.value.remedy or "")
    path.write_text("chr\tstart\tend\tlength\n")
    frame, _ = read_bed(write(path, lambda a, b, s: ("chr1", a, b, b - a)), CONTIGS)
    assert frame["start"].tolist() == [start for start, *_ in PLACES]


TITLES: dict[str, Callable[[int, int, str], str]] = {
    "bedtools": lambda a, b, s: f"chr1:{a}-{b}({s})",
    "bedtools, named": lambda a, b, s: f"g{a}::chr1:{a}-{b}({s})",
    "strand behind a colon": lambda a, b, s: f"chr1:{a}-{b}:{s}",
    "UCSC": lambda a, b, s: (
        f"hg38_dna range=chr1:{a + 1}-{b} 5'pad=0 strand={s} repeatMasking=none"
    ),
    "strand as a field": lambda a, b, s: f"chr1:{a}-{b} gene=x;strand:{s}1;",
}


@pytest.mark.parametrize("program", TITLES)
def test_titles_give_place_and_strand(tmp_path: Path, program: str) -> None:
    path = tmp_path / "x.fa"
    title = TITLES[program]
    path.write_text("".join(f">{title(*p)}\n{d}\n" for p, d in zip(PLACES, DNA, strict=True)))
    table = read_rows(positives=path).table
    assert list(zip(table["start"], table["end"], table["strand"], strict=True)) == PLACES


@pytest.mark.parametrize("title", ["chr1:101-150/rc", "chr1:c150-101 Homo sapiens"])
def test_titles_of_reverse_complements(tmp_path: Path, title: str) -> None:
    path = tmp_path / "x.fa"
    path.write_text(f">{title}\n{reverse_complement(FORWARD[0])}\n")
    row = read_rows(positives=path).table.iloc[0]
    assert (row["chrom"], row["start"], row["end"], row["strand"]) == ("chr1", 100, 150, "-")


def test_titles_without_a_strand_give_the_place(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(f">p1::chr1:100-150(.)\n{FORWARD[0]}\n")
    row = read_rows(positives=path).table.iloc[0]
    assert (row["chrom"], row["start"], row["end"], row["strand"]) == ("chr1", 100, 150, "")


def table_of(path: Path, header: str, *cells: Sequence[object]) -> Path:
    rows = "".join(
        ",".join(map(str, row)) + "\n" for row in zip(DNA, [0, 1] * 2, *cells, strict=True)
    )
    path.write_text(f"sequence,label,{header}\n{rows}")
    return path


def test_one_mistaken_length_does_not_change_how_starts_count(tmp_path: Path) -> None:
    dna = [DNA[i % 4] for i in range(20)]
    dna[7] = dna[7][:30]
    rows = "".join(f"{d},{i % 2},chr1,{60 * i + 1},{60 * i + 50}\n" for i, d in enumerate(dna))
    path = tmp_path / "x.csv"
    path.write_text("sequence,label,chrom,start,end\n" + rows)
    reading = read_rows(path)
    assert reading.table["start"].tolist() == [60 * i for i in range(20)]
    assert any("counts from 1, as the lengths" in note for note in reading.notes)


@pytest.mark.parametrize("missing", ["NA", "nan", ""])
def test_a_row_without_a_place_has_none(tmp_path: Path, missing: str) -> None:
    places = [
        ["chr1", "chr1", "chr1", missing],
        [100, 300, 520, missing],
        [150, 350, 570, missing],
    ]
    strands = ["+", "-", "+", missing]
    path = table_of(tmp_path / "x.csv", "chrom,start,end,strand", *places, strands)
    table = read_rows(path).table
    assert table["start"].isna().tolist() == [False, False, False, True]
    assert table["chrom"].iloc[3] == table["strand"].iloc[3] == ""


def test_commas_between_thousands_are_left_out_and_said(tmp_path: Path) -> None:
    starts = [f'"{number:,}"' for number in (100, 2_000, 1_000_000, 5_000_000)]
    ends = [f'"{number:,}"' for number in (150, 2_050, 1_000_050, 5_000_050)]
    path = table_of(tmp_path / "x.csv", "chrom,start,end", ["chr1"] * 4, starts, ends)
    reading = read_rows(path)
    assert reading.table["start"].tolist() == [100, 2_000, 1_000_000, 5_000_000]
    assert any("commas in positions separate thousands" in note for note in reading.notes)
    path.write_text(path.read_text().replace('"2,000"', '"2,00"'))
    with pytest.raises(InputError, match="the start is not a whole number"):
        read_rows(path)


@pytest.mark.parametrize("end", ["end", "stop"])
def test_positions_without_a_chromosome_are_no_places(tmp_path: Path, end: str) -> None:
    path = table_of(tmp_path / "x.csv", f"start,{end}", [-200] * 4, [-50] * 4)
    reading = read_rows(path)
    assert reading.table[["start", "end"]].isna().all(axis=None)
    assert any(f"columns not read: start, {end}" in note for note in reading.notes)


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_of_loci_gives_the_places(tmp_path: Path, first: int) -> None:
    loci = [f"chr1:{start + first}-{end}({strand})" for start, end, strand in PLACES]
    reading = read_rows(table_of(tmp_path / "x.csv", "locus", loci))
    table = reading.table
    assert list(zip(table["start"], table["end"], table["strand"], strict=True)) == PLACES
    assert reading.notes == ("x.csv: the places are the column locus",)
    others = [f"chr1:{start + 5}-{end}" for start, end, _ in PLACES]
    reading = read_rows(table_of(tmp_path / "x.csv", "locus", others))
    assert set(reading.table["chrom"]) == {""}
    assert reading.notes == ("x.csv: columns not read: locus",)


def test_a_region_beside_a_chromosome_is_another_column(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("chrom\tstart\tend\tregion\n")
    assert cut(write(path, lambda a, b, s: ("chr1", a, b, "exon")))[0] == FORWARD
