"""Metrics of classes of bases: definitions, and the error that rows make."""

from __future__ import annotations

import numpy as np
import pytest
from dnasweep.data.labels import Labels
from dnasweep.tasks.base_metrics import (
    average_precision,
    bases_of,
    precision_influence,
    ranked,
    top_k_accuracy,
)
from dnasweep.tasks.registry import task_of
from scipy.special import softmax
from sklearn import metrics as reference

LABELS = Labels(task="token", names=("none", "donor", "acceptor"))
TASK = task_of(LABELS)


def simulated(rows: int = 150, bases: int = 30, seed: int = 0):
    """Return targets of rows of several lengths, and predictions that get whole rows right or wrong."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(3, (rows, bases), p=[0.9, 0.05, 0.05]).astype(np.int8)
    lengths = rng.integers(bases // 2, bases + 1, rows)
    logits = 3 * np.eye(3)[targets] * rng.choice([0.0, 2.0], (rows, 1, 1))
    found = softmax(logits + rng.normal(size=logits.shape), axis=-1)
    beyond = np.arange(bases) >= lengths[:, None]
    targets[beyond], found[beyond] = -1, 0
    return targets, TASK.scores(found.reshape(rows, -1))


def flat(targets, predicted):
    there = targets >= 0
    return targets[there].astype(int), predicted.reshape(*targets.shape, 3)[there]


def test_they_are_those_of_scikit_learn_without_the_background() -> None:
    targets, predicted = simulated()
    labels, found = flat(targets, predicted)
    result = TASK.measure(targets, predicted, ())
    calls = found.argmax(1)
    expected = {
        "loss": -np.log(found[np.arange(len(labels)), labels]).mean(),
        "mcc": reference.matthews_corrcoef(labels, calls),
        "macro_f1": reference.f1_score(labels, calls, labels=[1, 2], average="macro"),
        "auprc": np.mean(
            [reference.average_precision_score(labels == c, found[:, c]) for c in (1, 2)]
        ),
    }
    for name, value in expected.items():
        assert result[f"validation/{name}"] == pytest.approx(value, rel=1e-5), name
    by_class = TASK.by_output(targets, predicted, ())
    assert list(by_class) == ["donor", "acceptor"]
    assert by_class["donor"]["bases"] == (labels == 1).sum()
    assert by_class["donor"]["precision"] == reference.precision_score(labels == 1, calls == 1)


def test_top_k_accuracy_is_the_precision_at_as_many_as_there_are() -> None:
    positive = np.array([1, 0, 1, 0, 0, 1], dtype=bool)
    assert top_k_accuracy(ranked(positive, np.array([9.0, 8, 7, 6, 5, 4]))) == pytest.approx(2 / 3)
    # The third of the likeliest is one of four with equal scores, two of them right.
    assert top_k_accuracy(ranked(positive, np.array([9.0, 8, 1, 1, 1, 1]))) == pytest.approx(0.5)
    assert top_k_accuracy(ranked(~positive, np.zeros(6))) == pytest.approx(0.5)
    assert top_k_accuracy(ranked(np.zeros(6, bool), np.zeros(6))) == 0


def test_equal_scores_are_one_step_of_the_average_precision() -> None:
    rng = np.random.default_rng(0)
    positive, scores = rng.random(200) < 0.2, rng.integers(0, 6, 200) / 5
    found = average_precision(ranked(positive, scores))
    assert found == pytest.approx(reference.average_precision_score(positive, scores))
    value, influence = precision_influence(positive, scores)
    assert value == found
    assert influence.mean() == pytest.approx(0, abs=1e-12)


def test_the_influence_of_a_base_is_what_more_of_it_would_change() -> None:
    rng = np.random.default_rng(1)
    positive, scores = rng.random(60) < 0.3, rng.normal(size=60)
    influence = precision_influence(positive, scores)[1]
    step, weights = 1e-6, np.full(60, 1 / 60)

    def weighted(w):
        return reference.average_precision_score(positive, scores, sample_weight=w)

    for one in range(60):
        moved = weights * (1 - step)
        moved[one] += step
        change = (weighted(moved) - weighted(weights)) / step
        assert influence[one] == pytest.approx(change, abs=1e-4)


@pytest.mark.parametrize("metric", ["auprc", "mcc"])
def test_rows_make_the_error_of_a_bootstrap_of_rows(metric: str) -> None:
    targets, predicted = simulated()
    found = TASK.influence(metric, targets, predicted[None], np.zeros(1))
    value = TASK.measure(targets, predicted, ())[f"validation/{metric}"]
    assert found.values[0] == pytest.approx(value)
    assert found.influence.shape == (1, len(targets))
    rng = np.random.default_rng(2)
    drawn = [rng.integers(0, len(targets), len(targets)) for _ in range(200)]
    values = [TASK.measure(targets[r], predicted[r], ())[f"validation/{metric}"] for r in drawn]
    error = float(np.sqrt((found.influence**2).sum()))
    assert error == pytest.approx(np.std(values), rel=0.15)
    # Bases of a row are right or wrong together: taken for independent ones, the error would be too small.
    labels, flat_found = flat(targets, predicted)
    influence = np.mean(
        [precision_influence(labels == c, flat_found[:, c])[1] for c in (1, 2)], axis=0
    )
    if metric == "auprc":
        assert error > 1.3 * np.sqrt((influence**2).sum()) / len(labels)


def test_predictions_are_stored_as_lists_of_each_class() -> None:
    _, predicted = simulated(rows=5)
    columns = TASK.packed(predicted)
    assert [len(column) for column in columns] == [5, 5, 5]
    assert len(columns[0][0]) == int(predicted.reshape(5, -1, 3)[0].any(axis=1).sum())
    again = TASK.unpacked(columns)
    np.testing.assert_array_equal(again, predicted[:, : again.shape[1]])
    assert not predicted[:, again.shape[1] :].any()
    joined = TASK.joined([again, again[:2, :30]])
    assert joined.shape == (7, again.shape[1])


def test_a_table_has_the_intervals_that_are_called() -> None:
    found = np.tile([0.8, 0.1, 0.1], (2, 6, 1))
    found[0, 2:4], found[0, 5], found[1, 4:] = [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], 0
    table = TASK.table(found.reshape(2, -1), {})
    assert table["bases_donor"].tolist() == ["2-4", "none"]
    assert table["bases_acceptor"].tolist() == ["5-6", "none"]
    np.testing.assert_allclose(table["probability_donor"][1], [0.1] * 4, rtol=1e-6)
    assert "bases_none" not in table
    assert TASK.called(found.reshape(2, -1), {}, 1).tolist() == [True, False]


def test_too_few_predictions_are_no_metrics() -> None:
    targets, predicted = simulated(rows=4)
    with pytest.raises(ValueError, match="fewer bases are predicted"):
        bases_of(targets, predicted[:, :9], 3)


def test_a_model_that_says_the_same_of_all_bases_has_collapsed() -> None:
    targets, predicted = simulated()
    labels, _ = flat(targets, predicted)
    share = np.bincount(labels) / len(labels)
    same = np.tile(share, (*targets.shape, 1)).reshape(len(targets), -1)
    assert TASK.collapsed(targets, same, TASK.measure(targets, same, ()))
    assert not TASK.collapsed(targets, predicted, TASK.measure(targets, predicted, ()))
    # Not yet calling a rare class, nor ranking it, is how every training begins.
    rng = np.random.default_rng(0)
    begun = np.tile(share, (*targets.shape, 1)) * rng.uniform(0.7, 1.3, (*targets.shape, 3))
    begun = (begun / begun.sum(-1, keepdims=True)).reshape(len(targets), -1)
    assert TASK.calls_one(begun, 0.5)
    assert not TASK.collapsed(targets, begun, TASK.measure(targets, begun, ()))
    assert TASK.worst(targets)["validation/mcc"] == 0
    assert TASK.calls_one(same, 0.5)
    assert not TASK.calls_one(predicted, 0.5)


def test_classes_without_a_background_all_count() -> None:
    task = task_of(Labels(task="token", names=("exon", "intron")))
    assert list(task.by_output(np.array([[0, 1]]), np.array([[0.9, 0.1, 0.4, 0.6]]), ())) == [
        "exon",
        "intron",
    ]
