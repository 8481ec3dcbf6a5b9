"""What is on both sides of a border, against every pair of rows on both strands."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.audit import audit
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.datasets import build_dataset
from dnasweep.data.leak_policy import find_copies, rejected_copies
from dnasweep.data.splits import split_table
from dnasweep.data.table import make_table
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode, reverse_complement
from dnasweep.formats.rejects import write_rejects


def _random(num: int, window: int = 90, seed: int = 0) -> list[str]:
    codes = np.random.default_rng(seed).integers(0, 4, (num, window)).astype(np.uint8)
    return [decode(c) for c in codes]


def _changed(sequence: str, bases: int, rng: np.random.Generator) -> str:
    letters = list(sequence)
    for place in rng.choice(len(letters), bases, replace=False):
        letters[place] = "ACGT"["CGTA".index(letters[place])]
    return "".join(letters)


def _mixed(num: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows of which some are copies or near copies of others, on either strand, in any split."""
    rng = np.random.default_rng(seed)
    pool = _random(num // 2, seed=seed)
    sequences = []
    for _ in range(num):
        sequence = pool[int(rng.integers(len(pool)))]
        if rng.random() < 0.3:
            sequence = _changed(sequence, 8, rng)
        sequences.append(reverse_complement(sequence) if rng.random() < 0.5 else sequence)
    splits = rng.choice(["train", "validation", "test"], num, p=[0.6, 0.2, 0.2])
    return make_table({"sequence": sequences, "label": rng.integers(0, 2, num), "split": splits})


def _agreement(a: str, b: str) -> float:
    return float(np.mean([x == y for x, y in zip(a, b, strict=True)]))


@pytest.fixture(scope="module")
def compared() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """A table, and for every pair of rows their identity as they read and with one of them turned."""
    table = _mixed()
    letters = np.array([list(s) for s in table["sequence"]])
    turned = np.array([list(reverse_complement(s)) for s in table["sequence"]])
    read = (letters[:, None] == letters).mean(axis=2)
    other = (letters[:, None] == turned).mean(axis=2)
    return table, read, other


@pytest.mark.parametrize(
    ("code", "least", "words"),
    [
        ("exact-leak", 1.0, "are also in {other}"),
        ("near-leak", 0.8, "are at least 80% identical to a row in {other}"),
    ],
)
def test_findings_count_what_comparing_every_pair_on_both_strands_finds(
    compared, code, least, words
):
    table, read, other = compared
    splits = table["split"].to_numpy()
    messages = [f.message for f in audit(table).findings if f.code == code]
    assert len(messages) == 3
    for split, earlier in (("validation", "train"), ("test", "train"), ("test", "validation")):
        there = splits == earlier
        forward = (splits == split) & (read[:, there] >= least).any(axis=1)
        rows = forward | ((splits == split) & (other[:, there] >= least).any(axis=1))
        reverse = int((rows & ~forward).sum())
        assert reverse > 0
        first = table["id"][int(rows.argmax())]
        told = (
            f"{rows.sum()} {split} rows {words.format(other=earlier)}, {reverse} of them on the "
        )
        assert f"{told}other strand (first {first})" in messages


def test_duplicates_and_conflicting_labels_are_those_of_all_pairs(compared):
    table, read, other = compared
    same, either = read == 1, (read == 1) | (other == 1)
    messages = {f.code: f.message for f in audit(table).findings}
    repeats = [either[row, :row].any() for row in range(len(table))]
    turned = [either[row, :row].any() and not same[row, :row].any() for row in range(len(table))]
    assert messages["duplicates"] == (
        f"{sum(repeats)} of 400 rows repeat the sequence of an earlier row, {sum(turned)} of them on "
        "the other strand"
    )
    labels = table["label"].to_numpy()
    differ = labels[:, None] != labels
    read_so = (same & differ).any(axis=1)
    conflicts = table["sequence"][read_so].nunique()
    assert messages["conflicting-labels"].startswith(f"{conflicts} sequences have more than one")
    # Molecules of which one strand has one label and the other strand the other.
    only = (either & differ).any(axis=1) & ~(either & read_so).any(axis=1)
    forms = {min(s, reverse_complement(s)) for s in table["sequence"][only]}
    assert len(forms) > 0
    assert messages["conflicting-strands"].startswith(f"{len(forms)} sequences have one label and")


def test_300_pairs_of_reverse_complements_never_straddle_a_split():
    one = _random(300, seed=4)
    table = make_table(
        {"sequence": [*one, *map(reverse_complement, one)], "label": [*([0, 1] * 300)]}
    )
    for method in ("cluster", "random"):
        sides = split_table(table, method=method)["split"].to_numpy()
        assert (sides[:300] == sides[300:]).all()
        assert set(sides) == {"train", "validation", "test"}
    cut = table.assign(split=pd.Series(["train"] * 590 + ["test"] * 10).astype("str"))
    sides = split_table(cut, method="given")["split"].to_numpy()
    assert (sides[:290] == sides[300:590]).all()
    assert "validation" in sides


def test_relatives_of_other_species_are_found_on_the_other_strand():
    rng = np.random.default_rng(0)
    one = _random(20, seed=6)
    two = [reverse_complement(_changed(s, 9, rng)) for s in one]
    table = make_table(
        {
            "sequence": [*one, *two],
            "label": [0, 1] * 20,
            "species": ["human"] * 20 + ["mouse"] * 20,
            "split": ["train"] * 20 + ["test"] * 20,
        }
    )
    found = {f.code: f for f in audit(table).findings}
    assert found["across-species"].level == "warning"
    assert found["across-species"].message.startswith(
        "40 rows are at least 80% identical to a row of another species"
    )
    assert "20 of their 20 clusters" not in found["across-species"].message
    assert "their 20 clusters 20 straddle" in found["across-species"].message


def _given(folder, *, turned: int = 0, balanced: bool = True) -> DatasetConfig:
    """Write given splits; the last rows of train are reverse complements of the first of test."""
    folder.mkdir()
    pools = {name: _random(n, seed=i) for i, (name, n) in enumerate(SIZES.items())}
    others = [reverse_complement(s) for s in pools["test"][:turned]]
    pools["train"] = [*pools["train"], *others] if balanced else others
    for name, sequences in pools.items():
        labels = np.arange(len(sequences)) % 2
        pd.DataFrame({"sequence": sequences, "label": labels}).to_csv(
            folder / f"{name}.csv", index=False
        )
    return DatasetConfig(data=(str(folder),))


SIZES = {"train": 40, "dev": 20, "test": 20}


def test_a_test_set_of_reverse_complements_of_training_rows_is_refused(tmp_path):
    config = _given(tmp_path / "given", turned=6)
    with pytest.raises(InputError, match="the reverse complement of this test row") as caught:
        build_dataset(config)
    error = caught.value
    assert "such copies in all: 6 in test, 6 on the other strand" in str(error)
    assert str(error.file).endswith("test.csv")
    assert error.row == 2
    assert re.search(r"train\.csv, row 42", str(error))


@pytest.mark.parametrize("way", [{"leaks": "drop"}, {"skip_bad_rows": True}])
def test_reverse_complements_of_later_splits_are_left_out(tmp_path, way):
    config = dataclasses.replace(_given(tmp_path / "given", turned=6), **way)
    made = build_dataset(config, rejects=tmp_path / "rejects.tsv")
    assert made.table["split"].value_counts().to_dict() == {
        "train": 40,
        "validation": 20,
        "test": 20,
    }
    assert pd.read_csv(tmp_path / "rejects.tsv", sep="\t")["row"].tolist() == [*range(42, 48)]
    codes = {f.code for f in made.audit.findings}
    assert "exact-leak" not in codes
    assert "dropped-copies" in codes


def test_they_are_kept_with_a_warning_and_split_anew_as_the_message_says(tmp_path):
    config = _given(tmp_path / "given", turned=6)
    kept = build_dataset(dataclasses.replace(config, leaks="keep"))
    assert len(kept.table) == 86
    told = [f.message for f in kept.audit.warnings if f.code == "exact-leak"]
    assert told[0].startswith("6 test rows are also in train, 6 of them on the other strand")
    anew = build_dataset(dataclasses.replace(config, split="cluster"))
    assert "exact-leak" not in {f.code for f in anew.audit.findings}


def test_leaving_copies_out_is_not_offered_where_it_leaves_nothing_to_train_on(tmp_path):
    config = _given(tmp_path / "given", turned=20, balanced=False)
    with pytest.raises(InputError, match="--split cluster") as caught:
        build_dataset(config)
    assert "--leaks drop" not in str(caught.value)
    assert "--skip-bad-rows" not in str(caught.value)
    assert "--leaks keep" in str(caught.value)


@pytest.mark.parametrize("way", [{"leaks": "drop"}, {"skip_bad_rows": True}])
def test_a_given_split_is_not_replaced_where_all_of_its_rows_would_go(tmp_path, way):
    config = _given(tmp_path / "given")
    test = pd.read_csv(tmp_path / "given" / "test.csv")
    turned = test.assign(sequence=[reverse_complement(s) for s in test["sequence"]])
    turned.to_csv(tmp_path / "given" / "dev.csv", index=False)
    with pytest.raises(InputError, match="all 20 validation rows are also in a later split"):
        build_dataset(dataclasses.replace(config, **way))
    anew = build_dataset(dataclasses.replace(config, split="cluster"))
    assert set(anew.table["split"]) == {"train", "validation", "test"}


def test_rows_left_out_agree_with_comparing_every_pair(compared, tmp_path):
    table, read, other = compared
    places = pd.DataFrame({"file": "all.csv", "row": np.arange(len(table)) + 2})
    found = find_copies(table, places)
    order = table["split"].map({"train": 0, "validation": 1, "test": 2}).to_numpy()
    either = (read == 1) | (other == 1)
    later = order[:, None] < order
    np.testing.assert_array_equal(found.rows, (either & later).any(axis=1))
    rest = table[~found.rows].reset_index(drop=True)
    assert find_copies(rest, places).error is None
    write_rejects(rejected_copies(table, places, found.rows), tmp_path / "rejects.tsv")
    assert len(pd.read_csv(tmp_path / "rejects.tsv", sep="\t")) == found.rows.sum()
