"""Metrics against scikit-learn, against definitions, and finite where they are undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as reference
from dnasweep.data.decision_threshold import best_threshold
from dnasweep.tasks.metrics import (
    METRICS,
    classification_metrics,
    direction,
    full_name,
)


def scores(seed: int, num: int = 300, digits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(num) < 0.3).astype(int)
    return labels, np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0.01, 0.99).round(digits)


@pytest.mark.parametrize("digits", [1, 8], ids=["ties", "no-ties"])
def test_binary_metrics_are_scikit_learns(digits):
    labels, p = scores(0, digits=digits)
    found = classification_metrics(labels, p, 0.5)
    calls = (p >= 0.5).astype(int)
    expected = {
        "loss": reference.log_loss(labels, p),
        "accuracy": reference.accuracy_score(labels, calls),
        "macro_f1": reference.f1_score(labels, calls, average="macro"),
        "precision": reference.precision_score(labels, calls),
        "recall": reference.recall_score(labels, calls),
        "mcc": reference.matthews_corrcoef(labels, calls),
        "auroc": reference.roc_auc_score(labels, p),
        "auprc": reference.average_precision_score(labels, p),
        "threshold": 0.5,
    }
    assert found == pytest.approx(
        {f"validation/{name}": value for name, value in expected.items()}
    )


def test_metrics_of_three_classes_are_scikit_learns():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 200)
    p = rng.dirichlet([1, 1, 1], 200) + np.eye(3)[labels] * 0.4
    p /= p.sum(1, keepdims=True)
    found = classification_metrics(labels, p)
    calls = p.argmax(1)
    assert found["validation/mcc"] == pytest.approx(reference.matthews_corrcoef(labels, calls))
    assert found["validation/auroc"] == pytest.approx(
        reference.roc_auc_score(labels, p, multi_class="ovr")
    )
    assert found["validation/auprc"] == pytest.approx(
        reference.average_precision_score(np.eye(3)[labels], p)
    )
    assert found["validation/macro_f1"] == pytest.approx(
        reference.f1_score(labels, calls, average="macro")
    )


@pytest.mark.parametrize("seed", range(5))
def test_best_threshold_is_the_best_of_all_cuts(seed):
    labels, p = scores(seed)
    found = reference.matthews_corrcoef(labels, p >= best_threshold(labels, p))
    every = [reference.matthews_corrcoef(labels, p >= cut) for cut in np.unique(p)]
    assert found == pytest.approx(max(every))


def test_threshold_of_separable_classes_lies_half_way():
    assert best_threshold(np.array([0, 0, 1]), np.array([0.1, 0.2, 0.4])) == pytest.approx(0.3)


def test_equal_cuts_give_the_one_nearest_to_a_half():
    labels = np.array([0, 1, 0, 1])
    p = np.array([0.1, 0.45, 0.6, 0.8])
    # Cuts at 0.275 and 0.7 are equally good.
    assert best_threshold(labels, p) == pytest.approx(0.7)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_one_class_gives_finite_numbers(label, p):
    labels = np.full(5, label)
    found = classification_metrics(labels, np.full(5, p), best_threshold(labels, np.full(5, p)))
    assert all(math.isfinite(value) for value in found.values())
    assert found["validation/mcc"] == 0
    assert found["validation/auroc"] == 0.5


def test_no_threshold_helps_a_constant_or_inverted_model():
    labels = np.array([0, 1, 0, 1])
    assert best_threshold(labels, np.full(4, 0.3)) == 0.5
    assert best_threshold(labels, np.array([0.9, 0.1, 0.8, 0.2])) == 0.5


def test_rows_must_match():
    with pytest.raises(ValueError, match="2 labels for 3 rows"):
        classification_metrics(np.array([0, 1]), np.full(3, 0.5))
    with pytest.raises(ValueError, match="0 labels"):
        classification_metrics(np.array([]), np.array([]))


def test_names_carry_their_direction():
    assert direction("validation/mcc") == "max"
    assert direction("test/bits_per_base") == "min"
    assert direction("mask_rate") == ""
    assert all(metric.description for metric in METRICS.values())
    with pytest.raises(KeyError):
        full_name("f2")
