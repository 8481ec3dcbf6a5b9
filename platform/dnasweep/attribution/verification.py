"""Checks of the tables of an attribution job, from the tables alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dnasweep.attribution.anchor_table import ANCHORS, wrong_anchors
from dnasweep.attribution.attribution import mean_loss
from dnasweep.attribution.tables import BASES, EFFECTS, SCHEMAS, WORK_COLUMNS
from dnasweep.errors import InputError

Floats = NDArray[np.float64]
RECOUNT = 1e-9
"""Maximum deviation of a stored sum from the recomputed one, relative to the summed values."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Limit on the completeness error: the larger of the two."""

    absolute: float = 1e-3
    """In units of the output explained."""
    relative: float = 1e-3
    """As a fraction of |prediction - base value|."""

    def __post_init__(self) -> None:
        for flag, bound in (("max-gap", self.absolute), ("max-relative-gap", self.relative)):
            # Nothing exceeds nan, so everything would pass.
            if not 0 <= bound < math.inf:
                raise InputError(
                    f"--{flag} is {bound}", remedy="Use a number from 0 on, or leave it out."
                )


class Problem(NamedTuple):
    """A problem found in the tables."""

    place: str
    """Table, shard or sequence with the problem."""
    what: str
    """Description of the problem."""


def check_shard(
    work: pa.Table,
    tables: dict[str, pa.Table],
    *,
    bounds: Bounds | None,
    overlapping: bool,
) -> Iterator[Problem]:
    """Yield the problems in the tables of one shard.

    The checks are: the schema; exactly the rows of the work list, unchanged; token indices counted
    from 0; spans that cover every base of the sequence, each once unless tokens overlap; finite
    values; the stored completeness error (`gap`), which must equal the recomputed one and be within
    bounds; if single bases were mutated, every base once, and token values that are sums over their
    bases; and anchors consistent with the tokens.

    Parameters
    ----------
    work
        The rows of the work list that belong to the shard.
    tables
        Tables by name.
    bounds
        Limit on the completeness error; None if values need not sum to prediction - base value: the error
        and the base value must then be nan.
    overlapping
        Whether tokens of this tokenizer share bases.
    """
    mutated = "bases" in tables
    more = {"bases": BASES, "anchors": ANCHORS}
    for name, schema in (SCHEMAS | {n: s for n, s in more.items() if n in tables}).items():
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
    first = np.cumsum(counts) - counts
    checks = (
        ("token indices do not count from 0", _indices(tokens, counts, first)),
        ("tokens do not cover its bases", _untiled(tables, first, overlapping)),
        ("a value is not finite", _unfinite(tables, first, sums=bounds is not None)),
        ("the stored gap is not that of its tokens", _miscounted(tables, first)),
    )
    for what, wrong in checks:
        for row in np.flatnonzero(wrong):
            yield Problem(f"sequence {ids[row]}", what)
    if mutated:
        yield from _check_bases(tables, ids, counts)
    if "anchors" in tables:
        for row in np.flatnonzero(wrong_anchors(tables, counts)):
            yield Problem(f"sequence {ids[row]}", "its anchor does not fit its tokens or bounds")
    if bounds is None:
        return
    prediction, base_value, error = _completeness(tables)
    allowed = np.maximum(bounds.absolute, bounds.relative * np.abs(prediction - base_value))
    for row in np.flatnonzero(error > allowed):
        yield Problem(
            f"sequence {ids[row]}",
            f"attributions miss full - empty by {error[row]:.3g}, allowed are {allowed[row]:.3g}",
        )


def _completeness(tables: dict[str, pa.Table]) -> tuple[Floats, Floats, Floats]:
    """Return prediction, base value and completeness error under their stored names."""
    prediction, base_value, error = (
        tables["sequences"][name].to_numpy() for name in ("full", "empty", "gap")
    )
    return prediction, base_value, error


def _differs(work: pa.Table, sequences: pa.Table) -> str:
    if len(work) != len(sequences):
        return f"there are {len(sequences)} rows for {len(work)} sequences"
    for name in WORK_COLUMNS:
        there = sequences["sequence_id" if name == "id" else name].to_numpy()
        if (work[name].to_numpy() != there).any():
            return f"column {name} is not that of the work list"
    return ""


