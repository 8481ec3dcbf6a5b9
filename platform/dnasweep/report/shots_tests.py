"""Every pair of initialisations, and each against the baseline, at each number of shots."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from dnasweep.report.cells import TestScores, rows_of
from dnasweep.report.replicates import auroc_row_variance, mean_difference, resampled_mcc
from dnasweep.report.statistics import benjamini_hochberg, mcc, structural_components

if TYPE_CHECKING:
    from dnasweep.report.shots import ShotBaseline

RANDOM = "no pretraining"
BASELINE = "k-mer logistic regression"
_TEST = ("difference", "low", "high", "p", "p_adjusted")
COLUMNS = (
    *(
        "tokenizer",
        "learning_rate",
        "shots",
        "a",
        "b",
        "num_rows",
        "draws",
        "pairs",
        "pairs_for_a",
    ),
    *(f"{metric}_{name}" for metric in ("mcc", "auroc") for name in _TEST),
)


class _Pool(NamedTuple):
    """All trainings on the test rows they share, and what the bootstrap made of each."""

    labels: np.ndarray
    scores: dict[str, np.ndarray]
    mcc: dict[str, float]
    resampled: dict[str, np.ndarray]


def paired_tests(
    runs: pd.DataFrame,
    tested: Mapping[str, TestScores],
    baselines: Sequence[ShotBaseline],
    *,
    num_resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Return one row a pair and number of shots, p-values adjusted over all of them.

    Trainings are paired by draw and seed, and with the baseline by draw. See
    :mod:`dnasweep.report.replicates` for what the tests are.

    Parameters
    ----------
    runs
        The trials to compare, with their arm, shots, resample, seed and trial key.
    tested
        Test scores by trial key.
    baselines
        One a draw.
    num_resamples, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Columns :data:`COLUMNS`; `pairs_for_a` counts the pairs in which a has the larger MCC.
        Benjamini and Hochberg run over all pairs at all numbers of shots, for each metric.
    """
    references = {(b.shots, b.resample): b.test_scores for b in baselines}
    known = dict(tested) | {f"baseline {key}": scores for key, scores in references.items()}
    records = []
    pool = _pooled(known, num_resamples, seed) if len(known) > 1 else None
    if pool is not None:
        for head, pairs in _pairs(runs, references):
            records.append(head | _test(pool, pairs))
    table = pd.DataFrame.from_records(records, columns=list(COLUMNS))
    for metric in ("mcc", "auroc"):
        table[f"{metric}_p_adjusted"] = benjamini_hochberg(table[f"{metric}_p"].to_numpy(float))
    return table


def _pooled(known: dict[str, TestScores], num_resamples: int, seed: int) -> _Pool | None:
    every = list(known.values())
    ids = every[0].ids
    for other in every[1:]:
        if not np.array_equal(ids, other.ids):
            ids = np.intersect1d(ids, other.ids)
    labels = every[0].labels[rows_of(every[0], ids)]
    if not np.isin(labels, (0, 1)).all() or min(np.sum(labels == 0), np.sum(labels == 1)) < 2:
        return None
    scores = {key: entry.scores[rows_of(entry, ids)] for key, entry in known.items()}
    calls = np.stack([scores[key] >= entry.threshold for key, entry in known.items()]).astype(int)
    drawn = resampled_mcc(labels, calls, num_resamples=num_resamples, seed=seed)
    hits, called, num = (calls * labels).sum(1), calls.sum(1), len(labels)
    return _Pool(
        labels=labels,
        scores=scores,
        mcc=dict(zip(known, mcc(hits, called, labels.sum(), num).tolist(), strict=True)),
        resampled=dict(zip(known, drawn.T, strict=True)),
    )


def _pairs(
    runs: pd.DataFrame, references: Mapping[tuple[int, int], TestScores]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield what is compared, and the pairs of trainings: keys a and b, draw and seed."""
    for (tokenizer, rate, shots), group in runs.groupby(
        ["tokenizer", "learning_rate", "shots"], sort=False, dropna=False
    ):
        arms = {
            name: arm.set_index(["resample", "seed"])["trial_key"]
            for name, arm in group.groupby("initialisation", sort=False)
        }
        # What comes later is what is tried: it reads as the new against the old.
        pairs = [(b, a, arms[b], arms[a]) for a, b in itertools.combinations(arms, 2)]
        for name, arm in arms.items():
            keys = [f"baseline {(shots, resample)}" for resample, _ in arm.index]
            there = [(shots, resample) in references for resample, _ in arm.index]
            pairs.append((name, BASELINE, arm, pd.Series(keys, index=arm.index)[there]))
        for a, b, first, second in pairs:
            joined = pd.concat([first.rename("a"), second.rename("b")], axis=1, join="inner")
            if len(joined):
                head = {"tokenizer": tokenizer, "learning_rate": rate, "shots": shots}
                yield head | {"a": a, "b": b}, joined.reset_index()


def _test(pool: _Pool, pairs: pd.DataFrame) -> dict[str, Any]:
    draws, seeds = pairs["resample"].tolist(), pairs["seed"].tolist()
    a, b = pairs["a"].tolist(), pairs["b"].tolist()
    differences = np.array([pool.mcc[x] - pool.mcc[y] for x, y in zip(a, b, strict=True)])
    drawn = np.mean(
        [pool.resampled[x] - pool.resampled[y] for x, y in zip(a, b, strict=True)], axis=0
    )
    scores_a, scores_b = (np.stack([pool.scores[key] for key in keys]) for keys in (a, b))
    aurocs = [structural_components(pool.labels, scores)[0] for scores in (scores_a, scores_b)]
    by_mcc = mean_difference(differences, draws, seeds, float(drawn.var(ddof=1)))
    by_auroc = mean_difference(
        aurocs[0] - aurocs[1],
        draws,
        seeds,
        auroc_row_variance(pool.labels, scores_a, scores_b),
    )
    record: dict[str, Any] = {
        "num_rows": len(pool.labels),
        "draws": len(set(draws)),
        "pairs": len(pairs),
        "pairs_for_a": int((differences > 0).sum()),
    }
    for metric, found in (("mcc", by_mcc), ("auroc", by_auroc)):
        record |= {f"{metric}_{n}": v for n, v in zip(_TEST, found, strict=False)}
    return record
