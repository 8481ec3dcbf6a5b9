"""Files as this field writes them, each read as it is meant or refused in one message."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord
from dnasweep.data.reading import read_rows
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.intervals import read_bed
from reading_toys import read_sequences, write_stream

random.seed(5)
DNA = ["".join(random.choices("ACGT", k=30)) for _ in range(12)]
ROWS = pd.DataFrame({"name": [f"g{i}" for i in range(12)], "seq": DNA, "label": [0, 1] * 6})
GENOME = "".join(random.choices("ACGT", k=4000))


WRITERS: dict[str, Callable[[Path], object]] = {
    "lines.jsonl": lambda p: ROWS.to_json(p, orient="records", lines=True),
    "records.json": lambda p: ROWS.to_json(p, orient="records", indent=1),
    "columns.json": lambda p: ROWS.to_json(p),
    "lists.json": lambda p: p.write_text(json.dumps(ROWS.to_dict("list"))),
    "x.parquet": lambda p: ROWS.to_parquet(p),
    "indexed.parquet": lambda p: ROWS.set_index("name", drop=False).to_parquet(p),
    "floats.parquet": lambda p: ROWS.assign(label=ROWS["label"].astype(float)).to_parquet(p),
    "words.parquet": lambda p: ROWS.astype({"seq": "category"}).to_parquet(p),
    "x.feather": lambda p: pyarrow.feather.write_feather(ROWS, p),
    "stream.arrow": lambda p: write_stream(p, ROWS),
    "without_an_ending": lambda p: ROWS.to_parquet(p),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{GENOME}\n")
    return path


def refused(path: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read_sequences(path, **options)
    assert caught.value.file is not None
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", WRITERS)
def test_tables_of_columns(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    table = read_sequences(path)
    assert table["sequence"].tolist() == DNA
    assert table["label"].tolist() == [0, 1] * 6
    assert table["id"].tolist() == ROWS["name"].tolist()


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("name", ["x.csv", "lines.jsonl", "x.parquet", "x.fa"])
def test_packed_files_are_known_by_content(tmp_path: Path, packing: str, name: str) -> None:
    plain = tmp_path / name
    write = {
        "x.csv": lambda p: ROWS.to_csv(p, index=False),
        "x.fa": lambda p: p.write_text("".join(f">{i}\n{s}\n" for i, s in enumerate(DNA))),
        **WRITERS,
    }[name]
    write(plain)
    data = PACKERS[packing](plain.read_bytes())
    options = {"require_labels": False}
    for ending in (f".{packing}", ""):
        packed = tmp_path / f"{plain.stem}{plain.suffix}{ending}"
        packed.write_bytes(data)
        assert read_sequences(packed, **options)["sequence"].tolist() == DNA
    packed.write_bytes(data[:-12])
    assert "corrupt or cut short" in refused(packed, **options)


def test_columns_without_a_text_are_not_read(tmp_path: Path) -> None:
    odd = pa.array([(1, 2, 3)] * len(ROWS), pa.month_day_nano_interval())
    table = pa.Table.from_pandas(ROWS, preserve_index=False).append_column("odd", odd)
    pyarrow.feather.write_feather(table, tmp_path / "x.feather")
    found = read_rows(tmp_path / "x.feather")
    assert found.table["sequence"].tolist() == DNA
    assert any("not read: odd" in note for note in found.notes)


def test_missing_cells_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"seq": "ACGT", "label": 1, "species": null}\n\n{"label": 0, "seq": "ACGA"}\n'
    )
    assert read_sequences(path)["label"].tolist() == [1, 0]
    path.write_text('{"seq": "ACGT", "label": 1}\n{"seq": "ACGA"}\n')
    assert "row 2: the label is missing" in refused(path)
    frame = ROWS.assign(label=ROWS["label"].astype("Int64").mask(ROWS.index == 2))
    frame.to_parquet(tmp_path / "x.parquet")
    assert "row 3: the label is missing" in refused(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "x.jsonl",
            '{"seq": "ACGT", "label": 1}\n{"seq": "AC',
            "row 2: the line is not a complete JSON object",
        ),
        ("x.jsonl", '{"seq": "ACGT", "la', "row 1: is not complete JSON"),
        ("x.json", '[{"seq": "ACGT", "label": 1},', "is not complete JSON"),
        ("x.json", '{"data": [{"seq": "ACGT"}]}', "no column with labels: found seq"),
        ("x.json", '{"data": [["ACGT"]]}', "no column with sequences: found data"),
        ("x.json", '{"a": {"seq": "ACGT"}, "b": 3}', "is JSON, but not a table"),
        ("x.json", '[["ACGT", 1]]', "is JSON, but not a table"),
        ("x.json", '[{"seq": "ACGT", "seq": "AAAA"}]', "names 'seq' twice"),
        ("x.jsonl", '{"seq": "ACGT"}\n[1, 2]\n', "row 2: the line is JSON, but not an object"),
        ("x.json", "[" * 100_000, "JSON"),
        ("x.jsonl", '{"seq": ["ACGT"], "label": 1}', "is JSON, but not a table"),
        (
            "x.jsonl",
            '{"sequence": ["A", "C"], "label": {"a": 1}}\n' * 2,
            "contains lists or records",
        ),
        ("x.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS pointer"),
    ],
)
def test_json_that_is_no_table_is_refused(tmp_path: Path, name: str, text: str, says: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert says in refused(path)


def test_damaged_and_empty_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    ROWS.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    assert "damaged Parquet or Arrow" in refused(path)
    ROWS.iloc[:0].to_parquet(path)
    assert "contains no sequence" in refused(path)
    ROWS[["label"]].to_parquet(path)
    assert "no column with sequences: found label" in refused(path)
    ROWS.assign(seq=[[s] for s in DNA]).to_parquet(path)
    assert "the column seq contains lists or records" in refused(path)
    assert "is parquet, not csv" in refused(path, format="csv")


def test_bed_dialects(tmp_path: Path, genome: Path) -> None:
    at = [(100, 150), (300, 350), (500, 550)]

    def read(name: str, row: str, head: str = "", **options: object) -> pd.DataFrame:
        path = tmp_path / name
        rows = (
            row.format(start=a, end=b, number=i, sign="+-"[i % 2]) for i, (a, b) in enumerate(at)
        )
        path.write_text(head + "".join(f"{line}\n" for line in rows).replace(" ", "\t"))
        return read_sequences(genome=genome, **{"positives": path, **options})

    cuts = [GENOME[a:b] for a, b in at]
    ccre = read("ccre.bed", "chr1 {start} {end} EH{number} EE{number} PLS,CTCF-bound")
    assert ccre["sequence"].tolist() == cuts
    assert set(ccre["strand"]) == {""}
    assert set(ccre["label"]) == {1}
    classes = ("PLS", "pELS,CTCF-bound", "dELS")
    rows = zip(at, classes, strict=True)
    (tmp_path / "classes.bed").write_text(
        "".join(f"chr1\t{a}\t{b}\tD\tE\t{one}\n" for (a, b), one in rows)
    )
    reading = read_rows(tmp_path / "classes.bed", genome=genome)
    assert reading.labels.names == ("dELS", "pELS", "PLS")
    assert [reading.labels.names[i] for i in reading.table["label"]] == ["PLS", "pELS", "dELS"]
    assert "class of each cCRE" in " ".join(reading.notes)
    unlabelled = read_rows(tmp_path / "classes.bed", genome=genome, require_labels=False)
    assert set(unlabelled.table["label"]) == {-1}
    header = read("h.bed", "chr1 {start} {end}", "chrom\tstart\tend\n")
    assert header["sequence"].tolist() == cuts
    hashed = read("c.bed", "chr1 {start} {end} p{number} 0 {sign}", "#chrom\tstart\tend\tname\n")
    assert hashed["id"].tolist() == ["p0", "p1", "p2"]
    assert hashed["strand"].tolist() == ["+", "-", "+"]
    (tmp_path / "k.bed").write_text("chrom\tstart\tend\nchr1\t5\t9\n")
    known, _ = read_bed(tmp_path / "k.bed", Contigs(genome="g.fa", lengths={"chr1": 100}))
    assert known[["start", "end"]].to_numpy().tolist() == [[5, 9]]
    peaks = "chr1 {start} {end} p{number} 100 . 5 3 2 20"
    for name in ("x.narrowPeak", "x.broadPeak", "x.narrowpeak.txt"):
        assert read(name, peaks)["sequence"].tolist() == cuts
    stop = tmp_path / "stop.tsv"
    stop.write_text(
        "chr\tstart\tstop\tstrand\tlabel\nchr1\t100\t150\t1\t1\nchr1\t300\t350\t-1\t0\n"
    )
    table = read_sequences(stop, genome=genome)
    assert table["strand"].tolist() == ["+", "-"]
    assert table["sequence"].iloc[0] == cuts[0]
    assert table[["start", "end"]].to_numpy().tolist() == [[100, 150], [300, 350]]
    numbers = read("n.bed", "chr1 {start} {end} p{number} 0 {sign}1")
    assert numbers["strand"].tolist() == ["+", "-", "+"]


def test_repeated_and_missing_ids_are_made_and_said_once(tmp_path: Path, genome: Path) -> None:
    said: list[str] = []
    path = tmp_path / "genes.fa"
    names = ["GENE0", "GENE1", "GENE0", "", "GENE0", "GENE0/2"]
    path.write_text("".join(f">{n}\n{s}\n" for n, s in zip(names, DNA, strict=False)))
    table = read_sequences(positives=path, say=said.append)
    assert table["sequence"].tolist() == DNA[:6]
    assert table["id"].tolist() == ["GENE0", "GENE1", "GENE0/3", "genes:4", "GENE0/4", "GENE0/2"]
    assert said == [
        "genes.fa: 1 sequence has no name and is numbered",
        "genes.fa: 2 rows repeat the id of another row and are numbered, as in GENE0/3",
    ]
    bed = tmp_path / "peaks.bed"
    bed.write_text("chr1\t10\t40\tH3K27ac\nchr1\t80\t120\tH3K27ac\n")
    table = read_sequences(positives=bed, genome=genome)
    assert table["id"].tolist() == ["H3K27ac", "H3K27ac/2"]


GTF = 'chr1\ttest\t{feature}\t{start}\t{end}\t.\t{strand}\t.\tgene_id "E{n}"; gene_name "N{n}";\n'
GENES = [(1001, 1500, "+"), (2001, 2500, "-"), (1001, 1700, "+")]


def annotation(features: tuple[str, ...], row: str = GTF) -> str:
    return "#!genome\n" + "".join(
        row.format(feature=feature, start=a, end=b, strand=strand, n=n)
        for n, (a, b, strand) in enumerate(GENES)
        for feature in features
    )


@pytest.mark.parametrize("name", ["x.gtf", "x.gff3", "x.txt"])
def test_starts_of_transcripts_are_promoters(tmp_path: Path, genome: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(annotation(("gene", "transcript", "exon")))
    said: list[str] = []
    table = read_sequences(positives=path, genome=genome, window=(-10, 5), say=said.append)
    assert table["id"].tolist() == ["N0", "N1"]
    assert table["sequence"].iloc[0] == GENOME[990:1006]
    turn = str.maketrans("ACGT", "TGCA")
    assert table["sequence"].iloc[1] == GENOME[2494:2510].translate(turn)[::-1]
    assert "2 transcription starts of 3 transcript rows, 2 names" in said[0]
    assert set(read_sequences(path, genome=genome)["label"]) == {1}


def test_an_annotation_of_another_assembly_is_refused(tmp_path: Path, genome: Path) -> None:
    path = tmp_path / "x.gff3"
    for length in (len(GENOME), len(GENOME) + 1):
        head = f"##sequence-region   1 1 {length}\n##sequence-region chr9 1 5\n"
        path.write_text(head + annotation(("gene",)).replace("chr1", "1"))
        if length == len(GENOME):
            assert len(read_sequences(positives=path, genome=genome, window=(-10, 5))) == 2
        else:
            said = refused(path, genome=genome)
            assert f"says that 1 has {length:,} bases, but in the genome" in said


def test_genes_stand_in_for_transcripts_and_gff_has_names(tmp_path: Path, genome: Path) -> None:
    row = GTF.replace('gene_id "E{n}"; gene_name "N{n}";', "ID=gene:E{n};Name=N{n}")
    path = tmp_path / "x.gff"
    path.write_text("##gff-version 3\n" + annotation(("gene",), row) + "##FASTA\n>chr1\nACGT\n")
    said: list[str] = []
    table = read_sequences(positives=path, genome=genome, say=said.append)
    assert table["id"].tolist() == ["N0", "N1"]
    assert "of 3 gene rows" in said[0]
    coding = annotation(("CDS",), row.replace("ID=", "Parent="))
    rna = "chr1\tx\trRNA\t3001\t3100\t.\t+\t.\tID=rna:R;Parent=gene:R;gene=R\n"
    for text in (annotation(("gene",), row) + coding, annotation(("gene", "CDS"))):
        path.write_text(text + rna)
        table = read_sequences(positives=path, genome=genome, say=said.append)
        assert table["id"].tolist() == ["N0", "N1", "R"], "bacteria have RNA rows but no mRNA"
        assert "of 1 transcript rows and 3 genes without one" in said[-1]
    path.write_text(annotation(("gene", "transcript", "CDS")) + rna)
    read_sequences(positives=path, genome=genome, say=said.append)
    assert "of 4 transcript rows, 3 names" in said[-1]
    path.write_text("##gff-version 3\n" + annotation(("exon",), row))
    assert "no transcripts or genes: its features are exon" in refused(path, genome=genome)


def test_genbank(tmp_path: Path) -> None:
    records = [
        SeqRecord(
            Seq(s),
            id=f"R{i}.1",
            name=f"R{i}",
            annotations={"molecule_type": "DNA", "organism": "Mus musculus"},
        )
        for i, s in enumerate(DNA)
    ]
    path = tmp_path / "x.gb"
    SeqIO.write(records, path, "genbank")
    table = read_sequences(positives=path)
    assert table["sequence"].tolist() == DNA
    assert table["id"].tolist() == [f"R{i}.1" for i in range(12)]
    assert set(table["species"]) == {"mouse"}
    path.write_text(path.read_text()[:-150])
    assert "row 12" in refused(path, require_labels=False)


def test_coordinates_need_a_genome_whoever_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "x.bed"
    path.write_text("chr1\t10\t20\n")
    assert "--genome" in refused(path, require_labels=False)
