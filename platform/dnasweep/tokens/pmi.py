"""Pointwise mutual information of k-mers: their frequency relative to that of their pieces.

There are four variants, computed from the counts of :mod:`dnasweep.tokens.ngrams` with natural
logarithms. With f(w) the count of a k-mer w and p its probability:

``naive``
    ln p(w) - sum of ln p(base). A long k-mer with one correlated part gets a high score.
``pmi_n``
    The minimum of ln p(w) - sum of ln p(piece) over all 2^(k-1) - 1 ways to cut the k-mer into two
    or more pieces: PMI-Masking's definition (Levine et al., PMI-Masking: Principled masking of
    correlated spans, ICLR 2021, arXiv:2010.01825). Each length has its own denominator.
``bouma``
    naive / (-(k - 1) ln p(w)): at most 1, reached by a k-mer whose bases occur nowhere else
    (Bouma, Normalized (pointwise) mutual information in collocation extraction, GSCL 2009; for
    more than two parts by Van de Cruys, DiSCo 2011).
``published``
    The score of the ranking of 6-mers published with GeneMask (Roy et al., GeneMask: Fast
    pretraining of gene sequences to enable few-shot learning, ECAI 2023, arXiv:2307.15933):
    the minimum over cuts into pieces of one or two bases, with p(w) = f(w) / 2N for every
    length, N being the number of bases, times ln f / (ln f + ln C) with C = 101. The factor 2 adds
    ln 2 per cut; it is kept because the ranking depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from dnasweep.config import PmiConfig
from dnasweep.errors import InputError
from dnasweep.tokens.alphabet import digits, window_codes
from dnasweep.tokens.ngrams import NGramCounts, all_kmers

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PmiTable:
    """All k-mers with their scores."""

    k: int
    """Length of the k-mers."""
    scores: Scores
    """Score of each k-mer, shape ``(4**k,)``, in the order of :func:`dnasweep.tokens.ngrams.all_kmers`;
    NaN if it has none."""

    @property
    def ranks(self) -> NDArray[np.int64]:
        """Rank of each k-mer, 1 for the highest score; equal scores share the lowest rank number.

        K-mers without a score share the last rank, 4**k.
        """
        missing = np.isnan(self.scores)
        falling = np.sort(-self.scores[~missing])
        ranks = np.full(self.scores.size, self.scores.size, np.int64)
        ranks[~missing] = np.searchsorted(falling, -self.scores[~missing], "left") + 1
        return ranks

    def frame(self, counts: NGramCounts | None = None) -> pd.DataFrame:
        """Return the scored k-mers, best first: columns rank, word, count (if given) and score."""
        frame = pd.DataFrame({"rank": self.ranks, "word": all_kmers(self.k), "score": self.scores})
        if counts is not None:
            frame.insert(2, "count", counts.counts[self.k - 1])
        frame = frame[frame["score"].notna()]
        return frame.sort_values(["rank", "word"], ignore_index=True)


def score_kmers(counts: NGramCounts, config: PmiConfig) -> PmiTable:
    """Score all k-mers of the maximum counted length.

    Raises
    ------
    InputError
        If no k-mer occurs often enough.
    """
    if config.both_strands:
        counts = counts.both_strands()
    found = counts.counts[-1] >= config.min_count
    if not found.any():
        raise InputError(
            f"no k-mer of {counts.k} bases occurs {config.min_count} times in "
            f"{counts.num_bases:,} bases",
            remedy="Count more sequences, or lower the minimum count.",
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = _VARIANTS[config.variant](counts, config)
    return PmiTable(k=counts.k, scores=np.where(found, scores, np.nan))


def _own_logarithms(counts: NGramCounts) -> list[Scores]:
    """Return ln p of the k-mers of each length, relative to all k-mers of this length."""
    return [np.log(c) - np.log(c.sum()) for c in counts.counts]


def _naive(counts: NGramCounts, config: PmiConfig) -> Scores:
    logs = _own_logarithms(counts)
    return logs[-1] - _best_cut(logs[:1], counts.k)


def _bouma(counts: NGramCounts, config: PmiConfig) -> Scores:
    return _naive(counts, config) / (-(counts.k - 1) * _own_logarithms(counts)[-1])


def _pmi_n(counts: NGramCounts, config: PmiConfig) -> Scores:
    logs = _own_logarithms(counts)
    return logs[-1] - _best_cut(logs[:-1], counts.k)


def _published(counts: NGramCounts, config: PmiConfig) -> Scores:
    logs = [np.log(c) - np.log(2 * counts.num_bases) for c in counts.counts]
    frequency = np.log(counts.counts[-1])
    discount = frequency / (frequency + np.log(config.discount))
    return (logs[-1] - _best_cut(logs[:2], counts.k)) * discount


_VARIANTS = {"naive": _naive, "bouma": _bouma, "pmi_n": _pmi_n, "published": _published}


def _best_cut(logs: list[Scores], k: int) -> Scores:
    """Return, for each k-mer, the largest sum of the ln p of its pieces.

    Pieces have at most ``len(logs)`` bases, fewer than k. The best cut of the first bases of a k-mer
    is the best over the length of its last piece.
    """
    codes = np.arange(4**k)
    best: list[Scores] = [np.zeros(4**k)]
    for end in range(1, k + 1):
        sums = [
            best[end - n] + logs[n - 1][codes // 4 ** (k - end) % 4**n]
            for n in range(1, min(end, len(logs)) + 1)
        ]
        best.append(np.max(sums, axis=0))
    return best[k]


KMER_COLUMNS = ("word", "ngram")
SCORE_COLUMNS = ("score", "norm_dp_true_pmi")
"""Names of score columns: of this platform, then of GeneMask's published ranking."""
_PARQUET = b"PAR1"


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table from :meth:`PmiTable.frame` as Parquet, or as CSV or TSV, plain or gzipped."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, sep=_separator(path))


