"""LIME and anchors of a model that has learnt a motif, and the table of anchors."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from dnasweep.attribution.attribution import Attribution
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.selftest import self_test
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.tables import schemas_of, to_tables
from dnasweep.attribution.verification import check_shard
from explainer_toys import Learnt, learnt, value_of_bases
from toys import MOTIF

LOCAL = ("lime", "anchors")


def explainer(toy: Learnt, estimator: str, **settings: object) -> Explainer:
    batch_rows = settings.pop("batch_rows", None)
    config = ExplainConfig(estimator=estimator, **settings)  # type: ignore[arg-type]
    return Explainer(toy.model, config, tokenizer=toy.tokenizer, batch_rows=batch_rows)  # type: ignore[arg-type]


def promoters(toy: Learnt, num: int) -> list[int]:
    return np.flatnonzero(toy.labels)[:num].tolist()


@pytest.mark.parametrize("estimator", LOCAL)
def test_the_motif_is_found_and_the_other_class_turns_the_sign(estimator: str) -> None:
    toy = learnt("kmer-3")
    rows = promoters(toy, 6)
    sequences = [toy.sequences[row] for row in rows]
    found = explainer(toy, estimator).explain(sequences)
    against = explainer(toy, estimator, target="background").explain(sequences)
    shares = []
    for row, one, other in zip(rows, found, against, strict=True):
        np.testing.assert_allclose(other.phi, -one.phi, atol=1e-9)
        assert np.isnan(one.completeness_error), "values add up to nothing"
        bases = value_of_bases(one, len(toy.sequences[row]))
        start = toy.motif_starts[row]
        if np.abs(bases).sum() > 0:
            shares.append(bases[start : start + len(MOTIF)].sum() / np.abs(bases).sum())
    assert np.mean(shares) > 0.6
    self_test(explainer(toy, estimator), sequences[0])


@pytest.mark.parametrize("estimator", LOCAL)
def test_neither_company_nor_batch_changes_a_value(estimator: str) -> None:
    toy = learnt("kmer-3")
    together = explainer(toy, estimator).explain(toy.sequences[:5])
    alone = explainer(toy, estimator, batch_rows=7).explain(toy.sequences[3:4])[0]
    scale = max(np.abs(together[3].phi).max(), 0.1)
    np.testing.assert_allclose(alone.phi, together[3].phi, atol=1e-4 * scale)
    assert alone.num_evals == together[3].num_evals
    other = explainer(toy, estimator, seed=1).explain(toy.sequences[3:4])[0]
    assert np.abs(other.phi - alone.phi).max() > 0 or not alone.phi.any()


def test_an_anchor_keeps_its_promise() -> None:
    toy = learnt("kmer-3")
    row = promoters(toy, 1)[0]
    made = explainer(toy, "anchors")
    anchor = made.explain([toy.sequences[row]])[0].anchor
    assert anchor is not None
    assert anchor.found
    rng = np.random.default_rng(7)
    masks = rng.random((2000, 12)) < 0.5
    masks[:, list(anchor.tokens)] = True
    (values,) = made.values([toy.sequences[row]], [masks])
    assert (values > 0).mean() >= 0.95
    assert anchor.lower - 0.02 <= (values > 0).mean() <= anchor.upper + 0.02


def test_values_of_coalitions_are_those_of_the_whole_and_in_order() -> None:
    toy = learnt("bpe-64")
    made = explainer(toy, "lime", max_evals=20)
    found = made.explain(toy.sequences[:4])
    order = [2, 0, 3, 2]
    masks = [np.ones((place + 1, len(found[i].phi)), bool) for place, i in enumerate(order)]
    values = made.values([toy.sequences[i] for i in order], masks)
    for place, i in enumerate(order):
        np.testing.assert_allclose(
            values[place], np.full(place + 1, found[i].prediction), atol=1e-5
        )


def tables_of(
    toy: Learnt, found: list[Attribution], estimator: str
) -> tuple[pa.Table, dict[str, pa.Table]]:
    num = len(found)
    work = pa.table(
        {
            "row": pa.array(range(num), pa.int64()),
            "id": pa.array([f"s{i}" for i in range(num)], pa.large_string()),
            "species": pa.array(["human"] * num, pa.large_string()),
            "label": pa.array([i % 2 for i in range(num)], pa.int8()),
            "sequence": pa.array(toy.sequences[:num], pa.large_string()),
        }
    )
    settings = {"value": "log_odds", "estimator": estimator}
    return work, to_tables(work, found, vocabulary=toy.tokenizer.tokens, settings=settings)


def problems(work: pa.Table, tables: dict[str, pa.Table]) -> list[str]:
    return [p.what for p in check_shard(work, tables, bounds=None, overlapping=False)]


def test_the_table_of_anchors_holds_what_was_found() -> None:
    toy = learnt("kmer-3")
    found = explainer(toy, "anchors").explain(toy.sequences[:6])
    work, tables = tables_of(toy, found, "anchors")
    assert (
        set(tables)
        == {"tokens", "sequences", "anchors"}
        == set(schemas_of({"estimator": "anchors"}))
    )
    assert not problems(work, tables)
    for row, one in zip(tables["anchors"].to_pylist(), found, strict=True):
        assert one.anchor is not None
        assert row["token_indices"] == list(one.anchor.tokens)
        assert row["called"] == (one.prediction > 0)
        assert (row["lower"], row["precision"]) == (one.anchor.lower, one.anchor.precision)
        text = toy.sequences[int(row["sequence_id"][1:])]
        for token, start, end in zip(row["tokens"], row["starts"], row["ends"], strict=True):
            assert text[start:end] == token
    assert np.isnan(tables["sequences"]["gap"].to_numpy()).all()


@pytest.mark.parametrize("what", ["bounds", "tokens", "members"])
def test_a_table_of_anchors_that_cannot_be_is_seen(what: str) -> None:
    toy = learnt("kmer-3")
    found = explainer(toy, "anchors").explain(toy.sequences[:6])
    work, tables = tables_of(toy, found, "anchors")
    rows = tables["anchors"].to_pylist()
    row = next(i for i, one in enumerate(rows) if one["tokens"])
    if what == "bounds":
        rows[row]["lower"] = rows[row]["precision"] + 0.01
    elif what == "tokens":
        rows[row]["tokens"] = ["NNN"] * len(rows[row]["tokens"])
    else:
        for name in ("token_indices", "tokens", "starts", "ends"):
            rows[row][name] = rows[row][name][1:]
    tables["anchors"] = pa.Table.from_pylist(rows, schema=tables["anchors"].schema)
    assert problems(work, tables) == ["its anchor does not fit its tokens or bounds"]


def test_lime_writes_the_usual_tables() -> None:
    toy = learnt("kmer-3")
    work, tables = tables_of(
        toy, explainer(toy, "lime", max_evals=60).explain(toy.sequences[:3]), "lime"
    )
    assert set(tables) == {"tokens", "sequences"}
    assert not problems(work, tables)
    assert (tables["tokens"]["standard_error"].to_numpy() > 0).all()


def test_settings_of_one_estimator_are_no_other_s() -> None:
    lime, anchors, shap = (
        ExplainConfig(estimator=name).to_settings()  # type: ignore[arg-type]
        for name in ("lime", "anchors", "adjusted_kernel")
    )
    assert "kernel_width" in lime
    assert "anchor_threshold" in anchors
    assert not {"kernel_width", "anchor_threshold", "anchor_tokens"} & set(shap), (
        "keys of jobs that are there stay what they were"
    )
    assert not {"anchor_threshold", "shap_batch_size"} & set(lime)
    assert json.loads(json.dumps(anchors)) == anchors


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"estimator": "anchors", "value": "logit"}, "a logit does not say which"),
        ({"estimator": "anchors", "anchor_threshold": 1.0}, "threshold is 1.0"),
        ({"estimator": "permutation", "anchor_threshold": 0.9}, "for the estimator anchors"),
        ({"estimator": "permutation", "kernel_width": 5.0}, "for the estimator lime"),
        ({"estimator": "lime", "kernel_width": 0.0}, "kernel_width is 0.0.*above 0"),
        ({"estimator": "lime", "standard_error": 0.1}, "samples on and on"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ExplainConfig(**settings)
