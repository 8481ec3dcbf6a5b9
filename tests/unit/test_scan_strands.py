"""A scan of the reverse complement of a genome, and what a scan says of odds that are no numbers."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from dnasweep.attribution.explained_model import class_value
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from scan_toys import random_dna, scan, write_fasta
from shap_toys import write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def by_base(folder: Path, length: int) -> np.ndarray:
    """Return the probability of each base, nan where there is none."""
    (track,) = (p for p in folder.parent.iterdir() if p.name.startswith("track-"))
    found = np.full(length, np.nan)
    with gzip.open(track / "probability.bedgraph.gz", "rt") as file:
        for line in file:
            _, start, end, value = line.split()
            found[int(start) : int(end)] = float(value)
    return found


def both_ways(
    monkeypatch: pytest.MonkeyPatch, model: Path, folder: Path, length: int, **options: object
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, pd.DataFrame]:
    text = random_dna(length, 3, (400, 420)).upper()
    tracks, peaks = [], []
    for name, bases in (("up", text), ("down", reverse_complement(text))):
        genome = write_fasta(folder / f"{name}.fa", {"chr1": bases})
        found = scan(monkeypatch, model, genome, folder / name, merge_gap=20, **options)
        tracks.append(by_base(found, length))
        peaks.append(pd.read_csv(found / "peaks.tsv", sep="\t"))
    return tracks[0], tracks[1][::-1], peaks[0], peaks[1]


@pytest.mark.parametrize(
    ("per", "window", "stride"),
    [
        *(("base", window, stride) for window in (60, 61) for stride in (1, 15)),
        # Other strides are half a base beside the centre of a window.
        *(("window", 61, stride) for stride in (1, 15)),
    ],
)
def test_a_scan_of_the_other_strand_is_its_mirror_where_the_grid_is(
    monkeypatch: pytest.MonkeyPatch,
    model: Path,
    tmp_path: Path,
    window: int,
    stride: int,
    per: str,
) -> None:
    length = window + 45 * 15
    there, turned, peaks, others = both_ways(
        monkeypatch,
        model,
        tmp_path,
        length,
        window=window,
        stride=stride,
        min_length=1,
        threshold=0.37,
        per=per,
    )
    assert np.isfinite(there).any()
    # Six decimals, of sums over the same windows from the other end.
    np.testing.assert_allclose(turned, there, atol=2.1e-6)
    assert len(peaks) == len(others) > 1
    ends = zip(peaks["start"], peaks["end"], peaks["strand"], strict=True)
    mirrored = zip(length - others["end"], length - others["start"], others["strand"], strict=True)
    swap = {"+": "-", "-": "+", ".": "."}
    assert list(ends) == [(a, b, swap[s]) for a, b, s in mirrored][::-1]


def test_a_grid_that_does_not_end_with_the_record_has_other_windows_on_the_other_strand(
    monkeypatch: pytest.MonkeyPatch, model: Path, tmp_path: Path
) -> None:
    there, turned, *_ = both_ways(monkeypatch, model, tmp_path, 60 + 45 * 15 + 7)
    both = np.isfinite(there) & np.isfinite(turned)
    assert np.abs(turned - there)[both].max() > 1e-5


def test_a_window_whose_odds_are_no_number_is_named(
    monkeypatch: pytest.MonkeyPatch, model: Path, tmp_path: Path
) -> None:
    genome = write_fasta(tmp_path / "g.fa", {"chr1": random_dna(800, 5, (100, 170))})
    highest = [-np.inf]

    def watched(*arguments: object) -> torch.Tensor:
        found = class_value(*arguments)
        highest[0] = max(highest[0], float(found.max()))
        return found

    monkeypatch.setattr("dnasweep.genomics.sequence_values.class_value", watched)
    found = scan(monkeypatch, model, genome, tmp_path / "whole", combine="max", per="window")
    (track,) = (p for p in found.parent.iterdir() if p.name.startswith("track-"))
    with gzip.open(track / "probability.bedgraph.gz", "rt") as file:
        rows = [line.split() for line in file]
    best = max(rows, key=lambda row: float(row[3]))
    first = (int(best[1]) + int(best[2])) // 2 - 30

    def broken(*arguments: object) -> torch.Tensor:
        found = class_value(*arguments)
        return torch.where(found > highest[0] - 1e-6, torch.nan, found)

    monkeypatch.setattr("dnasweep.genomics.sequence_values.class_value", broken)
    with pytest.raises(InputError, match="log odds of the window chr1:") as caught:
        scan(monkeypatch, model, genome, tmp_path / "broken")
    said = str(caught.value).split("chr1:")[1].split("-")[0]
    assert abs(int(said.replace(",", "")) - 1 - first) <= 1
