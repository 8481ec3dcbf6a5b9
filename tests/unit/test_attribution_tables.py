"""Tables of attributions: what they hold, how they are read, checked before and verified after."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from dnasweep.attribution.attribution import Attribution
from dnasweep.attribution.checks import check_model, count_tokens, find_unfit
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.tables import (
    SCHEMAS,
    read_attributions,
    read_settings,
    to_tables,
    work_list,
)
from dnasweep.attribution.verification import Bounds, check_shard
from dnasweep.attribution.worker import AttributionWorker, facts_of
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.stages.models import KIND, keep_model, model_digest
from dnasweep.storage import Storage
from toys import TINY, ToyLanguage, toy_language

SETTINGS = {"value": "log_odds", "target": "positive", "tokenizer": "kmer-3"}
NUM = 6


@pytest.fixture(scope="module")
def toy() -> ToyLanguage:
    return toy_language(24, ragged=9)


@pytest.fixture(scope="module")
def model(toy: ToyLanguage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with large weights, so that values are far from zero."""
    made = build_classifier(
        TINY,
        tokenizer=toy.tokenizer,
        num_tokens=32,
        dropout=0.0,
        seed=0,
        label_names=("negative", "positive"),
    )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(2)
    return export(made, toy.tokenizer, tmp_path_factory.mktemp("model"))


def sequences_table(sequences: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"s{i}" for i in range(len(sequences))],
            "species": "human",
            "label": np.array([i % 2 for i in range(len(sequences))], np.int8),
            "sequence": sequences,
        }
    )


def attribution(num_tokens: int, *, seed: int = 0, width: int = 3) -> Attribution:
    rng = np.random.default_rng(seed)
    phi = rng.normal(size=num_tokens)
    return Attribution(
        token_ids=rng.integers(5, 69, num_tokens).astype(np.int32),
        starts=np.arange(num_tokens, dtype=np.int32) * width,
        ends=np.arange(1, num_tokens + 1, dtype=np.int32) * width,
        phi=phi,
        standard_error=np.where(np.arange(num_tokens) % 2, 0.25, np.nan),
        prediction=float(phi.sum() - 1),
        base_value=-1.0,
        num_evals=100 + num_tokens,
    )


@pytest.fixture
def shard(toy: ToyLanguage) -> tuple[pa.Table, dict[str, pa.Table], list[Attribution]]:
    """Work list and tables of sequences of 2 to 7 tokens."""
    found = [attribution(2 + i, seed=i) for i in range(NUM)]
    table = sequences_table([toy.sequences[i][: 3 * (2 + i)] for i in range(NUM)])
    rows = work_list(table, np.full(NUM, 9))
    made = to_tables(rows, found, vocabulary=toy.tokenizer.tokens, settings=SETTINGS)
    return rows, made, found


def test_a_row_a_token_and_a_row_a_sequence(shard, toy: ToyLanguage) -> None:
    _, tables, found = shard
    tokens, sequences = (tables[name].to_pandas() for name in ("tokens", "sequences"))
    assert len(tokens) == 2 + 3 + 4 + 5 + 6 + 7
    assert list(sequences["row"]) == list(range(NUM))
    for row, one in enumerate(found):
        mine = tokens[tokens["sequence_id"] == f"s{row}"]
        assert list(mine["token_index"]) == list(range(2 + row))
        assert list(mine["token"]) == [toy.tokenizer.tokens[i] for i in one.token_ids]
        np.testing.assert_array_equal(mine["phi"], one.phi)
        np.testing.assert_array_equal(mine["start"], one.starts)
        np.testing.assert_array_equal(mine["end"], one.ends)
        np.testing.assert_array_equal(mine["standard_error"], one.standard_error)
        assert sequences["gap"][row] == one.completeness_error
        assert sequences["mean_standard_error"][row] == 0.25
        assert sequences["num_evals"][row] == 102 + row
        assert sequences["probability"][row] == pytest.approx(1 / (1 + np.exp(-one.prediction)))


