"""Inputs that this field's users have had refused or misread, each by its command: what it says and ends with."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dnasweep.commands.registry import commands
from dnasweep.data.reading import read_rows
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.motifs import read_motifs
from shap_toys import write_model

random.seed(23)
NUM = 40
DNA = ["".join(random.choices("ACGT", k=50)) for _ in range(NUM)]
GENOME = "".join(random.choices("ACGT", k=60_000))
TWO = [i % 2 for i in range(NUM)]
FASTA = ">chr1\n" + GENOME + "\n"
BUILD = ("build-dataset", "--dry-run")
PLACED = ("--genome", "genome.fa", "--generate-negatives", "dinucleotide-shuffle")
SWEEP = ("tokenizer-grid", "--dry-run", "--species-sets", "none", "--tokenizers", "kmer-3")


def table(
    header: str = "sequence,label", labels: list[Any] = TWO, sequences: list[str] = DNA
) -> str:
    lines = [f"{s},{label}" for s, label in zip(sequences, labels, strict=True)]
    return "\n".join([header, *lines]) + "\n"


def of(*values: object) -> list[Any]:
    return [values[i % len(values)] for i in range(NUM)]


def bed(*more: str) -> str:
    return "".join(
        "\t".join(["chr1", str(1000 + 1400 * i), str(1200 + 1400 * i), *more]).format(i=i) + "\n"
        for i in range(NUM)
    )


def fasta(sequences: list[str], name: str = "GENE{gene}") -> str:
    return "".join(f">{name.format(gene=i // 2, i=i)}\n{s}\n" for i, s in enumerate(sequences))


def splits(header: str, *words: str) -> str:
    rows = [f"{label},{words[i // 2 % len(words)]}" for i, label in enumerate(TWO)]
    return table(f"sequence,label,{header}", rows)


ROWS = [{"sequence": s, "label": label} for s, label in zip(DNA, TWO, strict=True)]
OTHER_STRAND = [
    f"{s},{label},{'test' if i >= NUM // 2 else 'train'}"
    for i, (s, label) in enumerate(
        zip([*DNA[:20], *map(reverse_complement, DNA[:20])], [*TWO[:20]] * 2, strict=True)
    )
]
MEASURED = [round(random.gauss(0, 1), 3) for _ in range(NUM)]

# Files, options of build-dataset, exit code, and what is said.
CASES: dict[str, tuple[dict[str, str], tuple[str, ...], int, tuple[str, ...]]] = {
    "01 text": ({"x.csv": table("text,label")}, ("--data", "x.csv"), 0, ("column text",)),
    "01 dna": ({"x.csv": table("dna,label")}, ("--data", "x.csv"), 0, ("column dna",)),
    "01 y": ({"x.csv": table("sequence,y")}, ("--data", "x.csv"), 0, ("column y",)),
    "01b is_promoter": (
        {"x.csv": table("promoter_sequence,is_promoter")}, ("--data", "x.csv"), 0,
        ("column promoter_sequence", "column is_promoter"),
    ),
    "02 words": (
        {"x.csv": table(labels=of("non-promoter", "promoter"))}, ("--data", "x.csv"), 0,
        ("non-promoter and promoter are read as the classes 0 and 1",),
    ),
    "02 -1 and 1": (
        {"x.csv": table(labels=of(-1, 1))}, ("--data", "x.csv"), 0, ("read as the classes 0 and 1",),
    ),
    "02 bool": (
        {"x.csv": table(labels=of("FALSE", "TRUE"))}, ("--data", "x.csv"), 0,
        ("FALSE and TRUE are read as the classes 0 and 1",),
    ),
    "03 three classes": (
        {"x.csv": table(labels=of(0, 1, 2))}, ("--data", "x.csv"), 0, ("3 classes: 0, 1, 2",),
    ),
    "03b nine classes": (
        {"x.csv": table(labels=of(*range(9)))},
        ("--data", "x.csv", "--split-fractions", "0.5", "0.25", "0.25"), 0, ("9 classes",),
    ),
    "04 numbers": (
        {"x.csv": table(labels=MEASURED)}, ("--data", "x.csv"), 0, ("learned by regression",),
    ),
    "05 other species": (
        {"x.csv": table("sequence,label,species", [f"{i},Arabidopsis thaliana" for i in TWO])},
        ("--data", "x.csv"), 0, ("arabidopsis_thaliana",),
    ),
    "05 assemblies": (
        {"x.csv": table("sequence,label,species", [f"{i},{('GRCh38.p13', '9606.0')[i]}" for i in TWO])},
        ("--data", "x.csv"), 0, ("human",),
    ),
    "06 repeated names": (
        {"p.fa": fasta(DNA[:20]), "n.fa": fasta(DNA[20:], "n{i}")},
        ("--positives", "p.fa", "--negatives", "n.fa"), 0, ("numbered, as in GENE0/2", "40 sequences"),
    ),
    "07 a column of splits": (
        {"x.csv": splits("set", "Train", "Val", "Test")}, ("--data", "x.csv"), 0,
        ("the column set gives the splits (test, train, val)",),
    ),
    "07 files of splits": (
        {"my_train.csv": table(), "my_test.csv": table(sequences=[s[::-1] for s in DNA])},
        ("--data", "my_train.csv", "my_test.csv"), 0, ("my_train.csv train, my_test.csv test",),
    ),
    "08 the other strand": (
        {"x.csv": table("sequence,label,split", [r.split(",", 1)[1] for r in OTHER_STRAND],
                        [r.split(",")[0] for r in OTHER_STRAND])},
        ("--data", "x.csv"), 2, ("either strand|reverse complement", "--leaks"),
    ),
    "10 classes as files": (
        {f"set/{p}/{c}.csv": "sequence\n" + "\n".join(DNA[k : k + 10]) + "\n"
         for k, (p, c) in zip((0, 10, 20, 30), [(p, c) for p in ("train", "test") for c in ("human", "worm")],
                              strict=True)},
        ("--data", "set"), 0,
        ("human and worm are read as the classes", "validation rows are taken from the training rows"),
    ),
    "11 JSON lines": (
        {"x.jsonl": "\n".join(map(json.dumps, ROWS))}, ("--data", "x.jsonl"), 0, ("40 sequences",),
    ),
    "12 sep=": (
        {"x.csv": "sep=;\n" + table().replace(",", ";")}, ("--data", "x.csv"), 0, ("40 sequences",),
    ),
    "12 comments": ({"x.csv": "# exported\n" + table()}, ("--data", "x.csv"), 0, ("40 sequences",)),
    "12 ids without a header": (
        {"x.csv": "".join(f"id{i},{s},{i % 2}\n" for i, s in enumerate(DNA))}, ("--data", "x.csv"), 2,
        ("there is no header: row 1 already contains a sequence",),
    ),
    "12b pipes": ({"x.csv": table().replace(",", "|")}, ("--data", "x.csv"), 0, ("40 sequences",)),
    "12b R": (
        {"x.txt": '"sequence" "label"\n' + "".join(f'"{i}" "{s}" {i % 2}\n' for i, s in enumerate(DNA))},
        ("--data", "x.txt"), 0, ("40 sequences",),
    ),
    "12b a title": ({"x.csv": "My promoters\n" + table()}, ("--data", "x.csv"), 0, ("row 2 is the header",)),
    "13 wrapped": (
        {"x.csv": table(sequences=[f'"{s[:30]}\n{s[30:]}"' for s in DNA])}, ("--data", "x.csv"), 0,
        ("40 sequences are joined from lines", "50 bases"),
    ),
    "13b blocks": (
        {"x.csv": table(sequences=[f"{s[:10]} {s[10:20]} {s[20:25]}" for s in DNA])}, ("--data", "x.csv"),
        0, ("blocks of 10 letters", "25 bases"),
    ),
    "14 cCREs": (
        {"x.bed": bed("EH38D{i}", "EH38E{i}", "PLS"), "genome.fa": FASTA},
        ("--positives", "x.bed", *PLACED), 0, ("80 sequences of 200 bases",),
    ),
    "14 a header": (
        {"x.bed": "chrom\tstart\tend\n" + bed(), "genome.fa": FASTA}, ("--positives", "x.bed", *PLACED), 0,
        ("80 sequences of 200 bases",),
    ),
    "14 stop": (
        {"x.tsv": "chr\tstart\tstop\tlabel\n" + bed("{i}").replace("\t0\n", "\t2\n"), "genome.fa": FASTA},
        ("--data", "x.tsv", "--genome", "genome.fa", "--task", "regression"), 0, ("40 sequences of 200",),
    ),
    "17 metric": ({"x.csv": table()}, (*SWEEP, "--data", "x.csv", "--metric", "f1"), 2, ("no metric 'f1'", "macro_f1")),
    "17 epochs": (
        {"x.csv": table()}, (*SWEEP, "--data", "x.csv", "--finetune-epochs", "0"), 2,
        ("finetune_epochs is 0", "above 0"),
    ),
    "17 batch": (
        {"x.csv": table()}, (*SWEEP, "--data", "x.csv", "--batch-size", "0"), 2, ("batch_size is 0",),
    ),
    "18 few rows": (
        {"x.csv": table().split("\n", 9)[0] + "\n" + "\n".join(table().split("\n")[1:9]) + "\n"},
        ("--data", "x.csv"), 2, ("--split-fractions",),
    ),
    "18 no room": (
        {"x.bed": bed(), "genome.fa": FASTA},
        ("--positives", "x.bed", "--genome", "genome.fa", "--generate-negatives", "random-region",
         "--negative-distance", "5000"), 2, ("no room", "--negative-distance"),
    ),
    "22 seeds": ({"x.csv": table()}, (*SWEEP, "--data", "x.csv", "--seeds", "-1"), 2, ("seeds is -1",)),
    "22 metric": (
        {"x.csv": table()}, (*SWEEP, "--data", "x.csv", "--metric", "perplexity"), 2, ("no metric 'perplexity'",),
    ),
    "23 few shots": (
        {"x.csv": table().rsplit("\n", 21)[0] + "\n"},
        ("fewshot-grid", "--dry-run", "--species-sets", "none", "--data", "x.csv"), 2,
        ("fewer than the smallest default of 10 shots", "--shots"),
    ),
    "24 BED with a strand": (
        {"x.bed": bed("+", "{i}"), "genome.fa": FASTA}, ("--positives", "x.bed", *PLACED), 0,
        ("80 sequences of 200 bases",),
    ),
    "25 pretraining without labels": (
        {"x.csv": table(), "u.csv": "sequence\n" + "\n".join(s[::-1] for s in DNA) + "\n"},
        ("tokenizer-grid", "--dry-run", "--tokenizers", "kmer-3", "--species-sets", "none", "all",
         "--data", "x.csv", "--pretrain-data", "u.csv"), 0, ("40 sequences",),
    ),
}  # fmt: skip


def run(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it said, without line breaks."""
    name, *options = words if words[0] in commands() else (*BUILD, *words)
    code = 0
    try:
        commands()[name].run(options, program=name)
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    return code, " ".join(f"{said.out} {said.err}".split())


