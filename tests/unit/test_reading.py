"""Every format, and every input that cannot be used, through the one function that reads."""

import gzip
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.table import check_table
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import match_chromosomes
from dnasweep.formats.intervals import read_intervals
from dnasweep.formats.sequences import join_kmers
from reading_toys import read_sequences
from real_data import REAL


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def kmers(sequence: str, k: int) -> str:
    return " ".join(sequence[i : i + k] for i in range(len(sequence) - k + 1))


PLAIN = "sequence,label\nACGTACGT,1\nTTTTAACN,0\n"
SENTENCES = [(kmers("ACGTACGT", 6), 1), (kmers("TTTTAACN", 6), 0)]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("sequence,label", "Seq, True_Label "),
        PLAIN.replace(",", "\t").upper(),
        PLAIN.replace(",", ";"),
        PLAIN.replace("ACGTACGT", "acguACGU"),
        PLAIN.replace("ACGTACGT", '" ACGTACGT  "').replace(",1", ',"1.0"'),
        PLAIN.replace("\n", "\n\n"),
        ",sequence,x,x,label\n0,ACGTACGT,1,2,1\n1,TTTTAACN,5,6,0\n",
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        gzip.compress(PLAIN.encode(), mtime=0),
        PLAIN.removeprefix("sequence,label\n"),
        "sequence\tlabel\n" + "".join(f"{s}\t{y}\n" for s, y in SENTENCES),
        '"Sequence"\t"Label"\n' + "".join(f'"{s}"\t"{y}"\n' for s, y in SENTENCES),
        "sequence\tlabel\n" + f"{kmers('ACGTACGT', 3)}\t1\n{kmers('TTTTAACN', 3)} \t0\n",
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x.tsv.gz", "x"])
def test_csv_and_tsv_in_every_dress_read_the_same(
    tmp_path: Path, content: str | bytes, name: str
) -> None:
    table = check_table(read_sequences(write(tmp_path, name, content)))
    assert table["sequence"].tolist() == ["ACGTACGT", "TTTTAACN"]
    assert table["label"].tolist() == [1, 0]
    assert table["id"].is_unique
    assert table["id"].str.startswith("x:").all()


def test_a_row_keeps_its_id_whatever_is_wrong_before_it(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "seq,label\n\nACGT,1\nA,B,C\nAX,1\nACC,0\n")
    table = read_sequences(path, skip_bad_rows=True)
    assert table["id"].tolist() == ["x:3", "x:6"]


def test_every_column_of_the_table_can_be_given(tmp_path: Path) -> None:
    text = (
        "ID,Sequence,LABEL,Organism,Chr,Start,End,Strand,Split\n"
        "a,ACGT,1,Mus musculus,chr1,5,9,-,dev\nb,ACGA,0,,,,,.,Train\n"
    )
    table = read_sequences(write(tmp_path, "x.csv", text), species="hg38")
    assert table.drop(columns="shots").iloc[0].tolist() == [
        *("a", "ACGT", 1, "mouse", "chr1", 5, 9, "-", "validation"),
    ]
    assert table.loc[1, ["species", "strand", "split"]].tolist() == ["human", "", "train"]
    assert table["start"].isna().tolist() == [False, True]


def test_a_column_name_holds_species_or_ids_as_its_values_say(tmp_path: Path) -> None:
    text = "name,seq,True_Label\n{},ACGT,1\n{},ACGA,0\n"
    species = read_sequences(write(tmp_path, "x.csv", text.format("celegans", "gallus")))
    assert species["species"].tolist() == ["worm", "chicken"]
    assert species["id"].tolist() == ["x:2", "x:3"]
    ids = read_sequences(write(tmp_path, "x.csv", text.format("p1", "p2")))
    assert ids["id"].tolist() == ["p1", "p2"]
    assert (ids["species"] == "").all()


def test_fasta_in_two_files(tmp_path: Path) -> None:
    good = write(tmp_path, "good.fa", ">a one\nACGT\nac gu\n\n>\nTTTT\n")
    bad = write(tmp_path, "bad.fa.gz", gzip.compress(b"\r\n>a\r\nGGGG\r\n"))
    table = read_sequences(positives=good, negatives=[bad], species="rat")
    assert table["sequence"].tolist() == ["ACGTACGT", "TTTT", "GGGG"]
    assert table["label"].tolist() == [1, 1, 0]
    assert table["id"].tolist() == ["good/a", "good:2", "bad/a"]
    assert set(table["species"]) == {"rat"}


