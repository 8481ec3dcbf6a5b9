import gzip
from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.chromosomes import match_chromosomes, species_of
from dnasweep.formats.intervals import read_intervals
from reading_toys import read_sequences

CHROMOSOME = "ACGTTGCATTAGCCATNACGGATTACAGGCTTAACC"


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    lines = [CHROMOSOME[i : i + 10] for i in range(0, len(CHROMOSOME), 10)]
    path.write_text(">chr1 some text\n" + "\n".join(lines).lower() + "\n>chr2\nAAAACCCC\n")
    return path


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_window_counts_along_the_strand_from_the_start_at_zero(
    tmp_path: Path, genome: Path
) -> None:
    sga = write(
        tmp_path / "x.sga",
        "NC_000001.11\tTSS\t11\t+\t1\ta\nNC_000001.11\tTSS\t11\t-\t1\tb\n1\tTSS\t11\t0\t1\tc\n",
    )
    table = read_sequences(sga, genome=genome, window=(-4, 2))
    tss = 10
    forward = CHROMOSOME[tss - 4 : tss + 3]
    backward = reverse_complement(CHROMOSOME[tss - 2 : tss + 5])
    assert table["sequence"].tolist() == [forward, backward, forward]
    assert table["sequence"].str[4].tolist()[0] == CHROMOSOME[tss]
    assert table["start"].tolist() == [6, 8, 6]
    assert table["end"].tolist() == [13, 15, 13]
    assert table["strand"].tolist() == ["+", "-", ""]
    assert table["chrom"].tolist() == ["chr1"] * 3
    assert table["species"].tolist() == ["human", "human", ""]
    assert table["id"].tolist() == ["a", "b", "c"]
    assert table["label"].tolist() == [1, 1, 1]


def test_the_default_window_is_601_bases() -> None:
    frame, faults = read_intervals(
        b"chr1\tTSS\t1000\t-\t1\ta\n", "sga", window=(-300, 300), file=Path("x")
    )
    assert not faults
    assert (frame["start"][0], frame["end"][0]) == (699, 1300)


def test_sga_bed_and_fps_say_the_same(tmp_path: Path, genome: Path) -> None:
    texts = {
        "a.sga": "NC_000001.11\tTSS\t11\t-\t1\tNOC2L_1\n",
        "b.bed": "track name=x description=y z\n# note\nchr1\t10\t11\tNOC2L_1\t1\t-\n",
        "c.bed": "track name=x description=y z visibility=1 color=0\n\n1 10 11 NOC2L_1 1 -\n",
        "d.fps": "FP   NOC2L_1             :+U  EU:NC_000001.11      1-        11;     1.\n",
        "e.dat": "ID   NOC2L_1   preliminary; single; NEM.\nXX\n"
        "FP   NOC2L_1            : M  EU:NC_000001.11       1-        11;     1.\nXX\n//\n",
    }
    read = []
    for name, text in texts.items():
        table = read_sequences(write(tmp_path / name, text), genome=genome, window=(-3, 3))
        read.append(table.drop(columns="species").iloc[0].tolist())
    assert all(row == read[0] for row in read)


def test_longer_bed_rows_are_taken_as_they_stand(tmp_path: Path, genome: Path) -> None:
    bed = write(tmp_path / "x.bed", "chr1\t2\t8\n\nchr2\t4\t8\tb\t0\t-\n")
    table = read_sequences(negatives=bed, genome=genome)
    assert table["sequence"].tolist() == [CHROMOSOME[2:8], "GGGG"]
    assert table["id"].tolist() == ["x:1", "b"]
    with pytest.raises(InputError, match="which label"):
        read_sequences(bed, genome=genome)


def test_a_table_of_intervals_needs_no_sequence(tmp_path: Path, genome: Path) -> None:
    csv = write(tmp_path / "positive.csv", "id,region,start,end,strand\np1,1,2,8,+\n")
    table = read_sequences(csv, genome=genome)
    assert table.loc[0, ["id", "sequence", "label"]].tolist() == ["p1", CHROMOSOME[2:8], 1]


