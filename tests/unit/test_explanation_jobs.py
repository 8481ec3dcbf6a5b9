"""A comparison before and beside its attribution jobs: rows, options, curves, shuffled weights."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.tables import StoredAttributions, to_tables
from dnasweep.config import ModelConfig, TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.jobs.explanation_options import ComparisonOptions, check_options
from dnasweep.jobs.explanation_rows import choose, choose_rows, class_names_of, read_elements
from dnasweep.method_comparison.curve_rows import curve_settings, curve_work
from dnasweep.method_comparison.curve_worker import CurveWorker
from dnasweep.method_comparison.curves import RANDOM
from dnasweep.models.architecture import build_classifier
from dnasweep.models.pretrained.checkpoint import load_classifier, read_weights
from dnasweep.models.randomised import cascade, num_parts, randomise
from dnasweep.stages.models import KIND, keep_model
from dnasweep.storage import Storage
from dnasweep.tokens.tokenizers import fit
from dnasweep.workflows.explanation_comparison import _settings, run_comparison
from rich.console import Console
from shap_toys import write_model, write_sequences


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def options(model: Path, tmp_path: Path) -> ComparisonOptions:
    write_sequences(tmp_path / "toy.csv", 12)
    return ComparisonOptions(
        model=(str(model),), data=(str(tmp_path / "toy.csv"),), storage=str(tmp_path / "runs")
    )


def test_rows_are_drawn_of_each_label_alike() -> None:
    labels = np.array([1] * 50 + [0] * 5, np.int8)
    rows = choose(labels, 20, 0)
    assert len(rows) == len(set(rows.tolist())) == 20
    assert (labels[rows] == 0).sum() == 5, "all there are"
    assert (np.diff(rows) > 0).all(), "in their order"
    np.testing.assert_array_equal(rows, choose(labels, 20, 0))
    assert rows.tolist() != choose(labels, 20, 1).tolist()
    assert choose(labels, 99, 0).tolist() == list(range(55))
    assert (labels[choose(labels, 8, 0)] == 1).sum() == 4


def test_rows_left_out_make_another_report_of_the_same_explanations(
    options: ComparisonOptions,
) -> None:
    """The report lists them; one made before there were any does not."""
    asked = dataclasses.replace(options, skip_bad_rows=True)
    without = choose_rows(asked)
    with Path(options.data[0]).open("a") as file:
        file.write("bad,not DNA!,0\n")
    some = choose_rows(asked)
    assert len(some.reading.rejected) == 1
    pd.testing.assert_frame_equal(without.reading.table, some.reading.table)
    made = [_settings(asked, [], [], chosen) for chosen in (without, some)]
    assert {key: value for key, value in made[1].items() if key != "rejects"} == made[0]
    assert made[1]["rejects"]


def renamed(model: Path, folder: Path, names: list[str]) -> Path:
    """Copy a model under other class names."""
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "id2label": dict(enumerate(names)),
        "label2id": {name: i for i, name in enumerate(names)},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_labels_in_words_are_the_classes_of_the_model(
    model: Path, options: ComparisonOptions, tmp_path: Path
) -> None:
    words = renamed(model, tmp_path / "words", ["promoter", "background"])
    path = tmp_path / "words.csv"
    path.write_text("sequence,label\nACGTACGTACGT,promoter\nTTGCATTACGTT,background\n")
    asked = dataclasses.replace(options, model=(str(words),), data=(str(path),))
    classes = class_names_of(asked)
    assert list(classes) == ["promoter", "background"]
    table = choose_rows(asked, classes).reading.table
    assert table["label"].tolist() == [0, 1]
    other = renamed(model, tmp_path / "other", ["background", "promoter"])
    both = dataclasses.replace(asked, model=(str(words), str(other)))
    with pytest.raises(InputError, match=r"numbered background, promoter, those of .* one by one"):
        run_comparison(both, Console(quiet=True))


def test_built_in_rows_come_with_their_elements(options: ComparisonOptions) -> None:
    chosen = choose_rows(dataclasses.replace(options, data=(), num_sequences=30))
    assert len(chosen.reading.table) == 30
    assert chosen.elements is not None
    assert "cpg_island" not in set(chosen.elements["element"])
    assert set(chosen.reading.table["label"]) == {0, 1}
    other = choose_rows(dataclasses.replace(options, data=(), num_sequences=30, data_seed=2))
    assert set(other.reading.table["sequence"]).isdisjoint(chosen.reading.table["sequence"])


def test_elements_are_read_and_refused(tmp_path: Path) -> None:
    good = tmp_path / "elements.tsv"
    good.write_text("id\telement\tstart\tend\n7\ttata\t3\t9\n")
    table = read_elements(str(good))
    assert table.to_dict("records") == [{"id": "7", "element": "tata", "start": 3, "end": 9}]
    bad = tmp_path / "bad.csv"
    bad.write_text("id,element,start,end\na,tata,3,9\nb,tata,x,9\n")
    with pytest.raises(InputError, match=r"bad\.csv, row 3: start is 'x', not a position"):
        read_elements(str(bad))
    bad.write_text("id,start,end\na,3,9\n")
    with pytest.raises(InputError, match="no column element"):
        read_elements(str(bad))
    with pytest.raises(InputError, match="no such file"):
        read_elements(str(tmp_path / "none.csv"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"methods": ("shap",)}, "needs two methods or more"),
        ({"methods": ("shap", "lime", "shap")}, "method shap is named twice"),
        ({"model": ("a", "a")}, "model a is named twice"),
        ({"num_sequences": 0}, "num_sequences is 0"),
        ({"reference": "deletion"}, "integrated_gradients cannot remove tokens entirely"),
        ({"data": (), "elements": "x.csv"}, "without the sequences that it belongs to"),
        ({"crop": 30, "elements": "x.csv"}, "places in whole sequences, but crop cuts these"),
        ({"target": "enhancer"}, "no class 'enhancer'"),
        ({"tss_index": 400}, "tss_index is 400"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    options: ComparisonOptions, changes: dict, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        run_comparison(dataclasses.replace(options, **changes), Console(quiet=True))


def test_a_dry_run_writes_nothing(options: ComparisonOptions) -> None:
    assert run_comparison(dataclasses.replace(options, dry_run=True), Console(quiet=True)) is None
    check_options(options)
    assert not (Path(options.storage) / "attributions").exists()


@pytest.mark.parametrize(
    ("size", "layers", "first"),
    [
        (ModelConfig.preset("logo"), ["albert_layers.0."], "embedding"),
        (ModelConfig.convnet(), [f"layers.{i}." for i in range(4, -1, -1)], "motifs"),
    ],
    ids=["logo", "convnet"],
)
def test_every_kind_of_model_is_shuffled_from_the_head_down(
    size: ModelConfig, layers: list[str], first: str
) -> None:
    tokenizer = fit(TokenizerConfig(kind="char"), [])
    built = build_classifier(size, tokenizer=tokenizer, num_tokens=8, dropout=0.0, seed=0)
    head, *between, last = cascade(built.state_dict())
    assert not any("layer" in name or first in name for name in head)
    for layer, part in zip(layers, between, strict=True):
        assert all(layer in name for name in part)
    assert any(first in name for name in last)


def test_shuffled_weights_keep_their_values_and_lose_their_places(
    model: Path, tmp_path: Path
) -> None:
    before = read_weights(model)
    parts = cascade(before)
    assert len(parts) == num_parts(model) == 4
    assert all("classifier" in name for name in parts[0])
    assert all(".layer.1." in name for name in parts[1])
    assert all("embeddings" in name for name in parts[3])
    assert sorted(name for part in parts for name in part) == sorted(before)
    whole = read_weights(randomise(model, tmp_path / "whole"))
    for name, weight in before.items():
        np.testing.assert_allclose(whole[name].flatten().sort()[0], weight.flatten().sort()[0])
    big = max(before, key=lambda name: before[name].numel())
    assert not torch.equal(whole[big], before[big])
    head = read_weights(randomise(model, tmp_path / "head", parts=1))
    assert {n for n in before if not torch.equal(head[n], before[n])} <= set(parts[0])
    assert not all(torch.equal(head[n], before[n]) for n in parts[0])
    again = read_weights(randomise(model, tmp_path / "again"))
    assert all(torch.equal(again[n], whole[n]) for n in whole)
    load_classifier(tmp_path / "whole")


def test_curves_follow_the_probability(model: Path, tmp_path: Path) -> None:
    sequences = write_sequences(tmp_path / "toy.csv", 6)
    explainer = Explainer(model, ExplainConfig(estimator="lime", max_evals=40), device="cpu")
    found = explainer.explain(sequences)
    rows = pd.DataFrame(
        {
            "row": range(6),
            "id": [f"s{i}" for i in range(6)],
            "species": "human",
            "label": np.zeros(6, np.int8),
            "sequence": sequences,
        }
    )
    storage = Storage(tmp_path / "runs")
    settings = {
        **ExplainConfig(target="promoter").to_settings(),
        "model": keep_model(storage, model),
        "classes": ["background", "promoter"],
        "tokenizer": "kmer-3",
        "engine": 1,
    }
    import pyarrow as pa

    tables = to_tables(
        pa.Table.from_pandas(rows), found, vocabulary=explainer.tokenizer.tokens, settings=settings
    )
    given = StoredAttributions(
        tables["tokens"].to_pandas(), tables["sequences"].to_pandas(), settings
    )
    work = curve_work({"lime": given}, repeats=2)
    called = given.sequences["probability"] > 0.5
    num = int(called.sum()) or 6
    assert len(work) == 3 * num
    settings = curve_settings(settings, steps=5)
    worker = CurveWorker(storage=storage.root, kind=KIND, key=settings["model"], settings=settings)
    worker.smoke_test(work.slice(0, 1))
    made, facts = worker.compute(work, lambda done: None)
    curves = made["curves"].to_pandas()
    assert facts["num_evals"] == len(curves) == 3 * num * 2 * 6
    assert set(curves["method"]) == {"lime", RANDOM}
    known = given.sequences.set_index("sequence_id")["probability"]
    whole = curves[
        ((curves["curve"] == "deletion") & (curves["share"] == 0))
        | ((curves["curve"] == "insertion") & (curves["share"] == 1))
    ]
    np.testing.assert_allclose(whole["probability"], known[whole["sequence_id"]], atol=1e-5)
    # Out of order and in other company the same.
    order = np.random.default_rng(0).permutation(len(work))
    other = worker.compute(work.take(pa.array(order)), lambda done: None)[0]["curves"].to_pandas()
    keys = ["sequence_id", "method", "repeat", "curve", "share"]
    np.testing.assert_allclose(
        other.sort_values(keys)["probability"], curves.sort_values(keys)["probability"], atol=1e-5
    )


def test_elements_that_can_be_no_file_are_refused_in_words(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for given, said in (
        (tmp_path / "pipe", "is a pipe"),
        ("/dev/zero", "is a device"),
        (tmp_path, "is a folder"),
        (tmp_path / ("x" * 300), "too long for the file system"),
        ("~nobody-of-this-name/x.csv", "not the home folder of any user"),
    ):
        with pytest.raises(InputError, match=said):
            read_elements(str(given))
