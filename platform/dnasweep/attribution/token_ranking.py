"""Which tokens speak for a class and which against it, over all sequences."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from dnasweep.attribution.positions import AttributionTables


class TokenRanking(NamedTuple):
    """The two ends of a ranking."""

    positive: pd.DataFrame
    """Most positive first: token, count, num_sequences, mean_phi, standard_error, sum_phi."""
    negative: pd.DataFrame
    """Most negative first, the same columns."""


def token_table(tables: AttributionTables) -> pd.DataFrame:
    """Return every token of the output with its attributions summed up, the largest sum first.

    Returns
    -------
    tokens
        token, count (occurrences), num_sequences (that have it), mean_phi, standard_error (of the
        mean for other sequences; nan where one sequence has them all), sum_phi.

    Notes
    -----
    Occurrences within a sequence are not independent of one another: a sequence that the model is
    sure of has large values throughout. So the error is that of a ratio of sums over sequences,
    (n / (n - 1)) sum of (sum_i - mean count_i)^2 / count^2 (Cochran, Sampling Techniques, 1977).
    """
    codes, texts = pd.factorize(tables.tokens["token"])
    phi = tables.tokens["phi"].to_numpy()
    sequence = pd.factorize(tables.tokens["sequence_id"])[0].astype(np.int64)
    count = np.bincount(codes)
    total = np.bincount(codes, phi)
    mean = total / count
    most = int(sequence.max(initial=0)) + 1
    pairs, pair = np.unique(codes.astype(np.int64) * most + sequence, return_inverse=True)
    owner = pairs // most
    num_sequences = np.bincount(owner, minlength=len(texts))
    # What a sequence's occurrences are away from the mean, together.
    away = np.bincount(pair, phi - mean[codes], minlength=len(pairs))
    squares = np.bincount(owner, away**2, minlength=len(texts))
    several = num_sequences > 1
    widen = np.divide(
        num_sequences, num_sequences - 1, out=np.full(len(texts), np.nan), where=several
    )
    table = pd.DataFrame(
        {
            "token": np.asarray(texts, dtype=object),
            "count": count,
            "num_sequences": num_sequences,
            "mean_phi": mean,
            "standard_error": np.sqrt(widen * squares) / count,
            "sum_phi": total,
        }
    )
    return table.sort_values(["sum_phi", "token"], ascending=[False, True], ignore_index=True)


def rank_tokens(
    table: pd.DataFrame, *, by: Literal["mean_phi", "sum_phi"], num: int, least_count: int = 1
) -> TokenRanking:
    """Return the `num` most positive and most negative tokens of a :func:`token_table`.

    Tokens with fewer than `least_count` occurrences are passed over: the mean of a few is chance.
    Only tokens with the sign of their end are in it.
    """
    often = table[table["count"] >= least_count]
    ends = []
    for sign in (1, -1):
        end = often[sign * often[by] > 0]
        end = end.assign(_order=-sign * end[by]).sort_values(["_order", "token"])
        ends.append(end.drop(columns="_order").head(num).reset_index(drop=True))
    return TokenRanking(*ends)