def test_epdnew_fasta_gives_promoter_names(tmp_path: Path) -> None:
    text = (
        ">FP003191 FMP25_1             :+U  EU:NC; range  -200 to   200.\nACGT\n"
        ">CG17683_1 :+U EU:NC; range -300 to 300. chr2R:18497(+) dm3\nACGA\n"
    )
    table = read_sequences(write(tmp_path, "c_elegans.fa", text))
    assert table["id"].tolist() == ["FMP25_1", "CG17683_1"]
    assert table["label"].tolist() == [1, 1]
    assert table["species"].tolist() == ["worm", "worm"]


def test_fasta_titles_with_coordinates(tmp_path: Path) -> None:
    text = ">chr1:100-104(-)\nACGT\n>x::chr2:11-14\nACGT\n>y z:1-9\nACGT\n"
    table = read_sequences(positives=write(tmp_path, "x.fa", text))
    assert table["chrom"].tolist() == ["chr1", "chr2", ""]
    assert table["start"].tolist()[:2] == [100, 10]
    assert table["strand"].tolist() == ["-", "", ""]


def test_one_sequence_a_line(tmp_path: Path) -> None:
    table = read_sequences(positives=write(tmp_path, "x.txt", "ACGT\n\nacgn \n"))
    assert table["sequence"].tolist() == ["ACGT", "ACGN"]
    assert table["id"].tolist() == ["x:1", "x:3"]


def test_folders_with_given_splits(tmp_path: Path) -> None:
    for name in ("Train.csv", "DEV.csv", "test.csv"):
        write(tmp_path, f"set/{name}", PLAIN)
    write(tmp_path, "set/readme.md", "x")
    table = read_sequences(tmp_path / "set")
    assert table["split"].tolist() == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert table["id"].tolist()[0] == "Train:2"
    files = [tmp_path / "set/Train.csv", tmp_path / "set/test.csv"]
    assert set(read_sequences(files)["split"]) == {"train", "test"}
    assert set(read_sequences(files[:1])["split"]) == {""}
    write(tmp_path, "set/train.tsv", PLAIN)
    with pytest.raises(InputError, match="2 files for the train split"):
        read_sequences(tmp_path / "set")


def test_folders_of_folders_with_positive_and_negative_files(tmp_path: Path) -> None:
    for split in ("test", "train"):
        for name in ("negative", "positive"):
            write(tmp_path, f"{split}/{name}.fa", ">1\nACGT\n")
    table = read_sequences(tmp_path)
    assert table[["label", "split"]].to_numpy().tolist() == [
        *([0, "train"], [1, "train"], [0, "test"], [1, "test"]),
    ]
    assert table["id"].tolist()[0] == "train/negative/1"


def test_folders_named_by_their_shots(tmp_path: Path) -> None:
    for name, num in (("2", 2), ("11", 11)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "train.csv", "sequence,label\n" + "ACGT,0\nACGA,1\n" * num)
    write(tmp_path, "test.csv", "sequence,label\nACGT,0\n")
    table = read_sequences(tmp_path)
    assert table["split"].tolist() == ["train"] * 26 + ["test"]
    assert table["shots"].value_counts().to_dict() == {11: 22, 2: 4}
    assert table["id"].tolist()[:2] == ["2/train:2", "2/train:3"]
    write(tmp_path / "2", "train.csv", "sequence,label\nACGT,0\nACGA,1\n")
    with pytest.raises(InputError, match="contains 1 of class 0, 1 of class 1"):
        read_sequences(tmp_path)
    write(tmp_path, "train.csv", "sequence,label\nACGT,0\n")
    assert read_sequences(tmp_path)["shots"].isna().all()


