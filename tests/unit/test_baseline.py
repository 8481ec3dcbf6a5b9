"""The k-mer baseline: counts by definition, and the scores it is known to reach."""

import numpy as np
import pandas as pd
import pytest
from dnasweep.data import baseline
from dnasweep.data.baseline import (
    FEWEST,
    SIZES,
    KmerChoice,
    choose_baseline,
    kmer_baseline,
)
from dnasweep.data.baseline_scores import score_baseline
from dnasweep.data.decision_threshold import best_threshold
from dnasweep.data.kmer_counts import kmer_counts
from dnasweep.data.learners import Classes, Numbers, SeveralLabels
from dnasweep.data.table import make_table
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode_rows, reverse_complement
from dnasweep.tasks.metrics import classification_metrics
from real_data import REAL
from sklearn.metrics import matthews_corrcoef, roc_auc_score


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


def test_both_strands_of_a_k_mer_are_one_column():
    sequences = ["ACGTTAGCNACCA", "TTTTGACGA", "AC"]
    for ks in ((1,), (2,), (3,), (2, 4)):
        found = kmer_counts(sequences, ks=ks, both_strands=True)
        turned = kmer_counts(list(map(reverse_complement, sequences)), ks=ks, both_strands=True)
        np.testing.assert_array_equal(found.toarray(), turned.toarray())
        assert found.sum() == kmer_counts(sequences, ks=ks).sum()
        # Half of the k-mers, and of even sizes half of the palindromes beside.
        halves = [(4**k + (4 ** (k // 2) if k % 2 == 0 else 0)) // 2 for k in ks]
        assert found.shape[1] == sum(halves)
    one = kmer_counts(["AACGTT"], ks=(2,), both_strands=True).toarray()[0]
    assert one.tolist() == [2, 2, 0, 0, 0, 0, 1, 0, 0, 0]  # AA AC AG AT CA CC CG GA GC TA


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
    scores, metrics, *_ = score_baseline(table)
    seen = scores["split"] == "validation"
    threshold = best_threshold(scores.loc[seen, "label"], scores.loc[seen, "probability_1"])
    assert metrics["threshold"] == threshold
    for name, rows in (("validation", seen), ("test", ~seen)):
        probabilities = scores.loc[rows, ["probability_0", "probability_1"]].to_numpy()
        labelled = scores.loc[rows, "label"].to_numpy()
        expected = classification_metrics(labelled, probabilities, threshold)
        for metric in ("mcc", "auroc"):
            by_models = expected[f"validation/{metric}"]
            assert metrics[f"{name}/{metric}"] == pytest.approx(by_models, abs=1e-12)


def test_scores_cover_validation_and_test_rows_only():
    texts, labels = _toy(200)
    split = ["train"] * 120 + ["validation"] * 40 + ["test"] * 40
    table = make_table({"sequence": texts, "label": labels, "split": split})
    scores, metrics, *_ = score_baseline(table)
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


def _stranded(num: int, word: str, turned: str, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Random sequences; those of class 1 have `word`, those of class 0 `turned`, at some place."""
    rng = np.random.default_rng(seed)
    texts = decode_rows(rng.integers(0, 4, (num, 80)).astype(np.uint8))
    labels = np.arange(num) % 2
    for row, label in enumerate(labels):
        put, at = (word if label else turned), int(rng.integers(0, 60))
        texts[row] = texts[row][:at] + put + texts[row][at + len(put) :]
    return texts, labels


def test_the_search_finds_the_strand_and_the_size_that_tell():
    """A word on one strand against its reverse complement: only counts of one strand tell."""
    word = "GATTACAGATC"
    texts, labels = _stranded(600, word, reverse_complement(word))
    found = choose_baseline(texts[:400], labels[:400], texts[400:], labels[400:])
    assert len(found.scores) == len(SIZES) * 2 * len(Classes.strengths)
    assert not found.best.both_strands
    assert found.scores[found.best] > 0.95
    blind = [score for choice, score in found.scores.items() if choice.both_strands]
    assert max(blind) < 0.65
    # The word on either strand against none: counting both strands as one tells more.
    other = "CAACTCGGCAT"
    one, kinds = _stranded(600, word, other)
    either = [reverse_complement(s) if row % 4 < 2 else s for row, s in enumerate(one)]
    assert choose_baseline(either[:400], kinds[:400], either[400:], kinds[400:]).best.both_strands


def test_the_best_on_validation_is_chosen_and_the_first_of_equals(monkeypatch):
    texts, labels = _toy(300)
    found = choose_baseline(texts[:150], labels[:150], texts[150:], labels[150:])
    assert found.scores[found.best] == max(found.scores.values())
    monkeypatch.setattr(Classes, "score", lambda self, labels, predicted: 0.7)
    equal = choose_baseline(texts[:150], labels[:150], texts[150:], labels[150:])
    assert equal.best == KmerChoice()
    assert str(KmerChoice()) == "3- to 5-mers of one strand, C 0.001"
    assert str(KmerChoice((6,), True, 1e-4)) == "6-mers of both strands, C 0.0001"


def test_few_or_one_sided_validation_rows_choose_nothing():
    texts, labels = _toy(200)
    few = choose_baseline(
        texts[:100], labels[:100], texts[100:][: FEWEST - 1], labels[: FEWEST - 1]
    )
    assert few == (KmerChoice(), {})
    one = choose_baseline(texts[:100], labels[:100], texts[100:], np.ones(100, int))
    assert one == (KmerChoice(), {})
    assert choose_baseline(texts, labels, [], []) == (KmerChoice(), {})


def test_the_work_of_the_search_and_of_the_fit_is_bounded(monkeypatch):
    texts, labels = _toy(400)
    fitted: list[tuple[int, int]] = []
    fit = Classes.fit
    monkeypatch.setattr(
        Classes,
        "fit",
        lambda self, counts, strength, *, max_iter: (
            fitted.append((counts.shape[0], max_iter)),
            fit(self, counts, strength, max_iter=max_iter),
        )[1],
    )
    monkeypatch.setattr(baseline, "SEARCHED", 70)
    monkeypatch.setattr(baseline, "MOST_BASES", 80 * 100)
    split = ["train"] * 200 + ["validation"] * 100 + ["test"] * 100
    table = make_table({"sequence": texts, "label": labels, "split": split})
    found = score_baseline(table)
    assert fitted[:-2] == [(70, 60)] * found.tried
    assert fitted[-2:] == [(100, 300)] * 2
    assert len(found.scores) == 200
    assert found.tried == len(SIZES) * 2 * len(Classes.strengths)


def _strand_blind(num: int) -> tuple[list[str], np.ndarray]:
    """Return DNA and how often GATTACA stands in it, on whichever strand; a third column is rare."""
    rng = np.random.default_rng(3)
    texts, counts = [], []
    for row in range(num):
        letters = rng.choice(list("ACGT"), 120)
        copies = int(rng.integers(4))
        for copy in range(copies):
            motif = "GATTACA" if rng.random() < 0.5 else "TGTAATC"
            letters[copy * 30 + 5 : copy * 30 + 12] = list(motif)
        texts.append("".join(letters))
        counts.append((copies, 10 - 3 * copies, float(row == 0)))
    return texts, np.array(counts, dtype=float)


def test_numbers_choose_what_is_counted_too():
    texts, counts = _strand_blind(900)
    targets = counts[:, :2] * 7 + 100
    found = choose_baseline(
        texts[:600], targets[:600], texts[600:750], targets[600:750], kind=Numbers
    )
    assert len(found.scores) == len(SIZES) * 2 * len(Numbers.strengths)
    assert found.best.both_strands, "the motif stands on either"
    assert found.best.ks in ((5,), (6,), (3, 4, 5))
    tuned, usual = (
        kmer_baseline(texts[:600], targets[:600], texts[750:], choice=choice, kind=Numbers)
        for choice in (found.best, None)
    )
    errors = [((one - targets[750:]) ** 2).mean() for one in (tuned, usual)]
    assert errors[0] < 0.8 * errors[1]
    assert np.corrcoef(tuned[:, 1], targets[750:, 1])[0, 1] > 0.8


def test_labels_of_a_row_are_fitted_each_and_a_constant_one_is_constant():
    texts, counts = _strand_blind(400)
    labels = np.stack([counts[:, 0] > 1, counts[:, 0] == 0, np.zeros(400)], axis=1).astype(float)
    found = kmer_baseline(texts[:300], labels[:300], texts[300:], kind=SeveralLabels)
    for one in (0, 1):
        alone = kmer_baseline(texts[:300], labels[:300, one].astype(int), texts[300:])
        np.testing.assert_array_equal(found[:, one], alone[:, 1])
    assert (found[:, 2] == 0).all()
    chosen = choose_baseline(
        texts[:300], labels[:300], texts[300:], labels[300:], kind=SeveralLabels
    )
    assert np.isfinite(list(chosen.scores.values())).all()
