"""Every planted leak is found, and clean data raise no alarm."""

import json

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.audit import Audit, audit
from dnasweep.data.composition import composition
from dnasweep.data.labels import Labels
from dnasweep.data.table import check_classes, check_species, make_table
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode


def _clean(num: int = 300, window: int = 100, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = ["train"] * (num * 8 // 10) + ["validation"] * (num // 10) + ["test"] * (num // 10)
    return make_table(
        {
            "sequence": [decode(c) for c in rng.integers(0, 4, (num, window)).astype(np.uint8)],
            "label": np.arange(num) % 2,
            "species": np.where(np.arange(num) // 2 % 2, "human", "mouse"),
            "split": parts,
        }
    )


def _codes(found: Audit, level: str = "warning") -> set[str]:
    return {f.code for f in found.findings if f.level == level}


def test_clean_data_raise_no_alarm():
    found = audit(_clean())
    # 15 rows a class in validation and test are few, and said to be.
    assert _codes(found) == {"few-rows"}
    assert _codes(audit(_clean(800))) == set()


def test_classes_are_called_by_their_names():
    table = _clean(150)
    named = audit(table, labels=Labels(names=("background", "promoter")))
    few = [f.message for f in named.findings if f.code == "few-rows"]
    assert len(few) == 2
    assert all("class background in" in one or "class promoter in" in one for one in few)
    numbered = audit(table)
    assert not any("background" in f.message for f in numbered.findings)


def test_the_table_counts_by_split_and_class():
    stats = audit(_clean()).table
    assert stats["split"].tolist() == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert stats["label"].tolist() == [0, 1] * 3
    assert stats["rows"].tolist() == [120, 120, 15, 15, 15, 15]
    assert (stats["species"] == 2).all()


def test_composition_by_hand():
    table = make_table({"sequence": ["CGCGAATT", "CCCCNNNNNN"], "label": 1, "split": "train"})
    row = composition(table).iloc[0]
    assert (row["shortest"], row["median"], row["longest"]) == (8, 9.0, 10)
    assert row["gc"] == pytest.approx((0.5 + 1.0) / 2)
    assert row["unknown"] == pytest.approx(6 / 18, abs=1e-6)
    # Two CpG; expected 2 * 2 / 8 in the first, none in the second, which has no G.
    assert row["cpg"] == pytest.approx(2 / 0.5)


def test_classes_one_base_apart_are_noticed():
    table = _clean()
    longer = table["sequence"] + "A"
    found = audit(table.assign(sequence=longer.where(table["label"] == 1, table["sequence"])))
    assert "length-leak" in _codes(found)
    # Windows of many lengths in both classes are fine.
    mixed = table["sequence"].mask(pd.Series(np.arange(300) % 4 < 2), longer)
    assert "length-leak" not in _codes(audit(table.assign(sequence=mixed)))


def test_unknown_letters_in_one_class_are_noticed():
    table = _clean()
    spoiled = "N" + table["sequence"].str.slice(1)
    found = audit(table.assign(sequence=spoiled.where(table["label"] == 0, table["sequence"])))
    assert "unknown-leak" in _codes(found)


def test_composition_that_gives_the_classes_away_is_noticed():
    table = _clean()
    rich = table["sequence"].str.replace("A", "G")
    found = audit(table.assign(sequence=rich.where(table["label"] == 1, table["sequence"])))
    assert {"gc-gap", "easy"} <= _codes(found)
    assert found.baseline["validation/auroc_3mer"] > 0.95


def test_copies_in_test_are_noticed_exact_and_near():
    table = _clean()
    sequences = table["sequence"].tolist()
    sequences[290] = sequences[3]
    sequences[291] = sequences[4][:50] + "ACACACAC" + sequences[4][58:]
    sequences[292] = sequences[250]
    table = table.assign(sequence=sequences)
    found = audit(table)
    messages = {f.code: f.message for f in found.findings}
    assert {"exact-leak", "near-leak"} <= _codes(found)
    exact = [f.message for f in found.findings if f.code == "exact-leak"]
    assert any("1 test rows are also in train (first seq:291)" in m for m in exact)
    assert any("1 test rows are also in validation (first seq:293)" in m for m in exact)
    assert messages["near-leak"].startswith(
        "2 test rows are at least 80% identical to a row in train"
    )
    assert "conflicting-labels" in _codes(found)
    assert "2 of 300 rows repeat" in messages["duplicates"]


def test_every_copy_of_a_sequence_counts_on_both_sides():
    table = _clean()
    sequences = table["sequence"].tolist()
    near = sequences[0][:40] + "GTGTGT" + sequences[0][46:]
    for row in (1, 2):
        sequences[row] = sequences[0]
    for row in (280, 281, 282):
        sequences[row] = near
    found = audit(table.assign(sequence=sequences))
    near_messages = [f.message for f in found.findings if f.code == "near-leak"]
    assert near_messages[0].startswith("3 test rows")


def test_a_sequence_in_two_species():
    table = _clean()
    sequences = table["sequence"].tolist()
    sequences[2] = sequences[0]  # mouse and human, both in train, both of label 0
    found = audit(table.assign(sequence=sequences))
    assert "across-species" in _codes(found, "info")
    sequences[274] = sequences[0]
    assert "across-species" in _codes(audit(table.assign(sequence=sequences)))


def test_unequal_classes_are_noticed():
    table = _clean(900)
    kept = (table["label"] == 0) | (np.arange(900) % 20 == 1)
    assert "unequal-classes" in _codes(audit(table[kept].reset_index(drop=True)))


def test_it_reads_back_from_json():
    found = audit(_clean())
    again = Audit.from_json(json.loads(json.dumps(found.to_json())), found.scores)
    assert again.findings == found.findings
    assert again.baseline == found.baseline
    pd.testing.assert_frame_equal(again.table, found.table)
    assert found.lines()[0].startswith("warning: ")
    assert found.warnings == found.findings[: len(found.warnings)]


def test_odd_tables_are_audited_not_crashed():
    table = _clean()
    assert "one-class" in _codes(audit(table.assign(label=np.int8(1))))
    unknown = audit(table.assign(label=np.int8(-1)))
    assert unknown.baseline == {}
    blank = audit(table.assign(sequence="N" * 50))
    assert blank.baseline["test/auroc"] == 0.5
    assert "mostly-unknown" in _codes(blank)
    assert len(audit(table.iloc[:4].reset_index(drop=True)).table) == 2
    three = audit(table.assign(label=(np.arange(300) % 3).astype(np.int8)))
    assert 0 <= three.baseline["test/auroc"] <= 1
    assert len(audit(table.assign(sequence="AC")).findings) > 0


def test_checks_before_training():
    table = _clean()
    check_classes(table)
    check_species(table, ("human", "mouse"))
    check_species(table, ("human", "mouse", "rat"))
    check_species(table, ("human",))
    for bad, match in (
        (table.assign(label=np.int8(1)), "all 300 rows have the label 1"),
        (table.assign(label=table["label"].where(table.index > 0, -1)), "has no label"),
        (table[(table["split"] != "test") | (table["label"] == 0)], "the test split"),
        (table[table["split"] == "train"], "the validation split has 0 rows"),
        (table.assign(label=table["label"] + np.int8(1)), "Number the classes"),
    ):
        with pytest.raises(InputError, match=match):
            check_classes(bad)
    with pytest.raises(InputError, match="contain only human"):
        check_species(table[table["species"] == "human"], ("human", "mouse"))
    with pytest.raises(InputError, match="no training rows of worm"):
        check_species(table, ("worm",))
    with pytest.raises(InputError, match="no named species"):
        check_species(table.assign(species=""), ("human",))
