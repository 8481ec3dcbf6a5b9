"""Twins: for each row, the training row with which it shares most bases at the same positions.

What twins reveal depends on the origin of negatives. Negatives shuffled from promoters are twins of these
promoters, with the other label. Rows copied twice from a list, with shifts and changes, have twins with the
same label. In both cases a model may have memorised test rows, although no search for similar sequences finds
anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.alignment import banded_identity
from dnasweep.data.clustering import cluster_rows
from dnasweep.data.decision_threshold import matthews
from dnasweep.data.findings import Finding, info, warning
from dnasweep.data.shared_places import K, SharedPlaces, shared_places
from dnasweep.data.table import SPLITS
from dnasweep.formats.bases import encode_flat

Rule = Literal["same", "other", ""]

FEW = 10
"""Minimum number of twins with known labels for statements about their labels."""
_CERTAIN = 6.63
"""Chi-squared with one degree of freedom at p = 0.01."""
_RARE = 0.01
"""Minimum fraction of rows with twins for statements about them."""


class Twins(NamedTuple):
    """The twins of a table, and how well their labels predict those of the rows."""

    rows: pd.DataFrame
    """One row per row of the table that has a twin: id, split, label, twin (id of the training row),
    twin_label, shared (positions with the same 15-mer), identity (0 to 1, aligned end to end)."""
    table: pd.DataFrame
    """One row per split: split, rows, twins (fraction of rows with one), alike (fraction whose twin is
    at or above the identity of similar rows), by_chance (fraction with one after rotation), same_label
    and other_label (fractions of the twins with labels), rule, mcc and accuracy (of the rule, on the
    rows with twins)."""
    rule: Rule
    """Rule for predicting the label of a row from that of its twin: the `same`, the `other` one, or none."""
    chosen_on: str
    """Split on which the rule was chosen: validation, or train if validation has too few twins."""


def find_places(table: pd.DataFrame) -> SharedPlaces:
    """Return the pairs of rows of a table that share 15-mers at the same positions."""
    return shared_places(encode_flat(table["sequence"].tolist()))


def place_groups(table: pd.DataFrame, groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return groups of rows that share 15-mers at the same positions, directly or through others, (rows,).

    Parameters
    ----------
    table
        Sequences.
    groups
        (rows,) rows with the same number are also in one group; negative for no group.
    """
    return cluster_rows(len(table), find_places(table), groups=[] if groups is None else [groups])


def find_twins(table: pd.DataFrame, *, identity: float = 0.8, seed: int = 0) -> Twins:
    """Return the twins of rows of a table among its training rows.

    The twin of a row is the training row, other than itself, with which it shares most 15-mers at the same
    positions; the first one in case of ties. See :mod:`dnasweep.data.shared_places` for what counts.

    Parameters
    ----------
    table
        Sequences in their splits.
    identity
        Minimum identity of similar rows.
    seed
        Seed of the rotation of rows, which gives the number of twins by chance.
    """
    flat = encode_flat(table["sequence"].tolist())
    split = table["split"].to_numpy()
    found = _nearest(shared_places(flat), split == "train")
    places = np.maximum(np.diff(flat.offsets) - K + 1, 1)
    rotated = np.random.default_rng(seed).integers(0, places)
    chance = _nearest(shared_places(flat, rotated=rotated), split == "train").row
    same_diagonal = np.zeros(len(found.row), dtype=np.int64)
    labels = table["label"].to_numpy()
    rows = pd.DataFrame(
        {
            "id": table["id"].to_numpy()[found.row],
            "split": split[found.row],
            "label": labels[found.row],
            "twin": table["id"].to_numpy()[found.twin],
            "twin_label": labels[found.twin],
            "shared": found.shared,
            "identity": banded_identity(flat, found.row, found.twin, same_diagonal).round(4),
        }
    )
    rule, chosen_on = _choose(rows, many=bool(labels.max(initial=0) > 1))
    parts = [
        _described(name, int((split == name).sum()), rows[rows["split"] == name], identity)
        | {"by_chance": float(np.mean(np.isin(np.flatnonzero(split == name), chance)))}
        | _scored(rows[rows["split"] == name], rule)
        for name in SPLITS
        if (split == name).any()
    ]
    return Twins(rows, pd.DataFrame(parts).reindex(columns=list(COLUMNS)), rule, chosen_on)


