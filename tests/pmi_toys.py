"""Counts of words to test with: by hand, and those behind a published ranking."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from dnasweep.tokens.ngrams import NGramCounts, all_kmers

RANKING = "genemask/Data-A_norm-pmi-score-ranking.csv.gz"
# Printed with GeneMask's code: bases of the part of GRCh38 that was counted.
BASES = {"A": 198_550_581, "T": 199_065_398, "C": 135_606_706, "G": 135_906_690}


def published_ranking(real_data: Path) -> pd.DataFrame:
    """Return GeneMask's table of 6-mers, best first."""
    return pd.read_csv(real_data / RANKING, keep_default_na=False)


def published_counts(ranking: pd.DataFrame) -> NGramCounts:
    """Return the counts behind the table: of 6-mers from its naive scores, which leave nothing out,
    and of shorter words as sums over what follows them."""
    total = 2 * sum(BASES.values())
    background = [sum(np.log(BASES[base] / total) for base in word) for word in ranking["ngram"]]
    found = np.exp(ranking["naive.pmi"].to_numpy(float) + background) * total
    by_word = pd.Series(np.rint(found).astype(np.int64), index=ranking["ngram"])
    sixes = by_word.loc[all_kmers(6)].to_numpy()
    between = (sixes.reshape(4**n, -1).sum(axis=1) for n in range(2, 6))
    return NGramCounts(counts=(np.array([BASES[b] for b in all_kmers(1)]), *between, sixes))


def counts_of(sequences: dict[str, int], k: int) -> NGramCounts:
    """Count the words of sequences, each as often as it says, one letter at a time."""
    totals = [dict.fromkeys(all_kmers(n), 0) for n in range(1, k + 1)]
    for sequence, times in sequences.items():
        for n, total in enumerate(totals, start=1):
            for start in range(len(sequence) - n + 1):
                word = sequence[start : start + n]
                if set(word) <= set("ACGT"):
                    total[word] += times
    return NGramCounts(counts=tuple(np.array(list(total.values())) for total in totals))
