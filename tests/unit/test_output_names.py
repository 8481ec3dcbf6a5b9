"""What the outputs of other people's classifiers are: read as config.json says, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dnasweep
import pytest
import torch
from backbone_toys import SIZE, dnabert_kmers, save
from dnasweep.errors import InputError
from dnasweep.genomics.variant_models import open_model
from transformers import BertConfig, BertForSequenceClassification

SEQUENCES = ["ACGTTGCAAGGC", "TTTATAAAACCG"]
ABSENT = "(absent)"


def classifier(folder: Path, outputs: int, **settings: Any) -> Path:
    """Write a tiny BERT with a head, and change its config.json; ABSENT removes a setting."""
    torch.manual_seed(0)
    kmers = dnabert_kmers()
    config = BertConfig(vocab_size=len(kmers), num_labels=outputs, **SIZE)
    save(BertForSequenceClassification(config), folder, kmers)
    found = json.loads((folder / "config.json").read_text()) | settings
    kept = {name: value for name, value in found.items() if value != ABSENT}
    (folder / "config.json").write_text(json.dumps(kept))
    return folder


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"id2label": {"0": "POSITIVE", "1": "NEGATIVE"}}, ["POSITIVE", "NEGATIVE"]),
        ({"id2label": ABSENT}, ["x", "y"]),
        ({"id2label": {}}, ["x", "y"]),
        ({"id2label": None, "num_labels": 2}, ["x", "y"]),
        ({"id2label": ABSENT, "label2id": {"x": "0", "y": "1"}}, ["x", "y"]),
        ({"id2label": {"1": "b", "0": "a"}, "label2id": ABSENT}, ["a", "b"]),
        ({"id2label": ABSENT, "label2id": ABSENT}, ["LABEL_0", "LABEL_1"]),
    ],
    ids=str,
)
def test_classes_have_the_names_of_the_file_in_its_order(settings, names, tmp_path):
    back = {names[0]: 0, names[1]: 1}
    model = dnasweep.load_model(classifier(tmp_path / "model", 2, **{"label2id": back} | settings))
    found = model.predict(SEQUENCES, progress=False)
    assert model.classes == names
    assert list(found) == ["id", *(f"probability_{name}" for name in names), "call"]
    assert set(found["call"]) <= set(names)
    assert open_model(model.directory).target == names[1]


TWO = {"id2label": {"0": "x", "1": "y"}, "label2id": {"x": 0, "y": 1}}


@pytest.mark.parametrize(
    ("outputs", "settings", "said"),
    [
        (3, TWO | {"num_labels": 3}, "id2label names 2 outputs, and num_labels is 3"),
        (2, {"id2label": dict(enumerate("xyz")), "num_labels": 2}, "names 3 outputs"),
        (2, {"id2label": ["x", "y"]}, "does not name each output once"),
        (2, {"id2label": {"x": 0, "y": 1}}, "does not name each output once"),
        (2, {"id2label": ABSENT, "label2id": {"x": 0, "y": 0}}, "label2id is"),
        (2, {"problem_type": "ordinal"}, "problem_type is 'ordinal'"),
    ],
    ids=str,
)
def test_outputs_that_are_not_known_are_refused_wherever_they_are_used(
    outputs, settings, said, tmp_path
):
    folder = classifier(tmp_path / "model", outputs, **settings)
    for use in (
        lambda: dnasweep.load_model(folder).classes,
        lambda: dnasweep.load_model(folder).predict(SEQUENCES, progress=False),
        lambda: open_model(folder),
    ):
        with pytest.raises(InputError, match=said) as error:
            use()
        assert "config.json" in str(error.value.file)
        assert "rite" in str(error.value.remedy)
