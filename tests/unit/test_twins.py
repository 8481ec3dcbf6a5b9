"""Twins: planted ones are found with what their labels tell, repeats and chance are none."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from dnasweep.data import shared_places as search
from dnasweep.data.audit import audit
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.datasets import Dataset, build_dataset
from dnasweep.data.shared_places import MOST_ROWS, K, shared_places
from dnasweep.data.table import make_table
from dnasweep.data.twins import FEW, find_twins, place_groups, twin_findings
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode_rows, encode_flat

BASES = 100


def _random(num: int, bases: int = BASES, seed: int = 0) -> list[str]:
    codes = np.random.default_rng(seed).integers(0, 4, (num, bases)).astype(np.uint8)
    return decode_rows(codes)


def _twin_of(sequence: str, other: str, kept: slice = slice(40, 65)) -> str:
    """Return `other` with some bases of `sequence`, at their places: 25 of 100 are the same."""
    return other[: kept.start] + sequence[kept] + other[kept.stop :]


def _table(num: int = 240, *, same: float = 0.0, twins: int = 30, seed: int = 0) -> pd.DataFrame:
    """Rows of train, validation and test; the first twins of either held-out split have one in train.

    A fraction `same` of them has the label of its twin.
    """
    sequences = _random(num, seed=seed)
    labels = np.arange(num) % 2
    split = np.repeat(["train", "validation", "test"], [num // 2, num // 4, num // 4])
    for begin in (num // 2, 3 * num // 4):
        for row in range(begin, begin + twins):
            origin = row - begin
            sequences[row] = _twin_of(sequences[origin], sequences[row])
            agrees = (row - begin) < same * twins
            labels[row] = labels[origin] if agrees else 1 - labels[origin]
    return make_table({"sequence": sequences, "label": labels, "split": split})


def _by_definition(sequences: Sequence[str]) -> dict[tuple[int, int], int]:
    """Count, for every pair of rows, the places at which both have a 15-mer that counts."""
    where: dict[str, list[tuple[int, int]]] = {}
    for row, sequence in enumerate(sequences):
        for place in range(len(sequence) - K + 1):
            kmer = sequence[place : place + K]
            if set(kmer) <= set("ACGT"):
                where.setdefault(kmer, []).append((place, row))
    found: dict[tuple[int, int], int] = {}
    for kmer, hits in where.items():
        if len({kmer[i : i + 3] for i in range(K - 2)}) < 9:
            continue
        for place in {place for place, _ in hits}:
            rows = sorted(row for here, row in hits if here == place)
            if 2 * len(rows) <= len(hits) or not 2 <= len(rows) <= MOST_ROWS:
                continue
            for at, one in enumerate(rows):
                for other in rows[at + 1 :]:
                    found[one, other] = found.get((one, other), 0) + 1
    return found


def _pairs(sequences: Sequence[str]) -> dict[tuple[int, int], int]:
    found = shared_places(encode_flat(sequences))
    pairs = zip(found.first.tolist(), found.second.tolist(), strict=True)
    return dict(zip(pairs, found.shared.tolist(), strict=True))


def _mixed() -> list[str]:
    """Rows of several lengths with twins, a repeat, poly-A, N and constant ends."""
    rng = np.random.default_rng(3)
    sequences = _random(60, seed=1)
    alu = _random(1, 40, seed=2)[0]
    for row in range(0, 30, 3):
        sequences[row + 1] = _twin_of(sequences[row], sequences[row + 1], slice(row, row + 20))
        begin = int(rng.integers(0, 60))
        sequences[row + 2] = sequences[row + 2][:begin] + alu + sequences[row + 2][begin + 40 :]
    for row in (40, 41, 42):
        sequences[row] = sequences[row][:50] + "A" * 30 + sequences[row][80:]
    sequences[43] = sequences[42][:90] + "N" + sequences[42][91:]
    sequences[44] = sequences[43][:70]
    sequences += ["ACGT", "", sequences[3][:20]]
    return sequences


def test_pairs_are_those_of_the_definition(monkeypatch):
    sequences = _mixed()
    expected = _by_definition(sequences)
    assert len(expected) > 10
    assert _pairs(sequences) == expected
    # Cut into many parts, it is the same.
    monkeypatch.setattr(search, "_BUCKET", 100)
    assert _pairs(sequences) == expected


def test_the_work_is_bounded_where_all_rows_are_alike(monkeypatch):
    """A library whose ends are constant, and a thousand copies: pairs do not grow with their square."""
    sequences = [_random(1, seed=9)[0][:40] + middle for middle in _random(1000, 60, seed=8)]
    assert _pairs(sequences) == {}
    assert _pairs(_random(1, seed=9) * 1000) == {}
    copies = _pairs(_random(50, seed=7) * MOST_ROWS)
    assert len(copies) == 50 * MOST_ROWS * (MOST_ROWS - 1) // 2
    # Of more bases than are searched whole, a sample of the 15-mers is: the same in every row.
    monkeypatch.setattr(search, "_MAX_KMERS", 2000)
    twins = _random(100, seed=5) * 2
    found = _pairs(twins)
    assert set(found) <= {(row, row + 100) for row in range(100)}
    assert len(found) > 95
    assert sum(found.values()) < 3000


@pytest.mark.parametrize(("same", "rule"), [(0.0, "other"), (1.0, "same"), (0.5, "")])
def test_planted_twins_are_found_and_their_labels_tell(same, rule):
    table = _table(same=same)
    found = find_twins(table)
    assert found.rule == rule
    assert found.chosen_on == "validation"
    held = found.rows[found.rows["split"] == "test"]
    assert held["id"].tolist() == table["id"][180:210].tolist()
    assert held["twin"].tolist() == table["id"][:30].tolist()
    # Beside the 25 bases, the next ones may agree by chance.
    assert held["shared"].between(25 - K - 1, 25 - K + 6).all()
    assert held["identity"].between(0.3, 0.7).all()
    stats = found.table.set_index("split").loc["test"]
    assert (stats["rows"], stats["twins"], stats["alike"]) == (60, 0.5, 0)
    assert stats["by_chance"] == 0
    assert stats["same_label"] == same
    assert stats["other_label"] == 1 - same
    if rule:
        assert stats["mcc"] == 1
        assert stats["accuracy"] == 1
    else:
        assert pd.isna(stats["mcc"])
    told = [f for f in twin_findings(found, 0.8) if "test rows" in f.message]
    assert [f.level for f in told] == ["warning"]
    assert "30 of 60 test rows (50.0%) have a twin in train" in told[0].message
    assert "30 of them below 80% identity" in told[0].message
    assert f"{same:.1%} of these twins have the same label" in told[0].message


def test_labels_of_test_rows_do_not_choose_the_rule():
    table = _table(same=0.0)
    flipped = table.assign(
        label=table["label"].where(table["split"] != "test", 1 - table["label"]).astype("int8")
    )
    found = find_twins(flipped)
    assert found.rule == "other"
    stats = found.table.set_index("split").loc["test"]
    assert stats["mcc"] == -1
    assert stats["same_label"] == 1


def test_without_twins_in_validation_the_rule_is_chosen_on_train_and_else_not_at_all():
    table = _table(twins=30)
    no_validation = table[table["split"] != "validation"].reset_index(drop=True)
    assert find_twins(no_validation).chosen_on == ""
    message = next(twin_findings(find_twins(no_validation), 0.8)).message
    assert "too few for choosing a rule" in message
    sequences = no_validation["sequence"].tolist()
    labels = no_validation["label"].tolist()
    for row in range(60, 60 + FEW):
        sequences[row] = _twin_of(sequences[row - 20], sequences[row])
        labels[row] = 1 - labels[row - 20]
    within = find_twins(no_validation.assign(sequence=sequences, label=np.array(labels, "int8")))
    assert (within.rule, within.chosen_on) == ("other", "train")
    assert "chosen on train" in next(twin_findings(within, 0.8)).message


def test_repeats_at_the_same_place_by_accident_are_no_twins():
    """A family of 300 bases long repeats, cut at random: many rows share 15-mers, few at one place."""
    rng = np.random.default_rng(0)
    family = _random(1, 300, seed=11)[0]
    rows = []
    for sequence in _random(1500, seed=12):
        if rng.random() < 0.4:
            begin, at = int(rng.integers(0, 250)), int(rng.integers(0, 50))
            sequence = sequence[:at] + family[begin : begin + 50] + sequence[at + 50 :]
        rows.append(sequence)
    split = np.repeat(["train", "validation", "test"], [1200, 150, 150])
    table = make_table({"sequence": rows, "label": rng.integers(0, 2, 1500), "split": split})
    plain = {(s[p : p + K], p) for s in rows[:1200] for p in range(BASES - K + 1)}
    naive = [any((s[p : p + K], p) in plain for p in range(BASES - K + 1)) for s in rows[1350:]]
    assert np.mean(naive) > 0.25
    found = find_twins(table)
    stats = found.table.set_index("split").loc["test"]
    assert stats["twins"] < 0.05
    assert not [f for f in twin_findings(found, 0.8) if f.level == "warning"]


def test_low_complexity_at_one_place_is_no_twin():
    rows = [s[:40] + "CA" * 12 + s[64:] for s in _random(8, seed=1)] + _random(32, seed=2)
    assert _pairs(rows) == {}


def test_twins_with_rare_labels_or_many_classes():
    """Nine of ten labels are 0: twins by chance agree in eight of ten, and tell nothing."""
    table = _table(480, twins=100)
    rng = np.random.default_rng(0)
    rare = table.assign(label=(rng.random(480) < 0.1).astype("int8"))
    found = find_twins(rare)
    assert found.rule == ""
    assert found.table.set_index("split").loc["test", "same_label"] > 0.7
    three = table.assign(label=(np.arange(480) % 3).astype("int8"))
    assert find_twins(three).rule in ("same", "")
    unknown = find_twins(table.assign(label=np.int8(-1)))
    assert unknown.rule == ""
    assert unknown.table["same_label"].isna().all()
    assert len(unknown.rows) > 0
    assert not find_twins(table.iloc[:3].reset_index(drop=True)).table.empty


def test_similar_rows_are_told_apart_from_twins():
    table = _table(twins=0)
    sequences = table["sequence"].tolist()
    sequences[200] = sequences[0][:50] + "ACACAC" + sequences[0][56:]
    found = find_twins(table.assign(sequence=sequences))
    assert found.rows["identity"].tolist() == pytest.approx([0.94], abs=0.04)
    stats = found.table.set_index("split").loc["test"]
    assert stats["twins"] == stats["alike"] == 1 / 60
    assert [f.level for f in twin_findings(found, 0.8)] == ["info"]


def test_the_audit_has_them_and_a_data_set_keeps_them(tmp_path):
    table = _table(same=0.0)
    found = audit(table)
    assert [f.level for f in found.findings if f.code == "twins"] == ["warning", "warning"]
    Dataset(table=table, audit=found).write(tmp_path / "made")
    again = Dataset.read(tmp_path / "made").audit
    pd.testing.assert_frame_equal(again.twins, found.twins)
    pd.testing.assert_frame_equal(again.twin_table, found.twin_table)
    assert len(again.twins) == 60
    empty = audit(_table(twins=0))
    Dataset(table=table, audit=empty).write(tmp_path / "none")
    assert Dataset.read(tmp_path / "none").audit.twins.empty


def _written(folder, splits: bool) -> DatasetConfig:
    table = _table(400, twins=80)
    columns = ["sequence", "label", *(["split"] if splits else [])]
    folder.mkdir()
    table[columns].to_csv(folder / "rows.csv", index=False)
    return DatasetConfig(data=(str(folder / "rows.csv"),))


def test_twins_stay_together_in_a_split_that_is_made(tmp_path):
    config = _written(tmp_path / "anew", splits=False)
    apart = build_dataset(config).audit.twin_table.set_index("split")
    assert apart.loc["test", "twins"] > 0.1
    kept = build_dataset(dataclasses.replace(config, split_groups="twins"))
    assert (kept.audit.twin_table.set_index("split")["twins"][["validation", "test"]] == 0).all()
    assert set(kept.table["split"]) == {"train", "validation", "test"}
    assert dataset_key(config) != dataset_key(dataclasses.replace(config, split_groups="twins"))


def test_twins_are_not_moved_between_given_splits(tmp_path):
    config = _written(tmp_path / "given", splits=True)
    with pytest.raises(InputError, match="but the data give the splits") as caught:
        build_dataset(dataclasses.replace(config, split_groups="twins"))
    assert "--split cluster" in str(caught.value)
    with pytest.raises(InputError, match="splits that are given"):
        dataclasses.replace(config, split_groups="twins", split="given")
    made = build_dataset(dataclasses.replace(config, split_groups="twins", split="cluster"))
    assert made.audit.twin_table.set_index("split").loc["test", "twins"] == 0


def test_groups_of_generated_negatives_and_twins_are_joined():
    table = _table(twins=2)
    groups = np.full(len(table), -1)
    groups[[0, 5]] = 3
    joined = place_groups(table, groups)
    assert joined[0] == joined[5] == joined[120] == joined[180]
    assert joined[1] == joined[121] != joined[0]
    assert len(np.unique(joined)) == len(table) - 5


def test_chromosomes_of_train_in_test_are_noted():
    table = _table(twins=0).assign(
        chrom=["chr1", "chr2"] * 90 + ["chr2", "chr3"] * 30,
        start=np.arange(240) * 1000,
        end=np.arange(240) * 1000 + BASES,
    )
    told = [f for f in audit(make_table(table)).findings if f.code == "shared-chromosomes"]
    assert [f.level for f in told] == ["info"]
    assert told[0].message.startswith("30 of 60 test rows lie on a chromosome that rows of train")
    apart = make_table(table.assign(chrom=["chr1"] * 180 + ["chr2"] * 60))
    assert "shared-chromosomes" not in {f.code for f in audit(apart).findings}
