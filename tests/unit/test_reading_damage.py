"""Whatever a file holds, a reader takes it or refuses it in words, and never reads other sequences."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from dnasweep.data import parsing
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.intervals import read_bed
from dnasweep.formats.reference import open_genome
from dnasweep.formats.sequences import read_letters
from dnasweep.formats.variant_files import read_variants
from fuzz import genomes, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_toys import read_sequences

CONTIGS = Contigs(genome="g.fa", lengths={"chr1": 1000})
SEEDS = st.integers(0, 2**32 - 1)
PIECES = st.sampled_from(
    ["sequence", "label", "split", "set", "train", "ACGT", "acgun", "ACG CGT", "chr1", "0", "1", "-1",
     "9" * 30, "1e400", "nan", "+", "-", ".", "\t", ",", ";", "\n", "\r\n", "\r", '"', "'", ">", ">chr1",
     "#", "##fileformat=VCF", "#CHROM\tPOS\tID\tREF\tALT", "FP   x :+U  EU:chr1 1+ 5; 1.", "ID   ", "track ",
     "\0", "\ufeff", "é", "\u2028", "\x85", "\x1f\x8b", " "]
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(PIECES, max_size=40).map(lambda parts: "".join(parts).encode()),
    st.lists(PIECES, max_size=30).map(lambda parts: "".join(parts).encode("utf-16")),
    st.binary(max_size=200),
)


def read_genome(path: Path) -> None:
    with open_genome(path) as genome:
        for name in genome.keys():  # noqa: SIM118
            str(genome[name][:])


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "table": ("x.csv", lambda path: read_sequences(path, require_labels=False)),
    "table without a name": ("x", lambda path: read_sequences(positives=path)),
    "FASTA": ("x.fa", lambda path: read_sequences(positives=path, format="fasta")),
    "SGA": ("x.sga", lambda path: read_sequences(path, genome=path)),
    "FPS": ("x.fps", lambda path: read_sequences(path, format="fps", genome=path)),
    "text": ("x.txt", lambda path: read_sequences(positives=path, format="text")),
    "TSV": ("x.tsv", lambda path: read_sequences(path, format="tsv", skip_bad_rows=True)),
    "BED": ("x.bed", lambda path: read_bed(path, CONTIGS, skip_bad_rows=True)),
    "genome": ("x.fa", read_genome),
    "letters": ("x.fa", lambda path: list(read_letters(path, block=16))),
    "variants": ("x.vcf", lambda path: read_variants([path])),
}


def test_what_a_library_throws_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise pd.errors.EmptyDataError("No columns to parse from file")

    monkeypatch.setattr(parsing, "read_table", fail)
    path = tmp_path / "x.csv"
    path.write_text("sequence,label\nACGT,1\n")
    with pytest.raises(InputError, match=r"x\.csv: its contents cannot be read .*EmptyDataError"):
        read_sequences(path)


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=60, deadline=None)
@given(data=TEXTS)
def test_of_any_content_only_an_input_error_comes_out(reader: str, data: bytes) -> None:
    name, read = READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        told = ""
        try:
            read(path)
        except InputError as error:
            told = f"{error.file}: {error}"
        assert not told or told.startswith(f"{path}: {path}")
        told.encode()


@pytest.mark.parametrize("kind", tables.NAMES)
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_damaged_files_are_refused_or_read_as_they_stand(kind: str, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert tables.damaged_file(Path(folder), seed, kind) in ("read", "refused")


@pytest.mark.parametrize("run", [tables.damaged_regions, tables.odd_folder])
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_damaged_regions_and_odd_folders_are_refused_or_read(
    run: Callable[[Path, int], str], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert run(Path(folder), seed) in ("read", "refused")


@pytest.mark.parametrize("packing", genomes.PACKINGS)
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_bases_are_never_those_of_an_index_that_lies(packing: str, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert genomes.damaged_index(Path(folder), seed, packing, "fai") == "read"
