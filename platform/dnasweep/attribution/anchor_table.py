"""Anchors as a table: one row per sequence, beside the tables of tokens and sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from dnasweep.attribution.attribution import Attribution

ANCHORS = pa.schema(
    [
        pa.field("sequence_id", pa.string(), nullable=False),
        # Whether the given strand is called the class explained; the anchor explains this call.
        pa.field("called", pa.bool_(), nullable=False),
        # Tokens of the anchor in the order in which they were added; empty if the call needs none.
        pa.field("token_indices", pa.list_(pa.int32()), nullable=False),
        pa.field("tokens", pa.list_(pa.string()), nullable=False),
        # Bases [start, end) of each token in the sequence.
        pa.field("starts", pa.list_(pa.int32()), nullable=False),
        pa.field("ends", pa.list_(pa.int32()), nullable=False),
        # Fraction of perturbed sequences with these tokens that get the same call, and its bounds.
        pa.field("precision", pa.float64(), nullable=False),
        pa.field("lower", pa.float64(), nullable=False),
        pa.field("upper", pa.float64(), nullable=False),
        # Fraction of all perturbed sequences that have these tokens.
        pa.field("coverage", pa.float64(), nullable=False),
        pa.field("num_evals", pa.int32(), nullable=False),
        # Whether the lower bound reaches the threshold; otherwise this is the best set found.
        pa.field("found", pa.bool_(), nullable=False),
    ]
)
"""Schema of the table `anchors`."""

_LISTS = ("token_indices", "tokens", "starts", "ends")


def anchor_columns(
    ids: pa.Array,
    attributions: Sequence[Attribution],
    vocabulary: Sequence[str],
) -> dict[str, Any]:
    """Return the columns of the table.

    Parameters
    ----------
    ids
        Ids of the sequences.
    attributions
        One per sequence, each with its anchor.
    vocabulary
        Token texts by id.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ANCHORS.names[1:]}
    for one in attributions:
        anchor = one.anchor
        if anchor is None:
            raise ValueError("an attribution lacks its anchor")
        members = np.array(anchor.tokens, np.int64)
        row = {
            "called": anchor.called,
            "token_indices": members.tolist(),
            "tokens": [vocabulary[i] for i in one.token_ids[members].tolist()],
            "starts": one.starts[members].tolist(),
            "ends": one.ends[members].tolist(),
            "precision": anchor.precision,
            "lower": anchor.lower,
            "upper": anchor.upper,
            "coverage": anchor.coverage,
            "num_evals": one.num_evals,
            "found": anchor.found,
        }
        for name, value in row.items():
            columns[name].append(value)
    return {"sequence_id": ids, **columns}


def wrong_anchors(tables: dict[str, pa.Table], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which sequences have an invalid anchor, (sequences,); all of them if the rows do not match.

    In a valid anchor, the bounds enclose the precision, every token occurs once and belongs to the
    sequence, at its position in the table of tokens, and no other token has a value.

    Parameters
    ----------
    tables
        Tables of one shard.
    counts
        Number of tokens in each sequence.
    """
    anchors, tokens = tables["anchors"], tables["tokens"]
    ids = tables["sequences"]["sequence_id"].to_pylist()
    if anchors["sequence_id"].to_pylist() != ids:
        return np.ones(len(ids), bool)
    low, mean, high, coverage = (
        anchors[name].to_numpy() for name in ("lower", "precision", "upper", "coverage")
    )
    wrong = ~((low >= 0) & (low <= mean) & (mean <= high) & (high <= 1))
    wrong |= ~((coverage > 0) & (coverage <= 1))
    first = np.cumsum(counts) - counts
    starts, ends, phi = (tokens[name].to_numpy() for name in ("start", "end", "phi"))
    texts = tokens["token"].to_pylist()
    for row, given in enumerate(anchors.select(list(_LISTS)).to_pylist()):
        members = np.array(given["token_indices"], np.int64)
        inside = (members >= 0) & (members < counts[row])
        if len(set(members.tolist())) < len(members) or not inside.all():
            wrong[row] = True
            continue
        at = first[row] + members
        others = np.ones(counts[row], bool)
        others[members] = False
        wrong[row] |= (
            given["starts"] != starts[at].tolist()
            or given["ends"] != ends[at].tolist()
            or given["tokens"] != [texts[i] for i in at.tolist()]
            or bool(phi[first[row] : first[row] + counts[row]][others].any())
        )
    return wrong


def summarise_anchors(
    anchors: pd.DataFrame, tokens: pd.DataFrame, sequences: pd.DataFrame
) -> dict[str, float]:
    """Return summary statistics of the anchors of a job, also of how well they generalise.

    Parameters
    ----------
    anchors, tokens, sequences
        Tables of the job.

    Returns
    -------
    summary
        num; found (anchors that reach the threshold); empty (found anchors without tokens: the call
        stays the same whatever is left out); tokens (mean size of found anchors with tokens),
        precision, coverage and lowest_bound (over the same anchors); data_coverage (fraction of the
        other sequences that have these tokens at these positions) and data_precision (fraction of
        those with the same call; nan if there are none).
    """
    sizes = anchors["tokens"].map(len)
    useful = anchors["found"] & (sizes > 0)
    called = dict(zip(sequences["sequence_id"], sequences["called"], strict=True))
    holders: dict[tuple[int, str], set[str]] = {}
    for name, start, token in zip(
        tokens["sequence_id"], tokens["start"], tokens["token"], strict=True
    ):
        holders.setdefault((int(start), str(token)), set()).add(name)
    num_others, alike = 0, 0
    for _, one in anchors[useful].iterrows():
        own = one["sequence_id"]
        places = zip(one["starts"], one["tokens"], strict=True)
        others = set.intersection(*(holders[int(s), str(t)] for s, t in places)) - {own}
        num_others += len(others)
        alike += sum(called[name] == called[own] for name in others)
    pairs = int(useful.sum()) * max(0, len(anchors) - 1)

    def mean(name: str) -> float:
        return float(anchors.loc[useful, name].mean()) if useful.any() else float("nan")

    return {
        "num": float(len(anchors)),
        "found": float(anchors["found"].sum()),
        "empty": float((anchors["found"] & (sizes == 0)).sum()),
        "tokens": float(sizes[useful].mean()) if useful.any() else float("nan"),
        "precision": mean("precision"),
        "coverage": mean("coverage"),
        "lowest_bound": float(anchors.loc[useful, "lower"].min()) if useful.any() else np.nan,
        "data_coverage": num_others / pairs if pairs else np.nan,
        "data_precision": alike / num_others if num_others else np.nan,
    }
