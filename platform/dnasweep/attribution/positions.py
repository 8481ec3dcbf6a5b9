"""Attributions by base and by place: tokens laid out over their bases, aligned at the TSS.

Positions count bases from the transcription start: 0 is its first base (+1), -1 the base before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.tss import TssPlaces, tss_places
from dnasweep.errors import InputError
from dnasweep.formats.bases import UNKNOWN, Codes, encode_flat

Floats = NDArray[np.float64]

ALL = "all"
"""The name of a group that leaves a column out of account."""

# Bases spread out at once; bounds the memory of overlapping tokens.
_CHUNK = 1 << 22
_NEEDED = {
    "tokens": ("sequence_id", "token", "start", "end", "phi"),
    "sequences": ("sequence_id", "species", "label", "sequence", "probability", "called"),
}


class AttributionTables(Protocol):
    """The output of an attribution job: a row a token, and a row a sequence."""

    @property
    def tokens(self) -> pd.DataFrame: ...

    @property
    def sequences(self) -> pd.DataFrame: ...


@dataclass(frozen=True, kw_only=True)
class BaseAttributions:
    """A value a base, sequences one under the other, aligned at the transcription start."""

    values: Floats
    """(n, width) attribution of each base; nan where there is no base, or no token covers it."""
    codes: Codes
    """(n, width) bases as `genome.bases` codes them, `UNKNOWN` where there is none."""
    first: int
    """Position of column 0."""
    sequences: pd.DataFrame
    """Their n rows of the table of sequences."""
    tss: TssPlaces
    """Where transcription starts. Where it is not known at all, positions count from base 0."""

    @property
    def positions(self) -> NDArray[np.int64]:
        """(width,) position of each column."""
        return np.arange(self.first, self.first + self.values.shape[1])


def check_tables(tables: AttributionTables) -> None:
    """Raise InputError unless the two tables fit each other."""
    for name, columns in _NEEDED.items():
        frame = getattr(tables, name)
        if missing := [column for column in columns if column not in frame]:
            raise InputError(f"the table of {name} has no column {', '.join(missing)}")
        if frame.empty:
            raise InputError(f"the table of {name} has no rows")
    ids = tables.sequences["sequence_id"]
    if ids.duplicated().any():
        raise InputError(f"sequence {ids[ids.duplicated()].iloc[0]!r} stands in the table twice")


def rows_of_tokens(tables: AttributionTables) -> NDArray[np.int64]:
    """Return the row of the table of sequences that each token belongs to, (tokens,).

    Raises
    ------
    InputError
        For a token of a sequence that is not there, or that lies outside of its sequence.
    """
    check_tables(tables)
    codes, ids = pd.factorize(tables.tokens["sequence_id"])
    rows = pd.Index(tables.sequences["sequence_id"]).get_indexer(pd.Index(ids))[codes]
    starts, ends = (tables.tokens[name].to_numpy(np.int64) for name in ("start", "end"))
    lengths = tables.sequences["sequence"].str.len().to_numpy(np.int64)
    wrong = (rows < 0) | (starts < 0) | (ends <= starts) | (ends > lengths[rows])
    if wrong.any():
        at = int(wrong.argmax())
        name = tables.tokens["sequence_id"].iloc[at]
        what = (
            f"token at bases {starts[at]} to {ends[at]} of sequence {name!r} lies outside of it"
            if rows[at] >= 0
            else f"there are tokens of sequence {name!r}, which is not in the table of sequences"
        )
        raise InputError(what, remedy="The tables are not of one job, or are damaged.")
    return rows.astype(np.int64)


def per_base(
    tables: AttributionTables,
    *,
    tss_index: int | None = None,
    combine: Literal["mean", "sum"] = "mean",
) -> BaseAttributions:
    """Return the attribution of every base.

    A token's phi is shared equally by its bases; where single bases were mutated, each has its own.

    Parameters
    ----------
    tables
        What a job wrote; its `bases`, where it has any, are used.
    tss_index
        See :func:`tss_places`.
    combine
        Where tokens overlap, a base gets the `mean` of the shares of the tokens that cover it, or
        their `sum`. Without overlap these are the same; with it only sums add up to what the
        tokens add up to.

    Raises
    ------
    InputError
        For tables that do not fit each other, or an index outside of every sequence.
    """
    rows, sequences = rows_of_tokens(tables), tables.sequences.reset_index(drop=True)
    flat = encode_flat(sequences["sequence"].tolist())
    lengths = np.diff(flat.offsets)
    tss = tss_places(lengths, tss_index)
    starts = tables.tokens["start"].to_numpy(np.int64)
    widths = tables.tokens["end"].to_numpy(np.int64) - starts
    shares = tables.tokens["phi"].to_numpy(np.float64) / widths
    total, cover = _spread(flat.offsets[rows] + starts, widths, shares, flat.codes.size)
    if combine == "mean":
        total /= np.maximum(cover, 1)
    total[cover == 0] = np.nan
    if (mutated := getattr(tables, "bases", None)) is not None:
        total = _own_values(mutated, sequences, flat.offsets)

    kept = np.flatnonzero(tss.at >= 0) if tss.known else np.arange(len(sequences))
    origin = tss.at[kept] if tss.known else np.zeros(len(kept), np.int64)
    first = -int(origin.max())
    width = int((lengths[kept] - origin).max()) - first
    columns = np.arange(first, first + width)
    inside = (columns >= -origin[:, None]) & (columns < (lengths[kept] - origin)[:, None])
    values = np.full((len(kept), width), np.nan)
    codes = np.full((len(kept), width), UNKNOWN, np.uint8)
    chosen = np.repeat(tss.at >= 0 if tss.known else np.ones(len(lengths), bool), lengths)
    values[inside], codes[inside] = total[chosen], flat.codes[chosen]
    return BaseAttributions(
        values=values, codes=codes, first=first, sequences=sequences.iloc[kept], tss=tss
    )


def _own_values(
    bases: pd.DataFrame, sequences: pd.DataFrame, offsets: NDArray[np.int64]
) -> Floats:
    """Return the value of every base of the sequences, one after the other."""
    ids = pd.Index(sequences["sequence_id"])
    rows = ids.get_indexer(pd.Index(bases["sequence_id"]))
    places = offsets[rows] + bases["position"].to_numpy(np.int64)
    found = np.full(int(offsets[-1]), np.nan)
    whole = len(places) == len(found) and (rows >= 0).all() and (places < offsets[rows + 1]).all()
    if whole:
        found[places] = bases["phi"].to_numpy(np.float64)
    if np.isnan(found).any():
        raise InputError(
            "the table of bases does not have every base of every sequence once",
            remedy="The tables are not of one job, or are damaged.",
        )
    return found


def _spread(
    begins: NDArray[np.int64], widths: NDArray[np.int64], shares: Floats, size: int
) -> tuple[Floats, NDArray[np.int64]]:
    """Return sums of shares and numbers of tokens over each of `size` bases."""
    total, cover = np.zeros(size), np.zeros(size, np.int64)
    limits = np.cumsum(widths)
    part = 0
    while part < len(widths):
        done = limits[part - 1] if part else 0
        end = max(part + 1, int(np.searchsorted(limits, done + _CHUNK, side="right")))
        here = slice(part, end)
        within = np.arange(limits[end - 1] - done) - np.repeat(
            limits[here] - widths[here] - done, widths[here]
        )
        bases = np.repeat(begins[here], widths[here]) + within
        low, high = int(begins[here].min()), int(bases.max()) + 1
        total[low:high] += np.bincount(bases - low, np.repeat(shares[here], widths[here]))
        cover[low:high] += np.bincount(bases - low)
        part = end
    return total, cover


def groups(sequences: pd.DataFrame) -> list[tuple[str, int, NDArray[np.bool_]]]:
    """Return (species, label, members) of each label over all species, then of each species.

    Species without a name and a single species are not parted.
    """
    labels, species = sequences["label"].to_numpy(), sequences["species"].to_numpy(str)
    names = [name for name in dict.fromkeys(species.tolist()) if name]
    parted = names if len(set(species.tolist())) > 1 else []
    found = []
    for name in (ALL, *parted):
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
        A row a group and position: species (`all`: whatever the species), label, position, num
        (sequences with a value there), mean, sd (of the sequences; nan for one), standard_error
        (of the mean), low, median, high (percentiles of the sequences).
    """
    parts = []
    for species, label, members in groups(bases.sequences):
        values = bases.values[members]
        num = np.count_nonzero(~np.isnan(values), axis=0)
        there = num > 0
        values, num = values[:, there], num[there]
        # nan-aware percentiles walk column by column and are slow where nothing is missing.
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