def test_a_comparison_of_two_classes_has_no_probability(shard, toy: ToyLanguage) -> None:
    rows, _, found = shard
    settings = {**SETTINGS, "against": "enhancer"}
    made = to_tables(rows, found, vocabulary=toy.tokenizer.tokens, settings=settings)
    assert np.isnan(made["sequences"]["probability"].to_numpy()).all()


def test_the_schema_is_a_promise() -> None:
    # Other people's scripts read these tables: a change is a new schema version.
    assert {n: [f"{f.name} {f.type}" for f in s] for n, s in SCHEMAS.items()} == {
        "tokens": [
            "sequence_id string", "token_index int32", "token string", "start int32",
            "end int32", "phi double", "standard_error double",
        ],
        "sequences": [
            "sequence_id string", "row int64", "species string", "label int8", "sequence string",
            "num_tokens int32", "full double", "empty double", "gap double", "num_evals int32",
            "mean_standard_error double", "probability double", "called bool",
        ],
    }  # fmt: skip


def test_the_longest_come_first_and_rows_are_remembered() -> None:
    rows = work_list(sequences_table(["A", "CC", "GGG", "TT"]), np.array([1, 2, 3, 2]))
    assert rows["id"].to_pylist() == ["s2", "s1", "s3", "s0"]
    assert rows["row"].to_pylist() == [2, 1, 3, 0]


def write(folder: Path, shard: int, tables: dict[str, pa.Table]) -> None:
    to = folder / "shards" / f"{shard:05d}"
    to.mkdir(parents=True)
    for name, table in tables.items():
        pq.write_table(table, to / f"{name}.parquet")


def test_reading_puts_sequences_into_the_order_of_the_input(shard, tmp_path: Path, toy) -> None:
    rows, _, found = shard
    order = [3, 0, 5, 1, 4, 2]
    for number, part in enumerate((order[:2], order[2:4], order[4:])):
        tables = to_tables(
            rows.take(part),
            [found[i] for i in part],
            vocabulary=toy.tokenizer.tokens,
            settings=SETTINGS,
        )
        write(tmp_path, number, tables)
    read = read_attributions(tmp_path)
    assert read.settings == SETTINGS
    assert list(read.sequences["sequence_id"]) == [f"s{i}" for i in range(NUM)]
    np.testing.assert_array_equal(read.tokens["phi"], np.concatenate([o.phi for o in found]))
    assert list(dict.fromkeys(read.tokens["sequence_id"])) == list(read.sequences["sequence_id"])
    part = read_attributions(tmp_path, max_sequences=4)
    assert set(part.sequences["row"]) == {3, 0, 4, 2}, "the first shard and the last"
    assert set(part.tokens["sequence_id"]) == set(part.sequences["sequence_id"])


