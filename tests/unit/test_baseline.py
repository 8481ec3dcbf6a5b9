"""The k-mer baseline: counts by definition, and the scores it is known to reach."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.baseline import kmer_baseline, kmer_counts, score_baseline
from dnasweep.data.decision_threshold import best_threshold
from dnasweep.data.table import make_table
from dnasweep.errors import InputError
from dnasweep.tasks.metrics import classification_metrics
from sklearn.metrics import matthews_corrcoef, roc_auc_score

REAL = Path(
    os.environ.get("DNASWEEP_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)


def test_counts_by_hand():
    counts = kmer_counts(["AACA", "AANAA", "A", ""], ks=(1, 2)).toarray()
    assert counts.shape == (4, 20)
    assert counts[0, :4].tolist() == [3, 1, 0, 0]
    assert counts[0, 4:8].tolist() == [1, 1, 0, 0]  # AA AC AG AT
    assert counts[0, 8] == 1  # CA
    assert counts[1, 4] == 2  # N breaks the run
    assert counts[1].sum() == 6
    assert counts[2].sum() == 1
    assert counts[3].sum() == 0


def test_counts_do_not_run_over_from_one_sequence_to_the_next():
    together = kmer_counts(["ACGTA", "CCGT"], ks=(3, 4)).toarray()
    apart = [kmer_counts([s], ks=(3, 4)).toarray()[0] for s in ("ACGTA", "CCGT")]
    np.testing.assert_array_equal(together, apart)


def _toy(num: int, classes: int = 2) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(num) % classes
    letters = np.array(list("ACGT"))
    texts = []
    for label in labels:
        weights = np.full(4, 0.2)
        weights[label] = 0.4
        texts.append("".join(rng.choice(letters, 80, p=weights)))
    return texts, labels


def test_probabilities_of_two_and_of_three_classes():
    for classes in (2, 3):
        texts, labels = _toy(300, classes)
        found = kmer_baseline(texts[:240], labels[:240], texts[240:])
        assert found.shape == (60, classes)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert (found.argmax(axis=1) == labels[240:]).mean() > 0.8
        np.testing.assert_array_equal(found, kmer_baseline(texts[:240], labels[:240], texts[240:]))


def test_a_class_that_is_skipped_keeps_its_column_and_no_rows_are_no_error():
    texts, labels = _toy(40)
    found = kmer_baseline(texts, labels * 2, texts[:5])
    assert found.shape == (5, 3)
    assert (found[:, 1] == 0).all()
    assert kmer_baseline(texts, labels, []).shape == (0, 2)


def test_one_class_is_refused():
    with pytest.raises(InputError, match="one class"):
        kmer_baseline(["ACGT"] * 3, [1, 1, 1], ["ACGT"])


@pytest.mark.parametrize("seed", range(5))
def test_the_audit_and_the_models_call_by_one_rule(seed):
    rng = np.random.default_rng(seed)
    texts, labels = _toy(200)
    noisy = np.where(rng.random(200) < 0.3, 1 - labels, labels)
    split = ["train"] * 100 + ["validation"] * 50 + ["test"] * 50
    table = make_table({"sequence": texts, "label": noisy, "split": split})
    scores, metrics = score_baseline(table)
    seen = scores["split"] == "validation"
    threshold = best_threshold(scores.loc[seen, "label"], scores.loc[seen, "probability_1"])
    assert metrics["threshold"] == threshold
    for name, rows in (("validation", seen), ("test", ~seen)):
        probabilities = scores.loc[rows, ["probability_0", "probability_1"]].to_numpy()
        expected = classification_metrics(
            scores.loc[rows, "label"].to_numpy(), probabilities, threshold, split=name
        )
        for metric in (f"{name}/mcc", f"{name}/auroc"):
            assert metrics[metric] == pytest.approx(expected[metric], abs=1e-12)


def test_scores_cover_validation_and_test_rows_only():
    texts, labels = _toy(200)
    split = ["train"] * 120 + ["validation"] * 40 + ["test"] * 40
    table = make_table({"sequence": texts, "label": labels, "split": split})
    scores, metrics = score_baseline(table)
    assert scores["id"].tolist() == table["id"][120:].tolist()
    assert set(metrics) == {
        "threshold",
        "validation/auroc",
        "validation/mcc",
        "validation/auroc_3mer",
        "test/auroc",
        "test/mcc",
    }
    test = scores[scores["split"] == "test"]
    assert metrics["test/auroc"] == roc_auc_score(test["label"], test["probability_1"])
    called = test["probability_1"] >= metrics["threshold"]
    assert metrics["test/mcc"] == matthews_corrcoef(test["label"], called)


def test_test_labels_do_not_touch_anything_but_test_scores():
    texts, labels = _toy(200)
    split = ["train"] * 120 + ["validation"] * 40 + ["test"] * 40
    table = make_table({"sequence": texts, "label": labels, "split": split})
    flipped = table.assign(
        label=table["label"].where(table["split"] != "test", 1 - table["label"]).astype("int8")
    )
    one, other = score_baseline(table), score_baseline(flipped)
    probabilities = ["probability_0", "probability_1"]
    pd.testing.assert_frame_equal(one.scores[probabilities], other.scores[probabilities])
    for name in ("threshold", "validation/mcc", "validation/auroc", "validation/auroc_3mer"):
        assert one.metrics[name] == other.metrics[name]
    assert other.metrics["test/auroc"] == pytest.approx(1 - one.metrics["test/auroc"])


def test_what_cannot_be_scored_is_left_out():
    texts, labels = _toy(60)
    split = ["train"] * 40 + ["validation"] * 10 + ["test"] * 10
    table = make_table({"sequence": texts, "label": labels, "split": split})
    assert score_baseline(table.assign(label=np.int8(1))).metrics == {}
    one_sided = table[(table["split"] != "test") | (table["label"] == 1)]
    assert "test/auroc" not in score_baseline(one_sided).metrics
    strange = table.assign(label=table["label"].where(table.index < 58, 7).astype("int8"))
    assert score_baseline(strange).scores["label"].isin([0, 1]).all()


@pytest.mark.parametrize(
    ("name", "mcc", "auroc"), [("prom_300_tata", 0.423, 0.774), ("prom_core_tata", 0.475, 0.811)]
)
def test_known_scores_on_real_promoters(name, mcc, auroc):
    folder = REAL / "gue" / name
    if not folder.exists():
        pytest.skip("the real data are not here")
    train, test = (pd.read_csv(folder / f"{part}.csv.gz") for part in ("train", "test"))
    found = kmer_baseline(train["sequence"].tolist(), train["label"], test["sequence"].tolist())
    assert roc_auc_score(test["label"], found[:, 1]) == pytest.approx(auroc, abs=0.015)
    assert matthews_corrcoef(test["label"], found[:, 1] > 0.5) == pytest.approx(mcc, abs=0.04)
