"""What has to hold in the tables of an attribution job, checked from the tables alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dnasweep.explain.tables import SCHEMAS, WORK_COLUMNS

RECOUNT = 1e-9
"""How far a stored gap may be from the one recounted, relative to the values summed."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How far efficiency may be missed: by the larger of the two."""

    absolute: float = 1e-3
    """In units of the value."""
    relative: float = 1e-3
    """As a part of |full - empty|."""


class Problem(NamedTuple):
    """Something that does not hold."""

    place: str
    """Shard or sequence."""
    what: str
    """What is wrong there."""


def check_shard(
    work: pa.Table,
    tables: dict[str, pa.Table],
    *,
    bounds: Bounds,
    overlapping: bool,
) -> Iterator[Problem]:
    """Yield what is wrong with the tables of one shard.

    Checked are: the schema; every row of the work list once and no other, unchanged; token indices
    from 0 on; spans that cover every base of the sequence, each once unless tokens overlap; finite
    values; the stored gap, recounted from the tokens and within bounds.

    Parameters
    ----------
    work
        The rows of the work list that the shard stands for.
    tables
        Its tables by name.
    bounds
        How far efficiency may be missed.
    overlapping
        Whether tokens of this tokenizer share bases.
    """
    for name, schema in SCHEMAS.items():
        if not tables[name].schema.equals(schema):
            yield Problem(f"table {name}", "the columns are not those of the schema")
            return
    sequences, tokens = tables["sequences"], tables["tokens"]
    if same := _differs(work, sequences):
        yield Problem("table sequences", same)
        return
    ids = sequences["sequence_id"].to_numpy()
    counts = sequences["num_tokens"].to_numpy().astype(np.int64)
    if (
        len(tokens) != counts.sum()
        or (tokens["sequence_id"].to_numpy() != np.repeat(ids, counts)).any()
    ):
        yield Problem("table tokens", "the tokens are not those of the sequences, in their order")
        return
    if (counts == 0).any():
        yield Problem(f"sequence {ids[np.argmin(counts)]}", "there is no token")
        return
    starts_at = np.cumsum(counts) - counts
    checks = (
        ("token indices do not count from 0", _indices(tokens, counts, starts_at)),
        ("tokens do not cover its bases", _untiled(tables, starts_at, overlapping)),
        ("a value is not finite", _unfinite(tables, starts_at)),
        ("the stored gap is not that of its tokens", _miscounted(tables, starts_at)),
    )
    for what, wrong in checks:
        for row in np.flatnonzero(wrong):
            yield Problem(f"sequence {ids[row]}", what)
    full, empty, gap = (sequences[name].to_numpy() for name in ("full", "empty", "gap"))
    allowed = np.maximum(bounds.absolute, bounds.relative * np.abs(full - empty))
    for row in np.flatnonzero(gap > allowed):
        yield Problem(
            f"sequence {ids[row]}",
            f"attributions miss full - empty by {gap[row]:.3g}, allowed are {allowed[row]:.3g}",
        )


def _differs(work: pa.Table, sequences: pa.Table) -> str:
    if len(work) != len(sequences):
        return f"there are {len(sequences)} rows for {len(work)} sequences"
    for name in WORK_COLUMNS:
        there = sequences["sequence_id" if name == "id" else name].to_numpy()
        if (work[name].to_numpy() != there).any():
            return f"column {name} is not that of the work list"
    return ""


def _indices(
    tokens: pa.Table, counts: NDArray[np.int64], starts_at: NDArray[np.int64]
) -> NDArray[np.bool_]:
    wanted = np.arange(len(tokens)) - np.repeat(starts_at, counts)
    return np.logical_or.reduceat(tokens["token_index"].to_numpy() != wanted, starts_at)


def _untiled(
    tables: dict[str, pa.Table], starts_at: NDArray[np.int64], overlapping: bool
) -> NDArray[np.bool_]:
    starts, ends = (tables["tokens"][name].to_numpy() for name in ("start", "end"))
    widths = np.array([len(s) for s in tables["sequences"]["sequence"].to_pylist()])
    last = np.append(starts_at[1:], len(starts)) - 1
    follows = starts[1:] <= ends[:-1] if overlapping else starts[1:] == ends[:-1]
    follows &= (starts[1:] > starts[:-1]) & (ends[1:] >= ends[:-1])
    broken = np.append(False, ~follows)
    broken[starts_at] = False
    broken |= ends <= starts
    return (
        np.logical_or.reduceat(broken, starts_at)
        | (starts[starts_at] != 0)
        | (ends[last] != widths)
    )


def _unfinite(tables: dict[str, pa.Table], starts_at: NDArray[np.int64]) -> NDArray[np.bool_]:
    values = tables["tokens"]["phi"].to_numpy()
    wrong = np.logical_or.reduceat(~np.isfinite(values), starts_at)
    for name in ("full", "empty", "gap"):
        wrong = wrong | ~np.isfinite(tables["sequences"][name].to_numpy())
    return wrong


def _miscounted(tables: dict[str, pa.Table], starts_at: NDArray[np.int64]) -> NDArray[np.bool_]:
    phi = tables["tokens"]["phi"].to_numpy()
    full, empty, gap = (tables["sequences"][name].to_numpy() for name in ("full", "empty", "gap"))
    recounted = np.abs(np.add.reduceat(phi, starts_at) - (full - empty))
    scale = np.add.reduceat(np.abs(phi), starts_at) + np.abs(full) + np.abs(empty)
    # Comparisons with nan are false, and nan is told of elsewhere.
    return np.abs(recounted - gap) > RECOUNT * np.maximum(scale, 1.0)
