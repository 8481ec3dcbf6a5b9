"""Attributions by base and position: token values spread over their bases, aligned at the TSS.

Positions count bases from the transcription start site (TSS): 0 is its first base (+1), -1 the base
before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.formats.bases import UNKNOWN, Codes, encode_flat

Floats = NDArray[np.float64]
_UNALIGNED = "positions count from the first base"
TSS_INDEX_KEY, UNTOLD = "tss_index", -1
"""Setting of a job whose sequences were cut in a way that their length does not tell the transcription start: the
index of base +1, or `UNTOLD`."""

_CHUNK = 1 << 22
"""Maximum number of bases in memory at once, to bound the memory for overlapping tokens."""
_NEEDED = {
    "tokens": ("sequence_id", "token", "start", "end", "phi"),
    "sequences": ("sequence_id", "species", "label", "sequence", "probability", "called"),
}


TSS_INDEX = {70: 33, 300: 249, 401: 200, 600: 300, 601: 300}
"""Index of base +1, counted from 0, by the length of a window in bases.

Windows of 401 and 601 bases are -200..+200 and -300..+300 of EPDnew, 600 bases the latter without the last
base, and 300 bases -249..+50 as cut by DeePromoter and DNABERT. In all of these the A of the initiator,
which is at +1, peaks at this index. The 70 bases of the core promoters of GUE are described as -34..+35 but
begin at index 216 of its windows of 300: their +1 is at index 33, not 34."""


class TssPositions(NamedTuple):
    """Position of the transcription start in each sequence."""

    at: NDArray[np.int64]
    """0-based index of base +1, (n,); -1 if it is unknown."""
    statement: str
    """Sentence for readers that states the assumption."""

    @property
    def known(self) -> bool:
        """Whether the transcription start is known for any sequence."""
        return bool((self.at >= 0).any())


def tss_positions(lengths: NDArray[np.int64], tss_index: int | None = None) -> TssPositions:
    """Return the transcription starts in sequences of these lengths.

    Parameters
    ----------
    lengths
        Bases of each sequence, (n,).
    tss_index
        0-based index of base +1 in all sequences. Default: by length, from `TSS_INDEX`.

    Raises
    ------
    InputError
        When the index lies outside of every sequence.
    """
    lengths = np.asarray(lengths, np.int64)
    if tss_index is not None:
        if not 0 <= tss_index < lengths.max(initial=0):
            raise InputError(
                f"tss_index is {tss_index}, but the longest sequence has "
                f"{lengths.max(initial=0)} bases",
                remedy="Give the index of the first transcribed base, counted from 0.",
            )
        index = np.where(tss_index < lengths, tss_index, -1)
        statement = f"base +1 at index {tss_index} (given)"
    else:
        kinds, which = np.unique(lengths, return_inverse=True)
        known = {n: TSS_INDEX[n] for n in kinds.tolist() if n in TSS_INDEX}
        index = np.array([known.get(n, -1) for n in kinds.tolist()], np.int64)[which]
        statement = "base +1 at index " + ", ".join(f"{i} of {n} bases" for n, i in known.items())
        statement += " (by length of window)"
    if not (index >= 0).any():
        return TssPositions(index, "transcription start not known")
    if missing := int((index < 0).sum()):
        statement += f"; {missing:,} sequences of other lengths are left out"
    return TssPositions(index, statement)


def starts_of(tables: AttributionTables, tss_index: int | None = None) -> TssPositions:
    """Return the transcription starts in the sequences of a job.

    Parameters
    ----------
    tables
        Tables that a job wrote.
    tss_index
        See :func:`tss_positions`. Default: the setting of the job, if it has one.

    Raises
    ------
    InputError
        When the index lies outside of every sequence.
    """
    lengths = np.array(tables.sequences["sequence"].str.len(), np.int64)
    if tss_index is None:
        tss_index = getattr(tables, "settings", {}).get(TSS_INDEX_KEY)
        if tss_index == UNTOLD:
            return TssPositions(np.full(len(lengths), -1), "transcription start not known")
    return tss_positions(lengths, tss_index)


class AttributionTables(Protocol):
    """The tables of an attribution job: one row per token, and one row per sequence."""

    @property
    def tokens(self) -> pd.DataFrame: ...

    @property
    def sequences(self) -> pd.DataFrame: ...


@dataclass(frozen=True, kw_only=True)
class BaseAttributions:
    """One value per base, one row per sequence, aligned at the transcription start."""

    values: Floats
    """Attribution of each base, (n, width); nan beyond the ends of a sequence and for bases
    without a token."""
    codes: Codes
    """Bases as codes of `formats.bases`, (n, width); `UNKNOWN` beyond the ends of a sequence."""
    first: int
    """Position of column 0."""
    sequences: pd.DataFrame
    """Rows of the table of sequences, n."""
    tss: TssPositions
    """Transcription starts. If unknown for all sequences, positions count from base 0."""

    @property
    def positions(self) -> NDArray[np.int64]:
        """Position of each column, (width,)."""
        return np.arange(self.first, self.first + self.values.shape[1])


def check_tables(tables: AttributionTables) -> None:
    """Raise `InputError` unless the two tables have their columns, rows and unique ids."""
    for name, columns in _NEEDED.items():
        frame = getattr(tables, name)
        if missing := [column for column in columns if column not in frame]:
            raise InputError(f"the table of {name} has no column {', '.join(missing)}")
        if frame.empty:
            raise InputError(f"the table of {name} has no rows")
    ids = tables.sequences["sequence_id"]
    if ids.duplicated().any():
        raise InputError(f"sequence {ids[ids.duplicated()].iloc[0]!r} occurs twice in the table")


def rows_of_tokens(tables: AttributionTables) -> NDArray[np.int64]:
    """Return the row of the table of sequences that each token belongs to, (tokens,).

    Raises
    ------
    InputError
        For a token of a missing sequence, or a token outside its sequence.
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
        raise InputError(what, remedy="The tables are from different jobs, or are damaged.")
    return rows.astype(np.int64)


