"""Every task by its definitions: metrics, influences of rows, and tests against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dnasweep.data.labels import Labels
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier
from dnasweep.stages.scores import TestScores
from dnasweep.sweeps.pairs import columns_of, paired_test
from dnasweep.tasks.influence import Measured, classes_mcc_influence, mcc_influence
from dnasweep.tasks.objective import Output
from dnasweep.tasks.registry import BINARY, task_of, task_of_model
from scipy import stats
from sklearn import metrics as reference
from toys import TINY, toy_language

THREE = Labels(task="multiclass", names=("acceptor", "donor", "none"))


def three_classes(num: int = 400, seed: int = 0, signal: float = 1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num)
    logits = signal * np.eye(3)[labels] + rng.normal(size=(num, 3))
    return labels, np.asarray(torch.from_numpy(logits).softmax(-1))


def test_a_model_says_its_task() -> None:
    config = {"id2label": {"0": "acceptor", "1": "donor", "2": "none"}}
    assert task_of_model(config).name == "multiclass"
    assert task_of_model(config).names == THREE.names
    assert task_of_model({"id2label": {0: "no", 1: "yes"}}).name == "binary"


def test_metrics_of_several_classes_are_those_of_scikit_learn() -> None:
    labels, found = three_classes()
    calls, each = found.argmax(1), np.eye(3)[labels]
    measured = task_of(THREE).measure(labels, found, ())
    expected = {
        "loss": reference.log_loss(labels, found),
        "accuracy": reference.accuracy_score(labels, calls),
        "macro_f1": reference.f1_score(labels, calls, average="macro"),
        "precision": reference.precision_score(labels, calls, average="macro"),
        "recall": reference.recall_score(labels, calls, average="macro"),
        "mcc": reference.matthews_corrcoef(labels, calls),
        "auroc": reference.roc_auc_score(labels, found, multi_class="ovr"),
        "auprc": reference.average_precision_score(each, found, average="macro"),
    }
    for name, value in expected.items():
        assert measured[f"validation/{name}"] == pytest.approx(value, abs=1e-12), name


def test_two_of_several_classes_have_the_influence_of_two() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 300)
    calls = (rng.random((3, 300)) < 0.3) ^ labels.astype(bool)
    two, several = (
        mcc_influence(labels, calls),
        classes_mcc_influence(labels, calls.astype(int), 2),
    )
    np.testing.assert_allclose(several.values, two.values, atol=1e-12)
    np.testing.assert_allclose(several.influence, two.influence, atol=1e-12)


def resampled(labels: np.ndarray, scores: np.ndarray, measure, num: int = 400) -> float:
    """The standard deviation of a metric over resamples of the rows."""
    rng = np.random.default_rng(3)
    rows = [rng.integers(0, len(labels), len(labels)) for _ in range(num)]
    return float(np.std([measure(labels[one], scores[one]) for one in rows]))


def standard_error(found: Measured) -> float:
    return float(np.sqrt((found.influence[0] ** 2).sum()))


@pytest.mark.parametrize("metric", ["mcc", "auroc"])
def test_the_influence_of_rows_gives_the_error_of_the_bootstrap(metric: str) -> None:
    task, (labels, found) = task_of(THREE), three_classes()
    measured = task.influence(metric, labels, found[None], np.full(1, 0.5))
    measures = {
        "mcc": lambda y, p: reference.matthews_corrcoef(y, p.argmax(1)),
        "auroc": lambda y, p: reference.roc_auc_score(y, p, multi_class="ovr"),
    }
    assert measured.values[0] == pytest.approx(measures[metric](labels, found), abs=1e-9)
    assert measured.influence.sum() == pytest.approx(0, abs=1e-9)
    expected = resampled(labels, found, measures[metric])
    assert standard_error(measured) == pytest.approx(expected, rel=0.15)


def by_seed(signal: float, first: int, num: int = 400) -> dict[int, TestScores]:
    rng = np.random.default_rng(5)
    labels, shared = rng.integers(0, 3, num), rng.normal(size=(num, 3))
    found = {}
    for seed in range(3):
        own = np.random.default_rng(first + seed).normal(size=(num, 3))
        logits = signal * np.eye(3)[labels] + shared + 0.5 * own
        scores = np.asarray(torch.from_numpy(logits).softmax(-1))
        found[seed] = TestScores(
            ids=np.arange(num).astype(str), labels=labels, scores=scores, about=THREE
        )
    return found


def test_a_pair_of_several_classes_is_tested_over_rows_and_seeds() -> None:
    better = paired_test(by_seed(2.0, 10), by_seed(0.7, 20))
    equal = paired_test(by_seed(1.0, 30), by_seed(1.0, 40))
    assert {"num_rows", "num_seeds", *better} <= set(columns_of(task_of(THREE)))
    for metric in ("mcc", "auroc", "ensemble_mcc", "ensemble_auroc"):
        assert better[f"{metric}_difference"] > 0.1
        assert better[f"{metric}_p"] < 0.01
        assert better[f"{metric}_low"] < better[f"{metric}_difference"] < better[f"{metric}_high"]
        assert equal[f"{metric}_p"] > 0.05
        assert equal[f"{metric}_low"] < 0 < equal[f"{metric}_high"]


def test_rows_of_too_few_of_a_class_are_not_tested() -> None:
    found = by_seed(1.0, 10)
    keep = np.flatnonzero(found[0].labels != 2)
    cut = {
        seed: TestScores(
            ids=one.ids[keep], labels=one.labels[keep], scores=one.scores[keep], about=THREE
        )
        for seed, one in found.items()
    }
    assert set(paired_test(cut, cut)) == {"num_rows", "num_seeds"}


def test_the_log_odds_of_a_class_are_against_all_others_or_one() -> None:
    logits = torch.tensor([[1.0, 3.0, 0.5], [0.0, -1.0, 2.0]])
    task, p = task_of(THREE), logits.double().softmax(-1)
    odds = torch.log(p[:, 1] / (1 - p[:, 1]))
    torch.testing.assert_close(task.explained(logits, Output(1)), odds)
    contrast = task.explained(logits, Output(1, against=0))
    torch.testing.assert_close(contrast, (logits[:, 1] - logits[:, 0]).double())
    share = task.explained(logits, Output(1, "probability", against=0))
    torch.testing.assert_close(share, p[:, 1] / (p[:, 1] + p[:, 0]))
    two = BINARY.explained(logits[:, :2], Output(1))
    torch.testing.assert_close(two, (logits[:, 1] - logits[:, 0]).double())


def test_a_baseline_has_a_column_for_every_class() -> None:
    rng = np.random.default_rng(0)
    sequences = [
        "".join(rng.choice(list(letters), 50)) for letters in ("AC", "GT", "AC", "GT") * 9
    ]
    targets = np.array([0, 1] * 18)
    found = task_of(THREE).baseline(sequences, targets, sequences[:4])
    assert found.shape == (4, 3)
    assert found.argmax(1).tolist() == [0, 1, 0, 1]


def test_rows_from_which_nothing_can_be_learned_are_refused() -> None:
    task = task_of(THREE)
    with pytest.raises(InputError, match="the training rows of worm have only one class"):
        task.check(np.zeros(9, int), "the training rows of worm")
    with pytest.raises(InputError, match="a label is 3, but there are 3 classes"):
        task.check(np.arange(4), "the rows")


def test_a_model_that_calls_one_class_has_collapsed() -> None:
    task, (labels, found) = task_of(THREE), three_classes()
    share = np.bincount(labels) / len(labels)
    flat = np.tile(share, (len(labels), 1))
    loss = {"validation/loss": float(-(share * np.log(share)).sum())}
    assert task.collapsed(labels, flat, loss)
    assert not task.collapsed(labels, found, task.measure(labels, found, ()))
    assert task.worst(labels)["validation/mcc"] == 0


NUMBERS = Labels(task="regression", names=("dev", "hk"))


def measured(num: int = 300, seed: int = 0):
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(num, 2)) * [1, 40] + [2, 100]
    return targets, targets + rng.normal(size=(num, 2)) * [0.8, 30]


def test_metrics_of_numbers_are_those_of_scipy_and_scikit_learn() -> None:
    targets, found = measured()
    result = task_of(NUMBERS).measure(targets, found, ())
    columns = list(zip(targets.T, found.T, strict=True))
    expected = {
        "pearson": np.mean([stats.pearsonr(a, b).statistic for a, b in columns]),
        "spearman": np.mean([stats.spearmanr(a, b).statistic for a, b in columns]),
        "r2": reference.r2_score(targets, found),
        "rmse": np.mean([reference.root_mean_squared_error(a, b) for a, b in columns]),
    }
    assert {
        f"validation/{name}": pytest.approx(value) for name, value in expected.items()
    } == result
    by_output = task_of(NUMBERS).by_output(targets, found, ())
    assert by_output["hk"]["rmse"] == pytest.approx(
        reference.root_mean_squared_error(targets[:, 1], found[:, 1])
    )


@pytest.mark.parametrize(
    ("metric", "measure"),
    [
        ("pearson", lambda a, b: stats.pearsonr(a, b).statistic),
        ("spearman", lambda a, b: stats.spearmanr(a, b).statistic),
        ("r2", reference.r2_score),
        ("rmse", reference.root_mean_squared_error),
    ],
)
def test_the_influence_on_metrics_of_numbers_gives_the_error_of_the_bootstrap(
    metric: str, measure
) -> None:
    targets, found = (one[:, :1] for one in measured())
    task = task_of(Labels(task="regression", names=("dev",)))
    result = task.influence(metric, targets, found[None], np.full(1, 0.5))
    assert result.values[0] == pytest.approx(measure(targets[:, 0], found[:, 0]))
    assert result.influence.sum() == pytest.approx(0, abs=1e-9)
    expected = resampled(targets[:, 0], found[:, 0], measure)
    assert standard_error(result) == pytest.approx(expected, rel=0.15)


def test_a_pair_of_regressions_is_tested_over_rows_and_seeds() -> None:
    targets, _ = measured()

    def cell(noise: float, first: int) -> dict[int, TestScores]:
        found = {}
        for seed in range(3):
            own = np.random.default_rng(first + seed).normal(size=targets.shape) * [1, 40]
            found[seed] = TestScores(
                ids=np.arange(len(targets)).astype(str),
                labels=targets,
                scores=targets + noise * own,
                about=NUMBERS,
            )
        return found

    result = paired_test(cell(0.5, 1), cell(1.5, 9))
    assert {*result, "a", "b"} <= set(columns_of(task_of(NUMBERS)))
    assert result["pearson_difference"] > 0.1
    assert result["rmse_difference"] < -10
    for metric in ("pearson", "spearman", "rmse", "ensemble_pearson", "ensemble_rmse"):
        assert result[f"{metric}_p"] < 0.01
    equal = paired_test(cell(1.0, 21), cell(1.0, 31))
    assert equal["pearson_p"] > 0.05


def test_the_last_layer_gives_numbers_in_the_units_of_the_labels() -> None:
    toy = toy_language(8)
    model = build_classifier(
        TINY, tokenizer=toy.tokenizer, num_tokens=32, num_labels=2, dropout=0.0, seed=0
    ).eval()
    targets, _ = measured(50)
    task = task_of(NUMBERS)
    objective = task.objective(targets)
    ids = torch.from_numpy(toy.tokenizer.encode(toy.sequences[:1]).ids.astype(np.int64))[None]
    with torch.inference_mode():
        expected = objective.predictions(model(ids).logits)
        task.finish(model, objective, {}, None)
        torch.testing.assert_close(
            task.predictions(model(ids).logits), expected, rtol=1e-4, atol=1e-4
        )
    assert task_of_model(model.config.to_dict()).name == "regression"
    scaled = torch.from_numpy((targets - targets.mean(0)) / targets.std(0))
    loss, weight = objective(torch.zeros(50, 2), torch.from_numpy(targets))
    assert float(loss / weight) == pytest.approx(float((scaled**2).mean()), rel=1e-6) == 1


def test_numbers_from_which_nothing_can_be_learned() -> None:
    task, (targets, found) = task_of(NUMBERS), measured(50)
    with pytest.raises(InputError, match=r"the test rows have only one value \(hk\)"):
        task.check(targets * [1, 0], "the test rows")
    with pytest.raises(InputError, match="smoothing are for classes"):
        task.objective(targets, smoothing=0.1)
    flat = np.broadcast_to(targets.mean(0), targets.shape)
    assert task.collapsed(targets, flat, task.measure(targets, flat, ()))
    assert not task.collapsed(targets, found, task.measure(targets, found, ()))
    assert task.worst(targets)["validation/pearson"] == 0


def test_numbers_have_a_baseline_in_their_units() -> None:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 50)) for _ in range(200)]
    targets = np.array([[one.count("GA"), 100.0 + 10 * one.count("T")] for one in sequences])
    task = task_of(NUMBERS)
    found = task.baseline(sequences[:150], targets[:150], sequences[150:])
    assert task.measure(targets[150:], found, ())["validation/pearson"] > 0.8
    assert abs(found[:, 1].mean() - targets[:, 1].mean()) < 10


SETS = Labels(task="multilabel", names=("a", "b"))


def labelled(num: int = 400, seed: int = 0):
    rng = np.random.default_rng(seed)
    targets = (rng.random((num, 2)) < [0.3, 0.6]).astype(float)
    logits = 2 * targets - 1 + rng.normal(size=(num, 2))
    return targets, 1 / (1 + np.exp(-logits))


def test_metrics_of_labels_are_means_of_those_of_scikit_learn() -> None:
    targets, found = labelled()
    task = task_of(SETS)
    thresholds = (0.4, 0.6)
    calls = found >= np.array(thresholds)
    result = task.measure(targets, found, thresholds)
    matthews = [reference.matthews_corrcoef(*one) for one in zip(targets.T, calls.T, strict=True)]
    expected = {
        "mcc": np.mean(matthews),
        "auroc": reference.roc_auc_score(targets, found),
        "auprc": reference.average_precision_score(targets, found),
        "precision": reference.precision_score(targets, calls, average="macro"),
        "recall": reference.recall_score(targets, calls, average="macro"),
        "loss": np.mean(
            [reference.log_loss(a, b) for a, b in zip(targets.T, found.T, strict=True)]
        ),
    }
    for name, value in expected.items():
        assert result[f"validation/{name}"] == pytest.approx(value), name
    assert task.by_output(targets, found, thresholds)["b"]["mcc"] == pytest.approx(matthews[1])
    assert len(task.choose(targets, found)) == 2


@pytest.mark.parametrize("metric", ["mcc", "auroc"])
def test_the_influence_on_metrics_of_labels_gives_the_error_of_the_bootstrap(metric: str) -> None:
    targets, found = labelled()
    cut = np.full((1, 2), 0.5)
    result = task_of(SETS).influence(metric, targets, found[None], cut)
    expected = resampled(
        targets,
        found,
        lambda y, p: task_of(SETS).measure(y, p, (0.5, 0.5))[f"validation/{metric}"],
    )
    assert standard_error(result) == pytest.approx(expected, rel=0.15)


def test_labels_are_called_by_thresholds_of_their_own() -> None:
    task = task_of(SETS)
    model = build_classifier(
        TINY, tokenizer=toy_language(8).tokenizer, num_tokens=32, dropout=0.0, seed=0,
        label_names=SETS.names,
    )  # fmt: skip
    targets, found = labelled()
    objective = task.objective(targets)
    task.finish(model, objective, {}, (targets, found))
    config = model.config.to_dict()
    assert task_of_model(config).name == "multilabel"
    assert task.thresholds(config) == pytest.approx(task.choose(targets, found))
    config["decision_thresholds"] = [0.3, 0.8]
    table = task.table(np.array([[0.35, 0.7], [0.5, 0.9], [0.1, 0.2]]), config)
    assert table["call"].tolist() == ["a", "a;b", "none"]
    assert task.call_threshold(config, 1) == 0.8
    loss, weight = objective(torch.zeros(5, 2), torch.ones(5, 2))
    assert float(loss / weight) == pytest.approx(np.log(2)) == task.uniform_loss
    with pytest.raises(InputError, match=r"all have, or all lack, the label\(s\) b"):
        task.check(targets * [1, 0], "the training rows")
    with pytest.raises(InputError, match="it has 2 labels"):
        task.thresholds({"decision_thresholds": [0.5]})


def test_labels_have_a_baseline_each() -> None:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 50)) for _ in range(200)]
    targets = np.array([[one.count("GA") > 2, one.count("T") > 12] for one in sequences], float)
    found = task_of(SETS).baseline(sequences[:150], targets[:150], sequences[150:])
    assert task_of(SETS).measure(targets[150:], found, ())["validation/auroc"] > 0.75