def test_other_tables_are_refused(shard, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no attributions here.*shap-batch"):
        read_attributions(tmp_path)
    schema = shard[1]["tokens"].schema
    assert read_settings(schema) == SETTINGS
    newer = schema.with_metadata({**schema.metadata, b"dnasweep_schema": b"3"})
    with pytest.raises(InputError, match="schema version 3, this program reads 2"):
        read_settings(newer)


def replaced(
    tables: dict[str, pa.Table], table: str, column: str, change: Callable
) -> dict[str, pa.Table]:
    """The tables with one column changed by a function of its values."""
    old = tables[table]
    at = old.schema.get_field_index(column)
    values = pa.array(change(old[column].to_numpy().copy()), old.schema.field(at).type)
    return {**tables, table: old.set_column(at, old.schema.field(at), values)}


def put(position: int, value: object) -> Callable:
    def change(values: np.ndarray) -> np.ndarray:
        values[position] = value
        return values

    return change


def test_whole_tables_pass(shard) -> None:
    rows, tables, _ = shard
    assert list(check_shard(rows, tables, bounds=Bounds(), overlapping=False)) == []


@pytest.mark.parametrize(
    ("table", "column", "change", "said"),
    [
        ("tokens", "token_index", put(3, 7), "do not count from 0"),
        ("tokens", "start", put(3, 4), "do not cover its bases"),
        ("tokens", "end", put(4, 8), "do not cover its bases"),
        ("tokens", "start", put(0, 1), "do not cover its bases"),
        ("tokens", "end", put(1, 5), "do not cover its bases"),
        ("tokens", "phi", put(6, np.nan), "not finite"),
        ("tokens", "phi", put(6, 50.0), "gap is not that of its tokens"),
        ("tokens", "sequence_id", put(2, "s0"), "not those of the sequences"),
        ("sequences", "gap", put(0, 0.1), "gap is not that of its tokens"),
        ("sequences", "full", put(0, np.inf), "not finite"),
        ("sequences", "num_tokens", put(0, 3), "not those of the sequences"),
        ("sequences", "row", put(1, 0), "column row is not that of the work list"),
        ("sequences", "label", put(1, 5), "column label"),
        ("sequences", "sequence", put(1, "ACGTACGTA"), "column sequence"),
    ],
)
def test_every_kind_of_damage_is_found(shard, table, column, change, said) -> None:
    rows, tables, _ = shard
    broken = replaced(tables, table, column, change)
    found = list(check_shard(rows, broken, bounds=Bounds(), overlapping=False))
    assert found
    assert any(said in problem.what for problem in found), found


def test_a_sequence_lost_or_twice_is_found(shard) -> None:
    rows, tables, _ = shard
    short = {**tables, "sequences": tables["sequences"].slice(1)}
    assert (
        "5 rows for 6 sequences"
        in next(check_shard(rows, short, bounds=Bounds(), overlapping=False)).what
    )
    twice = {**tables, "sequences": tables["sequences"].take([0, 0, 2, 3, 4, 5])}
    assert list(check_shard(rows, twice, bounds=Bounds(), overlapping=False))


def test_the_bound_is_relative_or_absolute_whichever_is_larger(shard, toy: ToyLanguage) -> None:
    rows, _, found = shard
    missed = [dataclasses.replace(one, prediction=one.prediction + 0.02) for one in found]
    tables = to_tables(rows, missed, vocabulary=toy.tokenizer.tokens, settings=SETTINGS)

    def problems(**bounds: float) -> int:
        checked = check_shard(rows, tables, bounds=Bounds(**bounds), overlapping=False)
        return sum("miss full - empty by 0.02" in problem.what for problem in checked)

    spans = np.array([abs(one.prediction - one.base_value) for one in missed])
    assert problems() == NUM
    assert problems(absolute=0.03) == 0
    assert problems(relative=0.02 / np.median(spans)) == NUM // 2


def test_overlapping_tokens_cover_every_base(shard, toy: ToyLanguage) -> None:
    one = dataclasses.replace(
        attribution(4), starts=np.arange(4, dtype=np.int32), ends=np.arange(3, 7, dtype=np.int32)
    )
    rows = work_list(sequences_table([toy.sequences[0][:6]]), np.array([6]))
    tables = to_tables(rows, [one], vocabulary=toy.tokenizer.tokens, settings=SETTINGS)
    assert not list(check_shard(rows, tables, bounds=Bounds(), overlapping=True))
    assert list(check_shard(rows, tables, bounds=Bounds(), overlapping=False))
    torn = replaced(tables, "tokens", "start", put(3, 6))
    assert list(check_shard(rows, torn, bounds=Bounds(), overlapping=True))


def test_a_worker_writes_what_the_explainer_says(toy, model: Path, tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    settings = {**dataclasses.asdict(ExplainConfig(target="negative")), "tokenizer": "kmer-3"}
    worker = AttributionWorker(
        storage=storage.root, kind=KIND, key=keep_model(storage, model), settings=settings
    )
    table = sequences_table(toy.sequences)
    rows = work_list(table, count_tokens(toy.sequences, toy.tokenizer))
    worker.smoke_test(rows.slice(0, 1))
    seen: list[int] = []
    tables, facts = worker.compute(rows, seen.append)
    assert seen[-1] == 24
    expected = Explainer(model, ExplainConfig(target="negative"), device="cpu").explain(
        toy.sequences
    )
    tokens = tables["tokens"].to_pandas().set_index("sequence_id")
    sequences = tables["sequences"].to_pandas()
    for row, name, num in zip(
        sequences["row"], sequences["sequence_id"], sequences["num_tokens"], strict=True
    ):
        assert num == len(expected[row].phi)
        np.testing.assert_allclose(tokens.loc[name, "phi"], expected[row].phi, atol=1e-5)
    assert not list(check_shard(rows, tables, bounds=Bounds(), overlapping=False))
    assert facts == facts_of(tables)
    assert facts["num_tokens"] == len(tokens) == sum(len(one.phi) for one in expected)
    assert facts["num_evals"] == sum(one.num_evals for one in expected)


def test_facts_of_a_shard_add_up(shard) -> None:
    _, tables, found = shard
    facts = facts_of(tables)
    assert facts["num_evals"] == sum(one.num_evals for one in found)
    assert facts["max_gap"] == max(one.completeness_error for one in found)
    assert facts["sum_span"] == pytest.approx(
        sum(abs(one.prediction - one.base_value) for one in found)
    )
    assert facts["sum_standard_error"] == pytest.approx(0.25 * NUM)


def test_a_model_is_known_before_its_weights_are_loaded(model: Path) -> None:
    facts = check_model(model)
    assert (facts.names, facts.target, facts.capacity) == (
        ["negative", "positive"],
        "positive",
        32,
    )
    assert check_model(model, target="negative").target == "negative"
    with pytest.raises(InputError, match=r"no class 'promoter'.*negative, positive"):
        check_model(model, target="promoter")


def changed(model: Path, folder: Path, **config: object) -> Path:
    """A copy of the model with another configuration."""
    for path in model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    there = json.loads((model / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**there, **config}))
    return folder


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"architectures": ["RobertaForMaskedLM"]}, "RobertaForMaskedLM, which has no class"),
        ({"id2label": {"0": "x"}}, "names 1 class in id2label"),
        ({"vocab_size": 20}, r"ids up to 72 and the model has 20"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, r"one must be named.*--target: a, b, c"),
    ],
)
def test_a_model_that_cannot_be_explained_is_refused(model, tmp_path, config, said) -> None:
    with pytest.raises(InputError, match=said):
        check_model(changed(model, tmp_path, **config))


