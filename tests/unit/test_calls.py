"""One rule decides which class a model calls, whoever asks: predictions, scans, explanations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from dnasweep.attribution.anchor_table import summarise_anchors
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.selftest import self_test
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.tables import StoredAttributions, to_tables
from dnasweep.errors import InputError
from dnasweep.genomics.variant_models import open_model
from dnasweep.method_comparison.curve_rows import curve_work
from dnasweep.models.architecture import build_classifier
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.report.attribution_summary import ReportConfig, summarise
from dnasweep.tasks.calls import call_classes, class_threshold, decision_threshold
from dnasweep.tokens.loading import load_tokenizer
from prediction_toys import predict_table
from toys import TINY, toy_language, toy_sequences

BINARY = ("background", "promoter")
SEQUENCES = toy_sequences(40, ragged=9, seed=5)


def write_model(folder: Path, *, names: tuple[str, ...] = BINARY, **settings: object) -> Path:
    """Write a classifier whose probabilities are spread over 0 to 1, with more in its settings."""
    language = toy_language(8)
    model = build_classifier(
        TINY,
        tokenizer=language.tokenizer,
        num_tokens=24,
        num_labels=len(names),
        dropout=0.0,
        seed=3,
        label_names=names,
    )
    last = model.classifier.out_proj
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
        logits = np.log(predict_probabilities(model, language.tokenizer, SEQUENCES))
        last.bias -= torch.from_numpy(logits.mean(0)).float()
        for part in (last.weight, last.bias):
            part *= 1.2 / logits.std(0).mean()
    for name, value in settings.items():
        setattr(model.config, name, value)
    return export(model, language.tokenizer, folder)


def predicted(model: Path) -> pd.DataFrame:
    table = pd.DataFrame({"id": map(str, range(len(SEQUENCES))), "species": "human"})
    return predict_table(model, table.assign(sequence=SEQUENCES))


def explained(model: Path, target: str, **settings: object) -> StoredAttributions:
    config = ExplainConfig(target=target, **settings)  # type: ignore[arg-type]
    explainer = Explainer(model, config, device="cpu")
    rows = pa.table(
        {
            "row": pa.array(range(len(SEQUENCES)), pa.int64()),
            "id": pa.array(list(map(str, range(len(SEQUENCES)))), pa.large_string()),
            "species": pa.array(["human"] * len(SEQUENCES), pa.large_string()),
            "label": pa.array([i % 2 for i in range(len(SEQUENCES))], pa.int8()),
            "sequence": pa.array(SEQUENCES, pa.large_string()),
        }
    )
    made = to_tables(
        rows,
        explainer.explain(SEQUENCES),
        vocabulary=explainer.tokenizer.tokens,
        settings={**config.to_settings(), "classes": list(BINARY)},
    )
    return StoredAttributions(
        settings=config.to_settings(), **{name: one.to_pandas() for name, one in made.items()}
    )


def test_a_threshold_is_of_the_second_of_two_classes_and_of_no_other() -> None:
    two = np.array([[0.83, 0.17], [0.84, 0.16], [0.1, 0.9]])
    assert call_classes(two, 0.17).tolist() == [1, 0, 1]
    three = np.array([[0.4, 0.35, 0.25], [0.1, 0.44, 0.46]])
    assert call_classes(three, 0.17).tolist() == [0, 2]
    config = {"decision_threshold": 0.17}
    assert class_threshold(config, 1, 2) == 0.17
    assert class_threshold(config, 0, 2) == pytest.approx(0.83)
    assert class_threshold(config, 1, 3) == 0.5
    assert decision_threshold({}) == 0.5


@pytest.mark.parametrize("wrong", ["high", 1.2, -0.1, float("nan"), True])
def test_a_threshold_that_is_no_probability_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="which is not a probability"):
        decision_threshold({"decision_threshold": wrong})


@pytest.mark.parametrize("threshold", [0.17, 0.89])
@pytest.mark.parametrize("target", BINARY)
def test_everything_calls_as_predictions_do(threshold: float, target: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", decision_threshold=threshold)
    predictions = predicted(model)
    wanted = (predictions["call"] == target).to_numpy()
    above = (predictions["probability_promoter"] >= threshold).to_numpy()
    np.testing.assert_array_equal(wanted, above == (target == "promoter"))
    differ = above != (predictions["probability_promoter"] >= 0.5)
    assert differ.sum() >= 3, "the rule matters for these sequences"
    assert open_model(model, target=target).threshold == pytest.approx(
        threshold if target == "promoter" else 1 - threshold
    )

    shap = explained(model, target, estimator="permutation")
    np.testing.assert_array_equal(shap.sequences["called"], wanted)
    anchors = explained(model, target, estimator="anchors", max_evals=100)
    assert anchors.anchors is not None
    np.testing.assert_array_equal(anchors.anchors["called"], wanted)
    followed = curve_work({"shap": shap}, repeats=1)
    assert set(followed["id"].to_pylist()) == set(predictions["id"][wanted])

    label = BINARY.index(target)
    config = ReportConfig(positive_label=label, core_elements=False)
    summary = summarise(shap, settings={"target": target}, config=config)
    for what, row in summary.examples:
        mine = summary.bases.sequences.iloc[row]
        assert mine["called"] == wanted[int(mine["sequence_id"])]
        assert ("positive" in what) == mine["called"]
        assert ("true" in what) == (mine["called"] == (mine["label"] == label))


@pytest.mark.parametrize("threshold", [0.17, 0.89])
def test_an_anchor_holds_for_the_class_that_is_predicted(threshold: float, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", decision_threshold=threshold)
    config = ExplainConfig(estimator="anchors", anchor_threshold=0.9)
    explainer = Explainer(model, config, device="cpu")
    self_test(explainer, SEQUENCES[0])
    chosen = SEQUENCES[:8]
    found = explainer.explain(chosen)
    cut = np.log(threshold / (1 - threshold))
    rng = np.random.default_rng(1)
    for sequence, one in zip(chosen, found, strict=True):
        anchor = one.anchor
        assert anchor is not None
        masks = rng.random((2000, len(one.phi))) < 0.5
        masks[:, list(anchor.tokens)] = True
        (log_odds,) = explainer.values([sequence], [masks])
        share = float(((log_odds >= cut) == one.called).mean())
        assert anchor.lower - 0.03 <= share <= anchor.upper + 0.03


@pytest.mark.parametrize("value", ["log_odds", "logit"])
def test_of_three_classes_the_likeliest_is_called(value: str, tmp_path: Path) -> None:
    names = ("background", "promoter", "enhancer")
    model = write_model(tmp_path / "model", names=names, decision_threshold=0.1)
    predictions = predicted(model)
    assert predictions["call"].nunique() == 3
    for name in names:
        wanted = (predictions["call"] == name).to_numpy()
        found = explained(model, name, estimator="permutation", value=value)
        np.testing.assert_array_equal(found.sequences["called"], wanted)
        assert (predictions[f"probability_{name}"][wanted] < 0.5).any() or value == "logit"
    anchors = explained(model, "enhancer", estimator="anchors", max_evals=50)
    assert anchors.anchors is not None
    np.testing.assert_array_equal(anchors.anchors["called"], predictions["call"] == "enhancer")
    summary = summarise_anchors(anchors.anchors, anchors.tokens, anchors.sequences)
    assert summary["num"] == len(SEQUENCES)


def test_a_model_that_calls_by_both_strands_is_called_by_both(tmp_path: Path) -> None:
    model = write_model(
        tmp_path / "model", decision_threshold=0.3, average_reverse_complement=True
    )
    wanted = (predicted(model)["call"] == "promoter").to_numpy()
    alone = Explainer(model, ExplainConfig(estimator="permutation"), device="cpu")
    own = np.array([one.prediction for one in alone.explain(SEQUENCES)]) >= np.log(0.3 / 0.7)
    assert (own != wanted).any(), "the strands differ in something"
    found = explained(model, "promoter", estimator="permutation")
    np.testing.assert_array_equal(found.sequences["called"], wanted)


def test_weights_that_are_no_numbers_are_refused_with_the_sequence(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    explainer = Explainer(model, ExplainConfig(), device="cpu")
    ids = load_tokenizer(model).encode([SEQUENCES[2]]).ids
    others = set(load_tokenizer(model).encode(SEQUENCES[:2]).ids.tolist())
    only = next(int(i) for i in ids if int(i) not in others)
    words = explainer.model.classifier.get_input_embeddings()
    with torch.no_grad():
        words.weight[only] = torch.nan
    broken = Explainer(explainer.model.classifier, tokenizer=explainer.tokenizer, device="cpu")
    with pytest.raises(InputError, match=r"row 3: the model's output is not a finite number"):
        broken.explain(SEQUENCES[:3])
    assert len(broken.explain(SEQUENCES[:2])) == 2


def test_the_threshold_is_kept_in_what_is_written(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", decision_threshold=0.17)
    assert json.loads((model / "config.json").read_text())["decision_threshold"] == 0.17
    assert Explainer(model, device="cpu").model.threshold == 0.17
