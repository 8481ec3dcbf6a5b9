"""Attributions summarised over sequences, by position and by token."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.positions import AttributionTables, BaseAttributions

ALL = "all"
"""Name of the group of all species."""


def groups(sequences: pd.DataFrame) -> list[tuple[str, int, NDArray[np.bool_]]]:
    """Return (species, label, members) of each label over all species, then within each species.

    Unnamed species, and a single species, do not form separate groups.
    """
    labels, species = sequences["label"].to_numpy(), sequences["species"].to_numpy(str)
    names = [name for name in dict.fromkeys(species.tolist()) if name]
    separate = names if len(set(species.tolist())) > 1 else []
    found = []
    for name in (ALL, *separate):
        within = np.ones(len(species), bool) if name == ALL else species == name
        for label in sorted(set(labels[within].tolist()), reverse=True):
            found.append((name, int(label), within & (labels == label)))
    return found


def profile(
    bases: BaseAttributions, *, percentiles: tuple[float, float] = (10.0, 90.0)
) -> pd.DataFrame:
    """Return the mean attribution at every position, by species and label, with its spread.

    Returns
    -------
    profile
        One row per group and position: species (`all` for any species), label, position, num
        (sequences with a value at the position), mean, sd (over sequences; nan for one),
        standard_error (of the mean), low, median, high (percentiles over sequences).
    """
    parts = []
    for species, label, members in groups(bases.sequences):
        values = bases.values[members]
        num = np.count_nonzero(~np.isnan(values), axis=0)
        there = num > 0
        values, num = values[:, there], num[there]
        # nan-aware percentiles are computed column by column, which is slow and needless without nan.
        whole = not np.isnan(values).any()
        quantiles = (np.percentile if whole else np.nanpercentile)(
            values, [percentiles[0], 50.0, percentiles[1]], axis=0
        )
        mean = np.nanmean(values, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            sd = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / np.where(num > 1, num - 1, 0))
        parts.append(
            pd.DataFrame(
                {
                    "species": species,
                    "label": label,
                    "position": bases.positions[there],
                    "num": num,
                    "mean": mean,
                    "sd": sd,
                    "standard_error": sd / np.sqrt(num),
                    "low": quantiles[0],
                    "median": quantiles[1],
                    "high": quantiles[2],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


class TokenRanking(NamedTuple):
    """The two ends of a ranking."""

    positive: pd.DataFrame
    """Most positive first: token, count, num_sequences, mean_phi, standard_error, sum_phi."""
    negative: pd.DataFrame
    """Most negative first, the same columns."""


def token_table(tables: AttributionTables) -> pd.DataFrame:
    """Return every token with a summary of its attributions, sorted by decreasing sum.

    Returns
    -------
    tokens
        One row per token: token, count (occurrences), num_sequences (with the token), mean_phi,
        standard_error (of the mean, over sequences; nan if all occurrences are in one sequence), sum_phi.

    Notes
    -----
    Occurrences within a sequence are not independent: if the model is certain about a sequence, all of its
    values are large. The error is therefore that of a ratio of sums over sequences,
    (n / (n - 1)) sum of (sum_i - mean count_i)^2 / count^2 (Cochran, Sampling Techniques, 1977).
    """
    codes, texts = pd.factorize(tables.tokens["token"])
    phi = tables.tokens["phi"].to_numpy()
    sequence = pd.factorize(tables.tokens["sequence_id"])[0].astype(np.int64)
    count = np.bincount(codes)
    total = np.bincount(codes, phi)
    mean = total / count
    num = int(sequence.max(initial=0)) + 1
    pairs, pair = np.unique(codes.astype(np.int64) * num + sequence, return_inverse=True)
    owner = pairs // num
    num_sequences = np.bincount(owner, minlength=len(texts))
    # Sum of the deviations from the mean over a sequence's occurrences.
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
    table: pd.DataFrame, *, by: Literal["mean_phi", "sum_phi"], num: int, min_count: int = 1
) -> TokenRanking:
    """Return the most positive and the most negative tokens of a :func:`token_table`.

    Parameters
    ----------
    table
        Table returned by :func:`token_table`.
    by
        Column to rank by. The positive end contains only tokens with positive numbers, the negative
        end only tokens with negative numbers.
    num
        Maximum number of tokens at either end.
    min_count
        Tokens with fewer occurrences are left out, because the mean of a few is mostly chance.
    """
    often = table[table["count"] >= min_count]
    ends = []
    for sign in (1, -1):
        end = often[sign * often[by] > 0]
        end = end.assign(_order=-sign * end[by]).sort_values(["_order", "token"])
        ends.append(end.drop(columns="_order").head(num).reset_index(drop=True))
    return TokenRanking(*ends)
