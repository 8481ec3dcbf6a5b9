"""Anchors as a table: one row a sequence, beside the tables of its tokens and sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dnasweep.attribution.attribution import Attribution

ANCHORS = pa.schema(
    [
        pa.field("sequence_id", pa.string(), nullable=False),
        # Whether the strand given is called the class explained; the anchor is of this call.
        pa.field("called", pa.bool_(), nullable=False),
        # Its tokens in the order in which they were added; empty where the call needs none.
        pa.field("token_indices", pa.list_(pa.int32()), nullable=False),
        pa.field("tokens", pa.list_(pa.string()), nullable=False),
        # Bases [start, end) of each in the sequence.
        pa.field("starts", pa.list_(pa.int32()), nullable=False),
        pa.field("ends", pa.list_(pa.int32()), nullable=False),
        # Share of perturbed sequences with these tokens that are called alike, and its bounds.
        pa.field("precision", pa.float64(), nullable=False),
        pa.field("lower", pa.float64(), nullable=False),
        pa.field("upper", pa.float64(), nullable=False),
        # Share of all perturbed sequences that have these tokens.
        pa.field("coverage", pa.float64(), nullable=False),
        pa.field("num_evals", pa.int32(), nullable=False),
        # Whether the lower bound reaches the threshold; otherwise it is the best set there was.
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
        Of the sequences.
    attributions
        One a sequence, each with its anchor.
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
    """Return which sequences have an anchor that cannot be, (sequences,); all, where rows differ.

    Its bounds enclose its precision, and its tokens are some of the sequence's, each once, where the
    table of tokens has them; no other token has a value.

    Parameters
    ----------
    tables
        Of one shard.
    counts
        Tokens of each sequence.
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
