"""Sequences to pretrain on, which come without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dnasweep.errors import InputError
from dnasweep.storage import Storage
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.preparation import prepare_pretraining


def test_the_remedy_for_sequences_without_labels_works(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(40)]
    fasta, table = tmp_path / "unlabelled.fa", tmp_path / "unlabelled.csv"
    fasta.write_text("".join(f">s{i}\n{s}\n" for i, s in enumerate(sequences)))
    table.write_text("sequence\n" + "\n".join(sequences) + "\n")
    storage, options = Storage(tmp_path / "runs"), DataOptions()
    for file in (fasta, table):
        with pytest.raises(InputError, match="label that is 1 in every row") as refused:
            prepare_pretraining(storage, options, (str(file),))
        assert refused.value.file == str(file)
    table.write_text("sequence,label\n" + "".join(f"{s},1\n" for s in sequences))
    found = prepare_pretraining(storage, options, (str(table),))
    assert found is not None
    assert set(found.table["sequence"]) == set(sequences)
