"""Genomes packed in every way, and places that other files name otherwise."""

import gzip
import os

import pandas as pd
import pysam
import pytest
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.reference import open_genome

RECORDS = {"chr2L": "ACGTTGCAAC" * 900, "chr2R": "ggatnNCCTA" * 700, "scaffold_1": "TTTTC"}


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "g.fa"
    lines = []
    for name, text in RECORDS.items():
        lines += [f">{name} some title", *(text[i : i + 60] for i in range(0, len(text), 60))]
    path.write_text("\n".join(lines) + "\n")
    return path


def packed(path, how):
    """Return the genome packed as asked for, in a folder that nobody may write to."""
    folder = path.parent / how
    folder.mkdir()
    target = folder / ("g.fa" if how == "plain" else "g.fa.gz")
    data = path.read_bytes()
    if how == "bgzip":
        pysam.tabix_compress(str(path), str(target))
    else:
        target.write_bytes(gzip.compress(data) if how == "gzip" else data)
    return target


@pytest.mark.parametrize("how", ["plain", "gzip", "bgzip"])
@pytest.mark.parametrize("writable", [True, False])
def test_every_packing_gives_the_same_bases(genome, how, writable, monkeypatch):
    path = packed(genome, how)
    if not writable:
        # Root may write anywhere, so the folder is only said to be closed.
        real = os.access
        monkeypatch.setattr(os, "access", lambda p, mode: mode != os.W_OK and real(p, mode))
    with open_genome(path) as fasta:
        assert {name: len(fasta[name]) for name in fasta.keys()} == {  # noqa: SIM118
            name: len(text) for name, text in RECORDS.items()
        }
        for name, text in RECORDS.items():
            assert str(fasta[name][3 : min(67, len(text))]) == text[3:67].upper()
        assert str(fasta["chr2R"][6_990:7_000]) == RECORDS["chr2R"][-10:].upper()
    left = {p.name for p in path.parent.iterdir()}
    expected = {"plain": {"g.fa.fai"}, "gzip": set(), "bgzip": {"g.fa.gz.fai"}}
    assert left == {path.name} | (expected[how] if writable else set())


def places(*rows):
    return pd.DataFrame(
        [(i, *row) for i, row in enumerate(rows, start=1)],
        columns=["row", "chrom", "start", "end"],
    )


def contigs(genome, **how):
    with open_genome(genome) as fasta:
        return Contigs.of(fasta, genome, **how)


def test_names_are_taken_as_they_stand_unless_matching_is_asked_for(genome):
    rows = places(("chr2L", 0, 9000), ("2R", 5, 10), ("scaffold_1", 0, 5), ("chrX", 1, 2))
    frame, faults = contigs(genome).place(rows, file="a.bed")
    assert frame["chrom"].tolist() == ["chr2L", "scaffold_1"]
    assert [(f.row, f.file) for f in faults] == [(2, "a.bed"), (4, "a.bed")]
    assert "is called 'chr2R'" in faults[0].reason
    assert "--match-chromosomes" in faults[0].remedy
    assert "not in the genome g.fa, which has chr2L, chr2R, scaffold_1" in faults[1].reason
    frame, faults = contigs(genome, match=True).place(rows, file="a.bed")
    assert frame["chrom"].tolist() == ["chr2L", "chr2R", "scaffold_1"]
    assert [f.row for f in faults] == [4]


@pytest.mark.parametrize(("start", "end"), [(-1, 4), (8_999, 9_001)])
def test_places_over_an_end_are_faults(genome, start, end):
    frame, faults = contigs(genome).place(places(("chr2L", start, end)), file="a.bed")
    assert len(frame) == 0
    assert "extend beyond the end of chr2L, which has 9,000" in faults[0].reason


def test_no_places_are_no_faults(genome):
    frame, faults = contigs(genome).place(places(("chrX", 1, 2))[:0], file="a.bed")
    assert (len(frame), faults) == (0, [])


def test_one_record_by_name(genome):
    assert contigs(genome).record("chr2L") == "chr2L"
    assert contigs(genome, match=True).record("2l") == "chr2L"
    with pytest.raises(InputError, match="--match-chromosomes"):
        contigs(genome).record("2L")
    with pytest.raises(InputError, match="not in the genome"):
        contigs(genome).record("chr9")
