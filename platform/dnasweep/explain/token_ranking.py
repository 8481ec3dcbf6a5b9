"""Which tokens speak for a class and which against it, over all sequences."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from dnasweep.explain.positions import AttributionTables


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
        mean, occurrences taken as independent; nan for one), sum_phi.
    """
    codes, texts = pd.factorize(tables.tokens["token"])
    phi = tables.tokens["phi"].to_numpy()
    sequence = pd.factorize(tables.tokens["sequence_id"])[0].astype(np.int64)
    count = np.bincount(codes)
    total = np.bincount(codes, phi)
    mean = total / count
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.bincount(codes, (phi - mean[codes]) ** 2) / np.where(count > 1, count - 1, 0)
    num_sequences = int(sequence.max(initial=0)) + 1
    pairs = pd.unique(codes.astype(np.int64) * num_sequences + sequence)
    table = pd.DataFrame(
        {
            "token": np.asarray(texts, dtype=object),
            "count": count,
            "num_sequences": np.bincount(pairs // num_sequences),
            "mean_phi": mean,
            "standard_error": np.sqrt(variance / count),
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