def test_files_of_one_name_get_different_ids(tmp_path: Path) -> None:
    files = [write(tmp_path, f"{folder}/x.csv", PLAIN) for folder in "ab"]
    assert read_sequences(files)["id"].tolist() == ["a/x:2", "a/x:3", "b/x:2", "b/x:3"]
    with pytest.raises(InputError, match="comes from two files"):
        read_sequences([files[0], files[0]])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ACXGT,1", "'X' at position 3"),
        ("AC-GT,1", "'-' at position 3"),
        ("ACGTß,1", "'ß' at position 5"),
        ("nan,1", "missing value"),
        (",1", "sequence is empty"),
        ("TTAAAnanGG,1", "literal 'nan'"),
        ("TTAAAn TAAAna AAAnan AAnanG AnanGG,1", "literal 'nan'"),
        ("ACG CGT TTT,1", "k-mer 3 of the sentence, 'TTT', does not continue 'CGT'"),
        ("ACG CGTA,1", "k-mer 2 of the sentence, 'CGTA', has 4 letters"),
        ("ACGT,", "label is missing"),
        ("ACGT", "label is missing"),
        ("ACGT,nan", "label is missing"),
        ("ACGT,0.5", "label '0.5' is not an integer"),
        ("ACGT,promoter", "label 'promoter' is not an integer"),
        ("ACGT,-1", "label '-1' is not an integer"),
        ("ACGT,300", "label '300' is not an integer"),
        ("ACGT,1,2,3", "4 cells, but there are 2 columns"),
    ],
)
def test_a_bad_row_is_named_with_its_reason(tmp_path: Path, row: str, reason: str) -> None:
    path = write(tmp_path, "x.csv", f"seq,label\nACGT,0\n{row}\nAAXA,1\n" + "ACGA,1\n" * 17)
    with pytest.raises(InputError, match=rf"x\.csv, row 3: .*{reason}.*2 bad rows in total") as e:
        read_sequences(path)
    assert "pass --skip-bad-rows to leave out 2 of 20 rows." in str(e.value)
    rejects = tmp_path / "out/rejects.tsv"
    table = read_sequences(path, skip_bad_rows=True, rejects=rejects)
    assert len(table) == 18
    written = pd.read_csv(rejects, sep="\t", keep_default_na=False)
    assert written.columns.tolist() == ["file", "row", "reason", "text"]
    assert written["row"].tolist() == [3, 4]
    assert set(written["file"]) == {str(path)}


def test_a_nul_far_into_a_text_file_is_a_bad_letter(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "seq,label\n" + "ACGT,0\n" * 10000 + "ACG\0T,1\n")
    with pytest.raises(InputError, match=r"row 10002: '.x00' at position 4"):
        read_sequences(path)


@pytest.mark.parametrize(
    ("header", "rows", "row", "reason"),
    [
        (
            "seq,label,species",
            ["A,1,human", "C,1,nan"],
            3,
            "species 'nan' is not the name of a species",
        ),
        ("seq,label,species", ["A,1,human", "C,1,0"], 3, "'0' is not known, and no name"),
        ("seq,label,species", ["A,1,human", "C,1,plants"], 3, "'plants' is a group of species"),
        ("seq,label,name", ["A,1,human", "C,1,hmn", "G,1,rat"], 3, "'hmn' is not known"),
        ("seq,label,split", ["A,1,train"] * 10 + ["C,1,foo"], 12, "split 'foo' is not one of"),
        ("seq,label,strand", ["A,1,+", "C,1,up"], 3, "strand 'up' is not one of"),
        ("seq,label,chr,start,end", ["A,1,1,5,9", "C,1,1,9,5"], 3, "end is not after"),
        ("seq,label,chr,start,end", ["A,1,1,5,9", "C,1,1,x,5"], 3, "start is not a whole number"),
        (
            "seq,label,chr,start,end",
            ["A,1,1,5,9", f"C,1,1,1,{10**25}"],
            3,
            "end is not a whole number",
        ),
    ],
)
def test_bad_cells_of_other_columns_are_named(
    tmp_path: Path, header: str, rows: list[str], row: int, reason: str
) -> None:
    path = write(tmp_path, "x.csv", "\n".join([header, *rows]))
    with pytest.raises(InputError, match=reason) as error:
        read_sequences(path)
    assert error.value.row == row
    assert len(read_sequences(path, skip_bad_rows=True)) == len(rows) - 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.csv", "", "file is empty"),
        ("x.csv", " \n\n", "file is empty"),
        ("x.csv", "seq,label\n", "contains no sequence"),
        ("x.csv", gzip.compress(b"", mtime=0), "file is empty"),
        ("x.csv", gzip.compress(PLAIN.encode() * 99, mtime=0)[:-12], "corrupt or cut short"),
        ("x.csv.gz", b"\x1f\x8b\x08\x00" + b"rubbish" * 9, "corrupt or cut short"),
        ("x.csv.gz", bytes(range(256)), "neither gzip data, as its name says"),
        ("x.csv", bytes(range(256)) * 9, "is not text"),
        ("x.csv", b"PK\x03\x04...", "the ZIP data is corrupt"),
        ("x.csv", b"PAR1....", "Parquet"),
        ("x.csv", "foo,bar\n1,2\n", "no column with sequences: found foo, bar.*sequence or seq"),
        ("x.csv", "seq,foo\nA,2\n", "no column with labels: found seq, foo.*label or true_label"),
        ("x.csv", "seq,Sequence,label\nA,A,1\n", "more than one column for the sequence"),
        ("x.csv", "seq,label,True_Label\nA,1,1\n", "more than one column for the label"),
        ("x.csv", 'seq,label\nA,1\n"C,1\nG,1\n', r"row 3: a quotation mark .* not closed"),
        ("x.fa", "ACGT\n>a\nACGT\n", "has the extension of FASTA but does not begin with >"),
        ("x.fa", ">a\nACGT\n", "--positives or --negatives"),
        ("x.txt", "ACGT\n", "--positives or --negatives"),
        ("positive.fa", ">", r"row 1: the sequence is empty"),
        ("positive.fa", ">a\n>b\nACGT\n", r"row 1: the sequence is empty"),
        ("x.fastq", "@a\nACGT\n+\nIIII\n", "FASTQ"),
        ("x.vcf", "##fileformat=VCFv4.2\n", "VCF"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(InputError, match=reason) as error:
        read_sequences(path)
    assert error.value.file == str(path)


def test_paths_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_sequences(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"no train, dev or test file; it contains nothing"):
        read_sequences(tmp_path)
    with pytest.raises(InputError, match="no file is given"):
        read_sequences()
    with pytest.raises(InputError, match="'mammals' is a group of species"):
        read_sequences(write(tmp_path, "x.csv", PLAIN), species="mammals")


def test_labels_may_be_missing_where_none_are_needed(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "seq\nACGT\nACGA\n")
    assert read_sequences(path, require_labels=False)["label"].tolist() == [-1, -1]
    path = write(tmp_path, "x.csv", "seq,label\nACGT,\nACGA,1\n")
    assert read_sequences(path, require_labels=False)["label"].tolist() == [-1, 1]
    path = write(tmp_path, "x.csv", "seq,label\nACGT,promoter\nACGA,0.143\n")
    assert len(read_sequences(path, require_labels=False)) == 2


def test_no_good_row_is_an_error_also_where_bad_ones_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "seq,label\nXX,1\n")
    with pytest.raises(InputError, match="no usable row is left"):
        read_sequences(path, skip_bad_rows=True)