def _indices(
    tokens: pa.Table, counts: NDArray[np.int64], first: NDArray[np.int64]
) -> NDArray[np.bool_]:
    wanted = np.arange(len(tokens)) - np.repeat(first, counts)
    return np.logical_or.reduceat(tokens["token_index"].to_numpy() != wanted, first)


def _untiled(
    tables: dict[str, pa.Table], first: NDArray[np.int64], overlapping: bool
) -> NDArray[np.bool_]:
    starts, ends = (tables["tokens"][name].to_numpy() for name in ("start", "end"))
    widths = np.array([len(s) for s in tables["sequences"]["sequence"].to_pylist()])
    last = np.append(first[1:], len(starts)) - 1
    follows = starts[1:] <= ends[:-1] if overlapping else starts[1:] == ends[:-1]
    follows &= (starts[1:] > starts[:-1]) & (ends[1:] >= ends[:-1])
    broken = np.append(False, ~follows)
    broken[first] = False
    broken |= ends <= starts
    return np.logical_or.reduceat(broken, first) | (starts[first] != 0) | (ends[last] != widths)


def _check_bases(
    tables: dict[str, pa.Table], ids: NDArray[np.object_], counts: NDArray[np.int64]
) -> Iterator[Problem]:
    """Yield the problems in the effects of mutations."""
    bases, tokens = tables["bases"], tables["tokens"]
    letters = [
        np.frombuffer(s.encode(), np.uint8) for s in tables["sequences"]["sequence"].to_pylist()
    ]
    widths = np.array([len(one) for one in letters])
    offsets = np.concatenate([[0], widths.cumsum()])
    wanted = np.arange(offsets[-1]) - np.repeat(offsets[:-1], widths)
    if (
        len(bases) != offsets[-1]
        or (bases["sequence_id"].to_numpy() != np.repeat(ids, widths)).any()
        or (bases["position"].to_numpy() != wanted).any()
    ):
        yield Problem("table bases", "the bases are not those of the sequences, in their order")
        return
    effects = np.stack([bases[name].to_numpy() for name in EFFECTS], axis=1)
    own = np.concatenate(letters)[:, None] == np.frombuffer(b"ACGT", np.uint8)
    known = own.any(1)
    phi = bases["phi"].to_numpy()
    right = np.where(known, np.isfinite(effects).all(1), np.isnan(effects).all(1))
    right &= (~own | (effects == 0)).all(1) & np.isclose(phi, mean_loss(effects), rtol=RECOUNT)
    row = np.repeat(np.arange(len(ids)), counts)
    total = np.concatenate([[0.0], phi.cumsum()])
    ends, starts = (offsets[row] + tokens[name].to_numpy() for name in ("end", "start"))
    off = np.abs(total[ends] - total[starts] - tokens["phi"].to_numpy())
    wrong = np.add.reduceat(~right, offsets[:-1]) + np.bincount(
        row, off > RECOUNT * max(1.0, float(np.abs(total).max(initial=0))), len(ids)
    )
    for number in np.flatnonzero(wrong):
        yield Problem(f"sequence {ids[number]}", "the effects of mutations are not its tokens'")


def _unfinite(
    tables: dict[str, pa.Table], first: NDArray[np.int64], *, sums: bool
) -> NDArray[np.bool_]:
    values = tables["tokens"]["phi"].to_numpy()
    wrong = np.logical_or.reduceat(~np.isfinite(values), first)
    for name in ("full", "empty", "gap"):
        there = tables["sequences"][name].to_numpy()
        wrong = wrong | ~(np.isfinite(there) if sums or name == "full" else np.isnan(there))
    return wrong


def _miscounted(tables: dict[str, pa.Table], first: NDArray[np.int64]) -> NDArray[np.bool_]:
    phi = tables["tokens"]["phi"].to_numpy()
    prediction, base_value, error = _completeness(tables)
    recounted = np.abs(np.add.reduceat(phi, first) - (prediction - base_value))
    scale = np.add.reduceat(np.abs(phi), first) + np.abs(prediction) + np.abs(base_value)
    # Comparisons with nan are false, and nan is reported elsewhere.
    return np.abs(recounted - error) > RECOUNT * np.maximum(scale, 1.0)