@pytest.mark.parametrize("case", CASES)
def test_what_a_command_says_and_ends_with(
    tmp_path: Path,
    case: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files, words, code, says = CASES[case]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    found, said = run(words, capsys)
    assert found == code, said
    for one in says:
        assert any(part in said for part in one.split("|")), said


def test_parquet_is_what_the_hub_holds(tmp_path: Path) -> None:
    pd.DataFrame(ROWS).to_parquet(tmp_path / "d.parquet")
    assert read_rows(tmp_path / "d.parquet").table["label"].tolist() == TWO


def test_no_base_of_a_positive_is_in_a_negative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "genome.fa").write_text(FASTA)
    peaks = "".join(f"chr1\t{7000 * i + 500}\t{7000 * i + 3500}\n" for i in range(8))
    (tmp_path / "peaks.bed").write_text(peaks)
    monkeypatch.chdir(tmp_path)
    words = ("--positives", "peaks.bed", "--genome", "genome.fa")
    words = ("build-dataset", *words, "--generate-negatives", "random-region", "--storage", "S")
    run((*words, "--split-fractions", "0.5", "0.25", "0.25"), capsys)
    made = pd.read_parquet(next((tmp_path / "S").rglob("table.parquet")))
    negatives = made[made["label"] == 0]
    assert len(negatives) == 8
    for start, end in zip(negatives["start"], negatives["end"], strict=True):
        assert all(end <= 7000 * i + 500 or start >= 7000 * i + 3500 for i in range(8))