def test_kmers_of_any_length_are_joined() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        sequence = "".join(random.choice(list("ACGTN"), size=random.integers(8, 60)))
        k = int(random.integers(1, 8))
        assert join_kmers(kmers(sequence, k)) == sequence
    assert join_kmers("  ") == ""


def test_a_large_file_is_read_fast(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", dtype="u1")[random.integers(0, 4, (47_000, 70))]
    rows = "".join(f"{bytes(row).decode()},{i % 2}\n" for i, row in enumerate(letters))
    path = write(tmp_path, "x.csv", "sequence,label\n" + rows)
    begun = time.process_time()
    assert len(read_sequences(path)) == 47_000
    assert time.process_time() - begun < 4  # About 0.4 s on an idle core.


real = pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not here")


@real
@pytest.mark.parametrize(
    ("path", "splits", "bases"),
    [
        ("gue/prom_core_all", (47356, 5920, 5920), {70}),
        ("gue/prom_core_tata", (4904, 613, 613), {70}),
        ("gue/prom_300_tata", (4904, 613, 613), {300}),
        ("gue/prom_300_all", (0, 5920, 5920), {300}),
        ("gue/prom_300_notata", (0, 5307, 5307), {300}),
        ("gue/tf/0", (32378, 1000, 1000), {101}),
        ("genemask/Prom-core", (3320, 0, 5920), {70}),
        *((f"genemask/Prom-core/{n}", (2 * n, 0, 0), {70}) for n in (10, 50, 100, 500, 1000)),
        *((f"genemask/Prom-300/{n}", (2 * n, 0, 0), {300}) for n in (10, 50, 100, 500, 1000)),
        *((f"genemask/Cohn-enh/{n}", (2 * n, 0, 0), {500}) for n in (10, 50, 100, 500)),
        ("dnabert/dnabert2_sample_data", (15, 15, 15), {101}),
        ("dnabert/dnabert_enhancer_sample", (919, 301, 0), None),
    ],
)
def test_real_folders(path: str, splits: tuple[int, ...], bases: set[int] | None) -> None:
    table = check_table(read_sequences(REAL / path))
    counts = table["split"].value_counts()
    assert tuple(counts.get(s, 0) for s in ("train", "validation", "test")) == splits
    assert set(table["label"]) == {0, 1}
    assert bases is None or set(table["sequence"].str.len()) == bases


@real
@pytest.mark.parametrize(
    ("path", "num_rows", "bases"),
    [
        ("gue_derived/prom_300_all_train_partial.csv.gz", 9546, {300}),
        ("genomic_benchmarks/sequences/test_human_enhancers_cohn.csv.gz", 6948, {500}),
        ("dnabert/ft_6_dev.tsv.gz", 1000, None),
        ("epdnew/fasta401/celegans.fa.gz", 7120, {401}),
        ("epdnew/fasta401/scerevisiae.fa.gz", 5117, {401}),
        ("epdnew/fasta401/pfalciparum.fa.gz", 5597, {401}),
        ("epdnew/deepromoter/hs_pos_TATA.txt.gz", 2929, {300}),
        ("epdnew/deepromoter/mm_pos_TATA.txt.gz", 3086, {300}),
        ("genome/dm3_chr2R/epdnew005_m300_p300.fa.gz", 3531, {601}),
    ],
)
def test_real_files(path: str, num_rows: int, bases: set[int] | None) -> None:
    table = check_table(read_sequences(positives=REAL / path))
    assert len(table) == num_rows
    assert bases is None or set(table["sequence"].str.len()) == bases


@real
def test_real_eight_species() -> None:
    table = read_sequences(REAL / "seed_genomic_lm" / "test_tata_genome.csv.gz")
    assert table["species"].value_counts().to_dict() == {
        "mouse": 1305,
        "human": 1203,
        "fruit_fly": 1038,
        "zebrafish": 848,
        "worm": 405,
        "rat": 327,
        "chicken": 268,
        "macaque": 34,
    }
    assert table["sequence"].str.count("N").sum() == 130


@real
def test_real_rows_with_a_pasted_nan_are_refused(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.tsv"
    path = REAL / "dnabert" / "SNP_dev.tsv.gz"
    table = read_sequences(path, skip_bad_rows=True, rejects=rejects)
    assert len(table) == 5
    assert "6\tthe sequence contains a literal 'nan'" in rejects.read_text()


@real
def test_real_coordinates_give_the_sequences_published_for_them() -> None:
    folder = REAL / "genome" / "dm3_chr2R"
    cut = read_sequences(folder / "epdnew005_tss.bed.gz", genome=folder / "chr2R.fa.gz")
    published = read_sequences(folder / "epdnew005_m300_p300.fa.gz")
    assert len(cut) == 3531
    assert cut["id"].tolist() == published["id"].tolist()
    assert cut["sequence"].tolist() == published["sequence"].tolist()


@real
def test_real_places_of_all_formats_agree() -> None:
    files = {
        "sga": REAL / "epdnew/coordinates/human.Hs_EPDnew_006_hg38.sga.gz",
        "fps": REAL / "epdnew/fps/Hs_EPDnew_006_hg38.fps.gz",
        "bed": REAL / "epdnew/human_tss_hg38.bed.gz",
    }
    read = {}
    for format, file in files.items():
        data = gzip.decompress(file.read_bytes())
        read[format], faults = read_intervals(data, format, window=(-300, 300), file=file)
        assert not faults
    bed = read["bed"]
    matches = match_chromosomes(read["sga"]["chrom"].unique(), bed["chrom"].unique())
    assert len(bed) == 29598
    for format in ("sga", "fps"):
        places = read[format].assign(chrom=read[format]["chrom"].map(matches))
        columns = ["id", "chrom", "start", "end", "strand"]
        order = ["chrom", "start", "id"]  # Two promoters may share a start.
        expected = bed[columns].sort_values(order, ignore_index=True)
        assert places[columns].sort_values(order, ignore_index=True).equals(expected)


@real
@pytest.mark.parametrize(
    ("path", "num_rows", "species"),
    [
        ("chicken.Gg_EPDnew_001_galGal5", 6127, "chicken"),
        ("c_elegans.Ce_EPDnew_001_ce6", 7120, "worm"),
        ("fruit_fly.Dm_EPDnew_005_dm6", 16972, "fruit_fly"),
        ("macaque.Rm_EPDnew_001_rheMac8", 9575, "macaque"),
        ("mouse.Mm_EPDnew_003_mm10", 25111, "mouse"),
        ("rat.Rn_EPDnew_001_rn6", 12601, "rat"),
        ("zebrafish.Dr_EPDnew_001_danRer7", 10728, "zebrafish"),
        ("dog.Cf_EPDnew_001_canFam3", 7545, ""),
    ],
)
def test_every_accession_of_epdnew_tells_its_species(
    path: str, num_rows: int, species: str
) -> None:
    file = REAL / "epdnew" / "coordinates" / f"{path}.sga.gz"
    data = gzip.decompress(file.read_bytes())
    frame, faults = read_intervals(data, "sga", window=(-300, 300), file=file)
    assert (len(frame), len(faults)) == (num_rows, 0)
    assert set(frame["species"]) == {species}