COLUMNS = (
    *("split", "rows", "twins", "alike", "by_chance", "same_label", "other_label"),
    *("rule", "mcc", "accuracy"),
)
"""Columns of `Twins.table`."""


class _Nearest(NamedTuple):
    row: NDArray[np.int64]
    twin: NDArray[np.int64]
    shared: NDArray[np.int64]


def _nearest(pairs: SharedPlaces, train: NDArray[np.bool_]) -> _Nearest:
    """Return the twin of every row with a twin."""
    row = np.concatenate([pairs.first, pairs.second])
    twin = np.concatenate([pairs.second, pairs.first])
    shared = np.concatenate([pairs.shared, pairs.shared])
    trained = train[twin]
    row, twin, shared = row[trained], twin[trained], shared[trained]
    order = np.lexsort((twin, -shared, row))
    row, twin, shared = row[order], twin[order], shared[order]
    first = np.diff(row, prepend=-1) > 0
    return _Nearest(row[first], twin[first], shared[first])


def _labelled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["label"] >= 0) & (rows["twin_label"] >= 0)]


def _choose(rows: pd.DataFrame, *, many: bool) -> tuple[Rule, str]:
    """Return the rule, and the split on which it was chosen; test rows are not used."""
    for name in ("validation", "train"):
        known = _labelled(rows[rows["split"] == name])
        if len(known) >= FEW:
            correlation = matthews(known["label"], known["twin_label"])
            # If one label is rare, labels often agree by chance, but they do not correlate.
            if len(known) * correlation**2 < _CERTAIN or (many and correlation < 0):
                return "", name
            return ("same" if correlation > 0 else "other"), name
    return "", ""


def _described(name: str, num: int, rows: pd.DataFrame, identity: float) -> dict[str, object]:
    known = _labelled(rows)
    same = float((known["label"] == known["twin_label"]).mean()) if len(known) else None
    return {
        "split": name,
        "rows": num,
        "twins": len(rows) / num,
        "alike": float((rows["identity"] >= identity).sum()) / num,
        "same_label": same,
        "other_label": None if same is None else 1 - same,
    }


def _scored(rows: pd.DataFrame, rule: Rule) -> dict[str, object]:
    known = _labelled(rows)
    if not rule or known.empty:
        return {"rule": rule, "mcc": None, "accuracy": None}
    called = known["twin_label"] if rule == "same" else 1 - known["twin_label"]
    right = float((known["label"] == called).mean())
    return {"rule": rule, "mcc": matthews(known["label"], called), "accuracy": right}


def twin_findings(twins: Twins, identity: float) -> Iterator[Finding]:
    """Yield a finding for each of validation and test, if rows have twins in train.

    It is a warning if more rows have twins, missed by the search for similar rows, than chance and repeats
    explain.

    Parameters
    ----------
    twins
        Twins of a table.
    identity
        Minimum identity of similar rows.
    """
    for part in twins.table.to_dict(orient="records"):
        hidden = part["twins"] - part["alike"]
        if part["split"] == "train" or max(part["twins"], part["by_chance"]) < _RARE:
            continue
        num, expected = part["rows"], part["by_chance"]
        beyond = hidden > 2 * expected and hidden - expected > 4 * np.sqrt(
            (expected + 1 / num) / num
        )
        message = (
            f"{part['twins'] * num:,.0f} of {num:,} {part['split']} rows ({part['twins']:.1%}) have a "
            f"twin in train, with which they share {K} or more bases at the same position (by chance "
            f"{expected:.1%}), {hidden * num:,.0f} of them below {identity:.0%} identity"
        )
        yield (warning if beyond and hidden >= _RARE else info)(
            "twins", message + _of_labels(twins, part)
        )


def _of_labels(twins: Twins, part: Mapping[Any, Any]) -> str:
    same = part["same_label"]
    if not isinstance(same, float) or np.isnan(same):
        return ""
    told = f"; {same:.1%} of these twins have the same label"
    if not twins.chosen_on:
        return f"{told}, but train and validation have too few for choosing a rule"
    if not twins.rule:
        return f"{told}, but those of {twins.chosen_on} do not predict the label"
    which = (
        "the label of the twin"
        if twins.rule == "same"
        else "the opposite of the label of the twin"
    )
    return (
        f"{told}: {which} (a rule chosen on {twins.chosen_on}) scores MCC {part['mcc']:.2f} on them, "
        "by memory alone"
    )
