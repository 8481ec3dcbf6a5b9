"""Words counted by map-reduce: the counts of one process, from genomes and from rows."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from dnasweep.errors import InputError
from dnasweep.runtime import kmer_counts as word_counts
from dnasweep.runtime.kmer_counts import count_genome, count_rows
from dnasweep.tokens.ngrams import count_sequences


def test_counts_are_those_of_one_process(ray_cluster, tmp_path: Path, monkeypatch) -> None:
    rng = random.Random(0)
    records = ["".join(rng.choices("ACGTacgtN", k=n)) for n in (40_000, 3, 9_000_000)]
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">r{i}\n{r[:70]}\n{r[70:]}\n" for i, r in enumerate(records)))
    told: list[int] = []
    for soft_masked in (True, False):
        found = count_genome(path, 6, soft_masked=soft_masked, progress=told.append)
        assert np.array_equal(
            found.flat, count_sequences(records, 6, soft_masked=soft_masked).flat
        )
    assert sum(told) == 2 * path.stat().st_size
    assert len(told) >= 4, "pieces are counted as they come"

    rows = [records[0][i : i + 60] for i in range(0, 40_000, 50)]
    monkeypatch.setattr(word_counts, "PIECE", 5_000)
    told.clear()
    found = count_rows(rows, 5, progress=told.append)
    assert np.array_equal(found.flat, count_sequences(rows, 5).flat)
    assert sum(told) == sum(map(len, rows))

    with pytest.raises(InputError, match="no such file"):
        count_genome(tmp_path / "nowhere.fa", 6, soft_masked=True, progress=told.append)
