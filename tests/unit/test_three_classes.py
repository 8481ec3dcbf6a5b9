"""Three named classes from a table to a page, predictions and explanations."""

from __future__ import annotations

import json
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
from task_toys import sweep_small
from toy_data import CLASS_MOTIFS, write_three_classes

CLASSES = sorted(CLASS_MOTIFS)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dnasweep.Sweep:
    return sweep_small(write_three_classes(tmp_path_factory.mktemp("classes") / "splice.csv"))


@pytest.fixture(scope="module")
def model(swept: dnasweep.Sweep) -> dnasweep.Model:
    return swept.best()


def test_a_sweep_ranks_and_tests_them(swept: dnasweep.Sweep) -> None:
    assert swept.metric == "mcc"
    assert swept.report.is_file()
    selected = swept.selected
    assert (selected["test_mcc"] > 0.5).all()
    pairs = swept.tests
    assert pairs["mcc_p"].notna().all()
    assert pairs["ensemble_auroc_p"].notna().all()
    assert "k-mer logistic regression" in set(pairs["b"])


def test_the_model_has_the_names_of_the_data(model: dnasweep.Model) -> None:
    assert model.classes == CLASSES
    config = json.loads((model.directory / "config.json").read_text())
    assert list(config["id2label"].values()) == CLASSES


def sequence_of(name: str) -> str:
    rng = np.random.default_rng(7)
    bases = rng.choice(list("ACGT"), 60)
    for start in (10, 30, 45):
        motif = list(CLASS_MOTIFS[name])
        bases[start : start + len(motif)] = motif
    return "".join(bases)


def test_predictions_have_a_column_for_each_class(model: dnasweep.Model) -> None:
    found = model.predict([sequence_of(name) for name in CLASSES], progress=False)
    columns = [f"probability_{name}" for name in CLASSES]
    assert set(columns) <= set(found)
    np.testing.assert_allclose(found[columns].sum(axis=1), 1)
    assert found["call"].tolist() == CLASSES


def test_a_class_is_explained_by_name_and_against_another(model: dnasweep.Model) -> None:
    sequences = [sequence_of("donor")]
    found = dnasweep.explain(model, sequences, target="donor", progress=False)
    against = dnasweep.explain(
        model, sequences, target="donor", against="acceptor", progress=False
    )
    assert found.settings["target"] == against.settings["target"] == "donor"
    assert against.settings["against"] == "acceptor"
    values, others = (one.per_base()[0] for one in (found, against))
    assert values.shape == others.shape
    assert not np.allclose(values, others)
    with pytest.raises(dnasweep.InputError, match="has no class 'exon'"):
        dnasweep.explain(model, sequences, target="exon", progress=False)
    with pytest.raises(dnasweep.InputError, match="3 classes, so one must be named"):
        dnasweep.explain(model, sequences, progress=False)


def test_words_and_numbers_have_the_same_rows(tmp_path: Path) -> None:
    words = write_three_classes(tmp_path / "words.csv")
    table = pd.read_csv(words)
    numbers = tmp_path / "numbers.csv"
    table.assign(label=table["label"].map(CLASSES.index)).to_csv(numbers, index=False)
    first, second = (dnasweep.read_data(path, progress=False) for path in (words, numbers))
    assert first["label"].tolist() == second["label"].tolist()