def test_a_masked_language_model_has_no_classes(toy: ToyLanguage, tmp_path: Path) -> None:
    made = build_masked_lm(TINY, tokenizer=toy.tokenizer, num_tokens=32, dropout=0.0, seed=0)
    with pytest.raises(InputError, match=r"no classification head.*fine-tuned"):
        check_model(export(made, toy.tokenizer, tmp_path))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(InputError, match="there are no weights"):
        check_model(tmp_path)


def test_sequences_that_cannot_be_explained_are_named(toy: ToyLanguage) -> None:
    table = sequences_table(["ACGTAC", "N" * 12, "ACG" * 9, "ACGNNN", "RYSW"])
    counts = count_tokens(table["sequence"].tolist(), toy.tokenizer)
    assert counts.tolist() == [4, 6, 11, 4, 4]
    unfit = find_unfit(table, counts, 10)
    assert [one.position for one in unfit] == [1, 2, 4]
    assert "'s1' has no known base to explain in its 12" in unfit[0].reason
    assert "'s2' of 27 bases has 11 tokens, but the model has 10 positions" in unfit[1].reason


def test_a_model_is_the_same_wherever_it_lies(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    changed(model, copy, transformers_version="9.9", _name_or_path="elsewhere")
    settings = json.loads((copy / "tokenizer.json").read_text())
    (copy / "tokenizer.json").write_text(json.dumps(settings, indent=4))
    assert model_digest(copy) == model_digest(model)
    other = tmp_path / "other"
    other.mkdir()
    assert model_digest(changed(model, other, layer_norm_eps=0.1)) != model_digest(model)
    (copy / "training_args.bin").write_bytes(b"pickle")
    storage = Storage(tmp_path / "runs")
    kept = storage.find(KIND, keep_model(storage, copy))
    assert kept is not None
    assert not list(kept.glob("*.bin")), "nothing that could be unpickled is copied"
    assert check_model(kept).target == "positive"