def read_table(path: Path) -> PmiTable:
    """Read a table of k-mers and their scores.

    Parameters
    ----------
    path
        Parquet, CSV or TSV, also gzipped, with a column of k-mers and one of scores; missing
        k-mers have no score.

    Raises
    ------
    InputError
        If the file cannot be read or is not such a table.
    """
    frame = _read(path)
    columns = [
        next((name for name in names if name in frame.columns), None)
        for names in (KMER_COLUMNS, SCORE_COLUMNS)
    ]
    if None in columns:
        raise InputError(
            f"has the columns {', '.join(map(str, frame.columns[:8]))}, none with k-mers and scores",
            file=path,
            remedy=f"Name them {KMER_COLUMNS[0]} and {SCORE_COLUMNS[0]}.",
        )
    kmers = frame[columns[0]].astype("str").str.upper()
    scores = pd.to_numeric(frame[columns[1]], errors="coerce").to_numpy(float)
    lengths = kmers.str.len().unique()
    if len(lengths) != 1 or not 1 <= lengths[0] <= 6:
        raise InputError(
            f"has k-mers of {', '.join(str(n) for n in sorted(lengths)[:5]) or 'no'} bases",
            file=path,
            remedy="Give k-mers of one length, 3 to 6 bases.",
        )
    k = int(lengths[0])
    codes = window_codes(digits("".join(kmers)), k)[::k]
    for wrong, what in (
        (codes >= 4**k, "is not over A, C, G and T"),
        (pd.Series(codes).duplicated().to_numpy(), "occurs twice"),
        (~np.isfinite(scores), "has no finite score"),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(
                f"k-mer {kmers.iloc[row]!r} {what}",
                file=path,
                row=row + 2,
                remedy="Correct or leave out the row.",
            )
    table = np.full(4**k, np.nan)
    table[codes] = scores
    return PmiTable(k=k, scores=table)


def _separator(path: Path) -> str:
    return "\t" if ".tsv" in path.name.lower() else ","


def _read(path: Path) -> pd.DataFrame:
    try:
        with path.open("rb") as stream:
            packed = stream.read(4) == _PARQUET
        if packed:
            return pd.read_parquet(path)
        # pandas would read NA as nan.
        return pd.read_csv(path, sep=_separator(path), keep_default_na=False)
    except (OSError, ValueError, EOFError, pa.ArrowException) as error:
        raise InputError(
            f"cannot be read as a table of k-mers: {error}",
            file=path,
            remedy="Give a table made by `dnasweep pmi`, as Parquet or CSV.",
        ) from error