def test_shares_of_a_motif_are_read_as_written(tmp_path: Path) -> None:
    (tmp_path / "bg.meme").write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nBackground letter frequencies\n"
        "A 0.254 C 0.246 G 0.246 T 0.254\n\nMOTIF M1\n"
        "letter-probability matrix: alength= 4 w= 2\n0.1 0.2 0.3 0.4\n0.7 0.1 0.1 0.1\n"
    )
    shares = np.array(read_motifs(tmp_path / "bg.meme")[0].probabilities)
    assert shares == pytest.approx(np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]]))


def test_two_letters_of_a_file_name_are_no_species(tmp_path: Path) -> None:
    (tmp_path / "dr.csv").write_text(table())
    assert set(read_rows(tmp_path / "dr.csv").table["species"]) == {""}


def test_a_pointer_in_place_of_weights_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.csv").write_text(table())
    model = write_model(tmp_path / "model")
    (model / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    )
    monkeypatch.chdir(tmp_path)
    words = ("finetune", "--dry-run", "--data", "x.csv", "--checkpoints", "model")
    code, said = run((*words, "--learning-rates", "1e-3", "--seeds", "0"), capsys)
    assert code == 2
    assert "Git LFS pointer" in said
    assert "git lfs pull" in said


PREDICTED = {
    "words.csv": table(labels=of("promoter", "other")),
    "mpra.csv": table(labels=MEASURED),
    "maize.csv": table("sequence,label,species", [f"{i},Zea nowhere" for i in TWO]),
}
VARIANTS = f"chr1\t500\t.\t{GENOME[499]}\t{'ACGT'.replace(GENOME[499], '')[0]}\t.\t.\t"
IN_VCF = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + VARIANTS + "\n"
AS_TABLE = "chrom,pos,ref,alt\n" + ",".join(VARIANTS.split("\t")[i] for i in (0, 1, 3, 4)) + "\n"
SCORED: dict[str, bytes] = {
    "bom.vcf": b"\xef\xbb\xbf" + IN_VCF.encode(),
    "bom.tsv": b"\xef\xbb\xbf" + AS_TABLE.replace(",", "\t").encode(),
    "excel.csv": AS_TABLE.replace(",", ";").encode(),
    "latin1.vcf": IN_VCF[:-1].encode() + b"NOTE=caf\xe9\n",
    "commented.csv": b"# my variants\n" + AS_TABLE.encode(),
    "sep.csv": b"sep=,\n" + AS_TABLE.encode(),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model")


@pytest.mark.parametrize("name", PREDICTED)
def test_labels_that_are_not_used_are_not_refused(
    tmp_path: Path, name: str, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / name).write_text(PREDICTED[name])
    monkeypatch.chdir(tmp_path)
    words = ("predict", "--model", str(model), "--data", name, "--out", "p.csv")
    code, said = run((*words, "--tracking-uri", "none"), capsys)
    assert code == 0, said
    assert len(pd.read_csv(tmp_path / "p.csv")) == NUM


def test_prediction_of_places_asks_for_the_genome_that_it_takes(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "x.bed").write_text(
        "".join(f"chr1\t{100 * i}\t{100 * i + 50}\n" for i in range(1, 5))
    )
    (tmp_path / "genome.fa").write_text(FASTA)
    monkeypatch.chdir(tmp_path)
    words = ("predict", "--model", str(model), "--data", "x.bed", "--out", "p.csv")
    code, said = run((*words, "--tracking-uri", "none"), capsys)
    assert (code, "--genome" in said) == (2, True)
    code, said = run((*words, "--tracking-uri", "none", "--genome", "genome.fa"), capsys)
    assert code == 0, said


@pytest.mark.parametrize("name", SCORED)
def test_variants_as_spreadsheets_and_callers_write_them(
    tmp_path: Path, name: str, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / name).write_bytes(SCORED[name])
    (tmp_path / "genome.fa").write_text(FASTA)
    monkeypatch.chdir(tmp_path)
    words = ("score-variants", "--dry-run", "--model", str(model), "--genome", "genome.fa")
    code, said = run((*words, "--data", name), capsys)
    assert code == 0, said
    assert "1 alleles to score, 0 rejected" in said