def test_rows_outside_the_genome_are_faults(tmp_path: Path, genome: Path) -> None:
    bed = write(
        tmp_path / "x.bed",
        "chr1\t10\t11\tok\t1\t+\nchr1\t1\t2\tbefore\t1\t+\nchr1\t35\t36\tafter\t1\t-\n"
        "chr9\t10\t11\tnowhere\t1\t+\nchr1\tx\t11\ttext\t1\t+\nchr1\t11\t11\tnone\t1\t+\n"
        "chr1\t10\t11\tturned\t1\t?\n",
    )
    with pytest.raises(InputError, match=r"row 2: bases -1 to 4 extend.*6 bad rows in total"):
        read_sequences(bed, genome=genome, window=(-2, 2))
    rejects = tmp_path / "rejects.tsv"
    table = read_sequences(bed, genome=genome, window=(-2, 2), skip_bad_rows=True, rejects=rejects)
    assert table["id"].tolist() == ["ok"]
    rows = [line.split("\t")[1:3] for line in rejects.read_text().splitlines()[1:]]
    assert [row for row, _ in rows] == ["2", "3", "4", "5", "6", "7"]
    assert "chromosome 'chr9' is not in the genome" in rows[2][1]


def test_a_packed_genome_reads_the_same(tmp_path: Path, genome: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(genome.read_bytes()))
    bed = write(tmp_path / "x.bed", "chr1\t10\t11\ta\t1\t-\n")
    plain = read_sequences(bed, genome=genome, window=(-3, 3))
    assert read_sequences(bed, genome=packed, window=(-3, 3)).equals(plain)
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(InputError, match="corrupt or cut short") as error:
        read_sequences(bed, genome=packed)
    assert error.value.file == str(packed)


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", ">a\nACGT\nACGTACGT\nAC\nACGT\n", ">a\nAC\n>a\nAC\n"]
)
def test_a_genome_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    bed = write(tmp_path / "x.bed", "chr1\t10\t11\ta\t1\t-\n")
    with pytest.raises(InputError, match=r"bad\.fa"):
        read_sequences(bed, genome=write(tmp_path / "bad.fa", text))


def test_what_is_missing_is_named(tmp_path: Path, genome: Path) -> None:
    bed = write(tmp_path / "x.bed", "chr1\t10\t11\ta\t1\t-\n")
    with pytest.raises(InputError, match="--genome"):
        read_sequences(bed)
    with pytest.raises(InputError, match=r"no such file.*path of the genome"):
        read_sequences(bed, genome=tmp_path / "none.fa")
    with pytest.raises(InputError, match="window"):
        read_sequences(bed, genome=genome, window=(3, -3))


def test_chromosome_names_are_matched_across_conventions() -> None:
    ucsc = ["chr1", "chr2", "chrX", "chrM"]
    names = ["1", "chr2", "NC_000023.11", "MT", "3", "chr2_random"]
    assert match_chromosomes(names, ucsc) == {
        "1": "chr1",
        "chr2": "chr2",
        "NC_000023.11": "chrX",
        "MT": "chrM",
    }
    assert match_chromosomes(["chr2R", "2l"], ["NT_033778.4", "2L"]) == {
        "chr2R": "NT_033778.4",
        "2l": "2L",
    }
    assert match_chromosomes(["mitochondrion_genome"], ucsc) == {"mitochondrion_genome": "chrM"}


def test_two_versions_of_an_accession_are_two_assemblies() -> None:
    assert match_chromosomes(["NC_000001.11"], ["NC_000001.10"]) == {}
    assert match_chromosomes(["NC_000001"], ["NC_000001.10"]) == {"NC_000001": "NC_000001.10"}


def test_a_name_that_two_records_answer_is_not_guessed() -> None:
    assert match_chromosomes(["CHR1"], ["chr1", "1"]) == {}


def test_accessions_tell_the_species() -> None:
    assert [species_of(a) for a in ("NC_000067.6", "NC_003284.7", "NT_033778.4")] == [
        "mouse",
        "worm",
        "fruit_fly",
    ]
    assert species_of("NC_006583.3") == species_of("chr1") == ""
