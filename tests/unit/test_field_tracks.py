"""Tracks as users have them: files of other kinds, parts of a genome, strands with negative counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyBigWig
import pytest
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.datasets import build_dataset
from dnasweep.errors import InputError
from profile_toys import BASES, ToySignal, write_signal


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> ToySignal:
    return write_signal(tmp_path_factory.mktemp("signal"))


def config(toy: ToySignal, tracks: tuple[str, ...]) -> DatasetConfig:
    data, genome = (str(toy.rows),), str(toy.genome)
    return DatasetConfig(data=data, genome=genome, tracks=tracks, bins=16, split="random")


def write(path: Path, length: int, values: Sequence[float]) -> Path:
    """Write a track of the first bases of chr1."""
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("chr1", length)])
        file.addEntries("chr1", 0, values=list(values), span=1, step=1)
    return path


@pytest.mark.parametrize(
    ("content", "reason", "remedy"),
    [
        (b"\xeb\xf2\x89\x87" + bytes(60), "is a bigBed file", "bigWig file of the same"),
        (b"\x1f\x8b" + bytes(60), "is compressed or BAM", "bamCoverage"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer", "git lfs pull"),
        (b"<!DOCTYPE html>", "is a web page", "Download the file itself"),
        (b"chr1\t0\t5\t1.5\n", "is not a bigWig file", "bedGraphToBigWig"),
        (b"\x26\xfc\x8f\x88" + bytes(60), "damaged or cut short", "Download the file again"),
    ],
)
def test_other_files_in_place_of_a_track_are_named(
    toy: ToySignal, tmp_path: Path, content: bytes, reason: str, remedy: str
) -> None:
    path = tmp_path / "x.bw"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"x.bw: .*{reason}") as raised:
        build_dataset(config(toy, (str(path),)))
    assert remedy in raised.value.remedy


def test_rows_in_which_a_track_has_no_value_are_counted(toy: ToySignal, tmp_path: Path) -> None:
    values = toy.values[: 200 * BASES].tolist()
    path = write(tmp_path / "part.bw", len(toy.values), values)
    found = build_dataset(config(toy, (str(path),)))
    said = " ".join(finding.message for finding in found.audit.findings)
    assert "; part has no value at all in 40 of 240 rows" in said


def test_a_minus_strand_with_negative_counts_says_so(toy: ToySignal, tmp_path: Path) -> None:
    path = write(tmp_path / "minus.bw", len(toy.values), [-2.0] * 500)
    with pytest.raises(InputError, match="has negative values") as raised:
        build_dataset(config(toy, (str(path),)))
    assert "change the sign" in raised.value.remedy