def per_base(
    tables: AttributionTables,
    *,
    tss_index: int | None = None,
    combine: Literal["mean", "sum"] = "mean",
    aligned: bool = True,
) -> BaseAttributions:
    """Return the attribution of every base.

    The phi of a token is shared equally among its bases; if single bases were mutated, each base has its
    own value.

    Parameters
    ----------
    tables
        Tables that a job wrote; its `bases` are used if there are any.
    tss_index
        See :func:`starts_of`.
    combine
        If tokens overlap, a base gets the `mean` or the `sum` of the shares of the tokens that cover it.
        Without overlap these are equal; with overlap only the sums add up to the same total as the
        tokens.
    aligned
        Whether positions count from the transcription start if it is known. Otherwise all sequences are
        returned, starting with their first base.

    Raises
    ------
    InputError
        For inconsistent tables, or an index outside every sequence.
    """
    rows, sequences = rows_of_tokens(tables), tables.sequences.reset_index(drop=True)
    flat = encode_flat(sequences["sequence"].tolist())
    lengths = np.diff(flat.offsets)
    tss = (
        starts_of(tables, tss_index)
        if aligned
        else TssPositions(np.full(len(lengths), -1), _UNALIGNED)
    )
    starts = tables.tokens["start"].to_numpy(np.int64)
    widths = tables.tokens["end"].to_numpy(np.int64) - starts
    shares = tables.tokens["phi"].to_numpy(np.float64) / widths
    total, cover = _sum_over_bases(flat.offsets[rows] + starts, widths, shares, flat.codes.size)
    if combine == "mean":
        total /= np.maximum(cover, 1)
    total[cover == 0] = np.nan
    if (mutated := getattr(tables, "bases", None)) is not None:
        total = _values_of_mutations(mutated, sequences, flat.offsets)

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


def _values_of_mutations(
    bases: pd.DataFrame, sequences: pd.DataFrame, offsets: NDArray[np.int64]
) -> Floats:
    """Return the value of every base of the sequences, from the table of mutations, (bases,)."""
    ids = pd.Index(sequences["sequence_id"])
    rows = ids.get_indexer(pd.Index(bases["sequence_id"]))
    index = offsets[rows] + bases["position"].to_numpy(np.int64)
    found = np.full(int(offsets[-1]), np.nan)
    whole = len(index) == len(found) and (rows >= 0).all() and (index < offsets[rows + 1]).all()
    if whole:
        found[index] = bases["phi"].to_numpy(np.float64)
    if np.isnan(found).any():
        raise InputError(
            "the table of bases does not have every base of every sequence once",
            remedy="The tables are from different jobs, or are damaged.",
        )
    return found


def _sum_over_bases(
    begins: NDArray[np.int64], widths: NDArray[np.int64], shares: Floats, size: int
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the sum of shares and the number of tokens over each of `size` bases."""
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
