"""Every base gets its share, at its place, whatever the order of the rows."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attribution_toys import ToyAttributions, planted_tables, shuffled, toy_tables
from dnasweep.attribution import positions
from dnasweep.attribution.attribution import Attribution
from dnasweep.attribution.positions import per_base, starts_of, tss_positions
from dnasweep.attribution.summaries import profile
from dnasweep.errors import InputError
from dnasweep.formats.bases import encode
from explainer_toys import value_of_bases

TEN = "ACGTACGTAC"


def test_a_token_is_shared_by_its_bases() -> None:
    tables = toy_tables([("a", TEN, [(0, 6, 6.0), (6, 9, -3.0), (9, 10, 2.0)])])
    bases = per_base(tables)
    assert bases.values.tolist() == [[1.0] * 6 + [-1.0] * 3 + [2.0]]
    assert bases.positions.tolist() == list(range(10))
    assert not bases.tss.known
    assert "not known" in bases.tss.statement


def test_overlapping_tokens_are_averaged_or_summed() -> None:
    tables = toy_tables([("a", "ACGTA", [(0, 3, 3.0), (1, 4, 6.0), (2, 5, -3.0)])])
    assert per_base(tables).values.tolist() == [[1.0, 1.5, 2 / 3, 0.5, -1.0]]
    sums = per_base(tables, combine="sum").values
    assert sums.tolist() == [[1.0, 3.0, 2.0, 1.0, -1.0]]
    assert sums.sum() == tables.tokens["phi"].sum()


def test_bases_without_a_token_have_no_value() -> None:
    tables = toy_tables([("a", "ACGTA", [(0, 2, 1.0), (4, 5, 0.0)])])
    np.testing.assert_array_equal(per_base(tables).values, [[0.5, 0.5, np.nan, np.nan, 0.0]])
    table = profile(per_base(tables))
    assert table["position"].tolist() == [0, 1, 4]


@pytest.mark.parametrize(
    "tokenizer", ["kmer-6", "kmer-6-overlap", "kmer-5-stride-2", "bpe-64", "char"]
)
def test_agrees_with_the_attribution_of_one_sequence(tokenizer: str) -> None:
    tables = planted_tables(tokenizer, per_species=6, species=("human",)).tables
    bases = per_base(tables)
    for row, name in enumerate(tables.sequences["sequence_id"]):
        mine = tables.tokens[tables.tokens["sequence_id"] == name]
        alone = Attribution(
            token_ids=np.zeros(len(mine), np.int32),
            starts=mine["start"].to_numpy(),
            ends=mine["end"].to_numpy(),
            phi=mine["phi"].to_numpy(),
            standard_error=mine["standard_error"].to_numpy(),
            prediction=0.0,
            base_value=0.0,
            num_evals=1,
        )
        np.testing.assert_allclose(bases.values[row], value_of_bases(alone, 300), atol=1e-12)


def test_work_in_parts_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = planted_tables("kmer-6-overlap", per_species=8).tables
    whole = per_base(tables).values
    monkeypatch.setattr(positions, "_CHUNK", 50)
    np.testing.assert_allclose(per_base(tables).values, whole, rtol=1e-11, atol=1e-15)


def test_order_of_rows_changes_no_value_and_nothing_is_changed() -> None:
    tables = planted_tables("kmer-6-overlap", per_species=8).tables
    before = tables.tokens.copy(), tables.sequences.copy()
    straight, mixed = per_base(tables), per_base(shuffled(tables))
    order = pd.Index(mixed.sequences["sequence_id"]).get_indexer(
        pd.Index(straight.sequences["sequence_id"])
    )
    np.testing.assert_allclose(mixed.values[order], straight.values, rtol=1e-12, atol=1e-15)
    pd.testing.assert_frame_equal(tables.tokens, before[0])
    pd.testing.assert_frame_equal(tables.sequences, before[1])


def test_tss_by_length_of_window() -> None:
    places = tss_positions(np.array([70, 300, 401, 600, 601]))
    assert places.at.tolist() == [33, 249, 200, 300, 300]
    assert "249 of 300 bases" in places.statement
    mixed = tss_positions(np.array([300, 123, 300]))
    assert mixed.at.tolist() == [249, -1, 249]
    assert "1 sequences of other lengths are left out" in mixed.statement
    assert not tss_positions(np.array([500])).known
    given = tss_positions(np.array([500, 90]), tss_index=100)
    assert given.at.tolist() == [100, -1]
    assert "(given)" in given.statement
    with pytest.raises(InputError, match="longest sequence has 500"):
        tss_positions(np.array([500, 90]), tss_index=500)
    with pytest.raises(InputError, match="-1"):
        tss_positions(np.array([500]), tss_index=-1)


def test_the_start_in_cut_sequences_is_that_of_the_job() -> None:
    tables = toy_tables([("a", TEN * 30, [(0, 300, 6.0)])])
    assert starts_of(tables).at.tolist() == per_base(tables).tss.at.tolist() == [249]
    for told, at in ((-1, -1), (120, 120)):
        told_tables = tables._replace(settings={**tables.settings, "tss_index": told})
        assert starts_of(told_tables).at.tolist() == [at]
        assert per_base(told_tables).tss.at.tolist() == [at]
        assert starts_of(told_tables, 7).at.tolist() == [7], "what the user says counts"


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("gue/prom_core_all/test.csv.gz", 70),
        ("gue/prom_300_all/test.csv.gz", 300),
        ("epdnew/fasta401/celegans.fa.gz", 401),
        ("seed_genomic_lm/test_tata_genome.csv.gz", 601),
    ],
)
def test_the_initiator_of_real_promoters_stands_at_the_start(
    real_data: Path, name: str, length: int
) -> None:
    if name.endswith(".fa.gz"):
        records = gzip.decompress((real_data / name).read_bytes()).decode().split(">")[1:]
        sequences = ["".join(record.split("\n")[1:]).upper() for record in records]
    else:
        table = pd.read_csv(real_data / name)
        label = "label" if "label" in table else "True_Label"
        sequences = table.loc[table[label] == 1].filter(regex="^seq").iloc[:, 0].tolist()
    codes = np.stack([encode(s) for s in sequences if len(s) == length])
    pyrimidine_then_a = ((codes[:, :-1] == 1) | (codes[:, :-1] == 3)) & (codes[:, 1:] == 0)
    share = pyrimidine_then_a.mean(axis=0)
    assert share.argmax() + 1 == tss_positions(np.array([length])).at[0]
    assert share.max() > 2 * np.median(share)


def test_windows_of_several_lengths_meet_at_the_start() -> None:
    rows = [
        ("a", "A" * 249 + "C" + "A" * 50, [(249, 250, 1.0)]),
        ("b", "A" * 300 + "C" + "A" * 300, [(300, 301, 3.0)]),
        ("c", "C" * 10, [(0, 10, 9.0)]),
    ]
    bases = per_base(toy_tables(rows))
    assert bases.first == -300
    assert bases.values.shape == (2, 601)
    assert bases.sequences["sequence_id"].tolist() == ["a", "b"]
    at = list(bases.positions).index(0)
    assert bases.values[:, at].tolist() == [1.0, 3.0]
    assert bases.codes[:, at].tolist() == [1, 1]
    assert bases.codes[0, :51].tolist() == [4] * 51
    table = profile(bases)
    assert table["position"].tolist() == [0]
    assert table["mean"].tolist() == [2.0]


def test_profile_is_mean_and_spread_by_species_and_label() -> None:
    rows = [
        (name, "A", [(0, 1, phi)]) for name, phi in zip("abcd", (1.0, 2.0, 6.0, 10.0), strict=True)
    ]
    tables = toy_tables(rows, label=[1, 1, 1, 0])
    tables.sequences["species"] = ["human", "human", "mouse", "mouse"]
    table = profile(per_base(tables), percentiles=(0, 100)).set_index(["species", "label"])
    assert len(table) == 5
    every = table.loc[("all", 1)]
    assert (every["num"], every["mean"]) == (3, 3.0)
    assert every["sd"] == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert every["standard_error"] == pytest.approx(np.std([1, 2, 6], ddof=1) / np.sqrt(3))
    assert (every["low"], every["median"], every["high"]) == (1.0, 2.0, 6.0)
    assert table.loc[("human", 1), "mean"] == 1.5
    assert table.loc[("mouse", 0), "mean"] == 10.0
    assert np.isnan(table.loc[("mouse", 0), "sd"])


def test_the_profile_peaks_where_the_box_was_planted() -> None:
    planted = planted_tables("kmer-6", per_species=200, species=("human", "fruit_fly"))
    table = profile(per_base(planted.tables))
    for species, peaks in (("human", True), ("fruit_fly", False)):
        mine = table[(table["species"] == species) & (table["label"] == 1)]
        top = mine.loc[mine["mean"].idxmax()]
        assert (-35 <= top["position"] <= -20 and top["mean"] > 4 * top["standard_error"]) == peaks
    negatives = table[(table["species"] == "human") & (table["label"] == 0)]
    assert (negatives["mean"].abs() < 5 * negatives["standard_error"]).all()
    # Effect 1 a token on the share of promoters with a box, over six bases.
    boxes = planted.elements[planted.elements["element"] == "tata_box"]
    share = boxes["id"].str.startswith("human").sum() / 100
    human = table[(table["species"] == "human") & (table["label"] == 1)]
    assert human["mean"].max() == pytest.approx(share / 6, rel=0.35)


def test_tables_that_do_not_fit_are_refused() -> None:
    good = toy_tables([("a", TEN, [(0, 10, 1.0)])])
    for change, message in (
        ({"end": [11]}, "lies outside of it"),
        ({"start": [-1]}, "lies outside of it"),
        ({"end": [0]}, "lies outside of it"),
        ({"sequence_id": ["b"]}, "'b', which is not in the table"),
    ):
        with pytest.raises(InputError, match=message):
            per_base(ToyAttributions(good.tokens.assign(**change), good.sequences, {}))
    with pytest.raises(InputError, match="no column phi"):
        per_base(ToyAttributions(good.tokens.drop(columns="phi"), good.sequences, {}))
    with pytest.raises(InputError, match="no rows"):
        per_base(ToyAttributions(good.tokens.iloc[:0], good.sequences, {}))
    twice = pd.concat([good.sequences, good.sequences])
    with pytest.raises(InputError, match="'a' occurs twice in the table"):
        per_base(ToyAttributions(good.tokens, twice, {}))
