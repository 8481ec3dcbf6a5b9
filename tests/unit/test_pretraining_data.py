"""Sequences to pretrain on, which come without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.errors import InputError
from dnasweep.storage import Storage
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.preparation import prepare_pretraining


def sequences() -> list[str]:
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACGT"), 60)) for _ in range(40)]


def read(tmp_path: Path, name: str, text: str, **options: object) -> pd.DataFrame:
    path = tmp_path / name
    path.write_text(text)
    positives_only = bool(options.pop("positives_only", False))
    found = prepare_pretraining(
        Storage(tmp_path / "runs"),
        DataOptions(**options),  # type: ignore[arg-type]
        (str(path),),
        positives_only=positives_only,
    )
    assert found is not None
    assert "labels are not read" in " ".join(f.message for f in found.audit.findings)
    return found.table


@pytest.mark.parametrize("positives_only", [False, True])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.fa", "".join(f">s{i}\n{s}\n" for i, s in enumerate(sequences()))),
        ("x.csv", "sequence\n" + "\n".join(sequences()) + "\n"),
        ("x.txt", "\n".join(sequences()) + "\n"),
    ],
)
def test_sequences_to_pretrain_on_need_no_labels(
    tmp_path: Path, name: str, text: str, positives_only: bool
) -> None:
    table = read(tmp_path, name, text, positives_only=positives_only)
    assert set(table["sequence"]) == set(sequences())
    assert set(table["label"]) == {1}, "all of them are read where positives are"


def test_labels_that_cannot_be_read_are_not_looked_at(tmp_path: Path) -> None:
    text = "sequence,label\n" + "".join(f"{s},{'x' * i}\n" for i, s in enumerate(sequences()))
    assert len(read(tmp_path, "x.csv", text)) == 40
    with pytest.raises(InputError, match="label"):
        read(tmp_path, "x.csv", text, positives_only=True)


def test_columns_named_for_the_main_data_may_be_absent(tmp_path: Path) -> None:
    text = "other,dna\n" + "".join(f"1,{s}\n" for s in sequences())
    table = read(tmp_path, "x.csv", text, sequence_column="text", label_column=("y",))
    assert set(table["sequence"]) == set(sequences())


def test_labels_that_are_there_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "sequence,label\n" + "".join(f"{s},{i % 2}\n" for i, s in enumerate(sequences()))
    )
    found = prepare_pretraining(Storage(tmp_path / "runs"), DataOptions(), (str(path),))
    assert found is not None
    assert sorted(set(found.table["label"])) == [0, 1]
