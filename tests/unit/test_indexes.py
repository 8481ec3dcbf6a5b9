"""Indexes of genomes are believed only where they describe the file: never by their date."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from Bio import bgzf
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.errors import InputError
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.genome_store import genome_key
from dnasweep.genomics.scan_plan import ScanConfig, plan_scan
from fuzz import genomes
from reading_toys import read_sequences

BASES = "ACGTTGCAACGGATTACAGATTTACCAGGACATTACAGGATTACCA" * 40


def write(path: Path, bases: str, *, width: int = 60, packed: bool = False) -> Path:
    text = (
        ">chr1 x\n" + "\n".join(bases[i : i + width] for i in range(0, len(bases), width)) + "\n"
    )
    if packed:
        with bgzf.BgzfWriter(str(path)) as stream:
            stream.write(text)
    else:
        path.write_text(text)
    return path


def read(path: Path) -> str:
    with open_genome(path) as genome:
        return str(genome["chr1"][:])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("cut", "width"), [(0, 50), (7, 60), (60, 60)])
def test_a_genome_replaced_by_an_older_file_gives_its_own_bases(
    tmp_path: Path, packed: bool, cut: int, width: int
) -> None:
    """As `cp -p`, `rsync -t` and `tar` leave it: newer is the index of what is gone."""
    path = write(tmp_path / "g.fa.gz", BASES, packed=packed)
    bed = tmp_path / "positive.bed"
    bed.write_text("chr1\t1000\t1100\n")
    config = DatasetConfig(data=(str(bed),), genome=str(path))
    first = dataset_key(config)
    assert read(path) == BASES
    other = BASES[cut:].replace("GGA", "GTA")
    write(path, other, width=width, packed=packed)
    os.utime(path, (1e9, 1e9))
    assert read(path) == other
    assert read_sequences(bed, genome=path)["sequence"].tolist() == [other[1000:1100]]
    assert dataset_key(config) != first
    with open_genome(path) as genome:
        key = genome_key(genome, ["chr1"])
    (tmp_path / "elsewhere").mkdir()
    with open_genome(write(tmp_path / "elsewhere" / "g.fa", other)) as genome:
        assert genome_key(genome, ["chr1"]) == key


def test_an_index_that_fits_is_used_whatever_its_date(tmp_path: Path) -> None:
    path = write(tmp_path / "g.fa", BASES)
    read(path)
    index = tmp_path / "g.fa.fai"
    assert index.read_text().split() == ["chr1", str(len(BASES)), "8", "60", "61"]
    os.utime(index, (1e9, 1e9))
    assert read(path) == BASES
    assert index.stat().st_mtime == 1e9


def test_a_damaged_index_beside_a_genome_is_made_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "g.fa", BASES)
    index = tmp_path / "g.fa.fai"
    for wrong in (
        b"",
        b"\xff\xfe",
        b"chr1\t9\n",
        b"chr1\t1840\t7\t60\t61\n",
        b"chr2\t1840\t8\t60\t61\n",
    ):
        index.write_bytes(wrong)
        assert read(path) == BASES
        assert index.read_text() == "chr1\t1840\t8\t60\t61\n"


def test_a_record_hidden_in_the_lines_of_another_is_found(tmp_path: Path) -> None:
    """The index says one record of three lines; the file, as long, has a title among them."""
    path = tmp_path / "g.fa"
    path.write_text(">a\nACGTACGTAC\n>b67890123\nACGTACGTAC\n")
    (tmp_path / "g.fa.fai").write_text("a\t30\t3\t10\t11\n")
    with open_genome(path) as genome:
        assert {name: str(genome[name][:]) for name in genome.keys()} == {  # noqa: SIM118
            "a": "ACGTACGTAC",
            "b67890123": "ACGTACGTAC",
        }


def test_damaged_indexes_and_genomes_never_give_other_bases(tmp_path: Path) -> None:
    for name, case in genomes.cases(np.random.default_rng(0), tmp_path, rounds=16):
        # A sound genome is read whatever its index is like.
        accepted = ("read", "refused") if name.startswith("damaged_genome") else ("read",)
        assert case() in accepted, name


def test_bgzip_blocks_of_the_greatest_size_are_read_to_the_base(tmp_path: Path) -> None:
    """Biopython packs 65,536 bytes a block, where pyfaidx counts on fewer."""
    path = write(tmp_path / "g.fa.gz", BASES * 90, packed=True)
    with open_genome(path) as genome:
        for at in (64_416, 64_417, 64_418, 128_000, 128_855):
            assert str(genome["chr1"][at : at + 3]) == (BASES * 90)[at : at + 3]


def test_bgzip_named_otherwise_and_text_named_gz(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.fa", BASES, packed=True)) == BASES
    assert read(write(tmp_path / "b.fa.gz", BASES)) == BASES


def test_bgzip_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "g.fa.gz", BASES, packed=True)
    path.write_bytes(path.read_bytes()[:-28])
    with pytest.raises(InputError, match="corrupt or cut short") as caught:
        read(path)
    assert caught.value.file == str(path)


def test_a_genome_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "g.fa", BASES)
    with open_genome(path) as genome:
        path.write_text(">chr1 x\nACGT\n")
        with pytest.raises(InputError, match="have moved since the file was opened") as caught:
            genome["chr1"][100:200]
    assert caught.value.file == str(path)


def test_fifty_thousand_contigs_are_planned_in_seconds(tmp_path: Path) -> None:
    lengths = {f"scaffold_{i}": 1_000 for i in range(50_000)}
    config = ScanConfig(window=300, stride=75)
    begun = time.process_time()
    plan = plan_scan(lengths, config)
    assert time.process_time() - begun < 5  # About 0.5 s on an idle core.
    assert (len(plan.tiles), plan.num_windows) == (50_000, 50_000 * config.num_windows(1_000))
