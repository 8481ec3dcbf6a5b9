"""Explanations of a model's outputs: how much each token and base contributes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
import pandas as pd
from markupsafe import escape
from numpy.typing import NDArray

from dnasweep.attribution.positions import per_base
from dnasweep.attribution.tables import StoredAttributions
from dnasweep.errors import InputError

if TYPE_CHECKING:
    from dnasweep.report.drawing import Plot

_SHOWN = 5


class SequenceAttribution(NamedTuple):
    """The explanation of one sequence."""

    id: str
    """Its id."""
    sequence: str
    """Its bases."""
    tokens: pd.DataFrame
    """Columns `token`, `start` (from 0), `end` (one past the last base), `phi`, `standard_error`."""
    prediction: float
    """The model's output for the sequence, in the unit of the attributions (log odds: nats)."""
    base_value: float
    """The output with every token left out; nan for methods whose values need not add up."""
    probability: float
    """Probability of the explained class; nan if `against` names another class."""

    @property
    def values(self) -> NDArray[np.float64]:
        """Attribution of each token, shape (tokens,)."""
        return self.tokens["phi"].to_numpy(np.float64)


class Attributions:
    """Attributions of sequences to one class, by sequence, token and base.

    Returned by :func:`explain`. `attributions[i]` is one sequence, `attributions[a:b]` are several, and
    `len(attributions)` is their number.

    Attributes
    ----------
    tables
        The tables that an attribution job writes: one row per token, and one row per sequence.
    """

    def __init__(self, tables: StoredAttributions) -> None:
        self.tables = tables
        counts = tables.sequences["num_tokens"].to_numpy(np.int64)
        self._ends = np.cumsum(counts)
        self._starts = self._ends - counts

    def __len__(self) -> int:
        return len(self.tables.sequences)

    def __repr__(self) -> str:
        how = self.settings
        return (
            f"<dnasweep.Attributions of {len(self):,} sequences to {how.get('target')!r}: "
            f"{how.get('estimator')}, {len(self.tables.tokens):,} tokens>"
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The settings: what was explained, and how."""
        return dict(self.tables.settings)

    @property
    def sequences(self) -> pd.DataFrame:
        """One row per sequence, with its id, species, label, bases, prediction, base value and probability."""
        names = {"sequence_id": "id", "full": "prediction", "empty": "base_value"}
        names |= {"gap": "completeness_error"}
        return self.tables.sequences.rename(columns=names)

    @property
    def values(self) -> list[NDArray[np.float64]]:
        """Attributions of the tokens, an array (tokens,) per sequence, in the unit of the output (nats)."""
        phi = self.tables.tokens["phi"].to_numpy(np.float64)
        return [phi[a:b] for a, b in zip(self._starts, self._ends, strict=True)]

    @property
    def interactions(self) -> pd.DataFrame:
        """One row per pair of tokens, with sequence id, indices and bases of both, interaction and standard error.

        Raises
        ------
        InputError
            If no interactions were requested.
        """
        if self.tables.interactions is None:
            raise InputError(
                "the attributions were computed without interactions",
                remedy="Request the strongest pairs: dnasweep.explain(..., interactions=50).",
            )
        return self.tables.interactions.rename(columns={"sequence_id": "id"})

    @overload
    def __getitem__(self, i: int) -> SequenceAttribution: ...

    @overload
    def __getitem__(self, i: slice) -> Attributions: ...

    def __getitem__(self, i: int | slice) -> SequenceAttribution | Attributions:
        if isinstance(i, slice):
            return self._part(range(len(self))[i])
        i = range(len(self))[i]
        row = self.tables.sequences.iloc[i]
        columns = ["token", "start", "end", "phi", "standard_error"]
        tokens = self.tables.tokens.iloc[self._starts[i] : self._ends[i]][columns]
        return SequenceAttribution(
            id=str(row["sequence_id"]),
            sequence=str(row["sequence"]),
            tokens=tokens.reset_index(drop=True),
            prediction=float(row["full"]),
            base_value=float(row["empty"]),
            probability=float(row["probability"]),
        )

    def __iter__(self) -> Iterator[SequenceAttribution]:
        return (self[i] for i in range(len(self)))

    def _part(self, rows: range) -> Attributions:
        if not rows:
            raise InputError("there is no sequence in this part")
        ids = self.tables.sequences["sequence_id"].iloc[list(rows)]

        def kept(frame: pd.DataFrame) -> pd.DataFrame:
            part = frame[frame["sequence_id"].isin(set(ids))]
            order = np.argsort(pd.Index(ids).get_indexer(part["sequence_id"]), kind="stable")
            return part.iloc[order].reset_index(drop=True)

        tables = self.tables
        return Attributions(
            StoredAttributions(
                kept(tables.tokens),
                kept(tables.sequences),
                tables.settings,
                bases=None if tables.bases is None else kept(tables.bases),
                anchors=None if tables.anchors is None else kept(tables.anchors),
                interactions=None if tables.interactions is None else kept(tables.interactions),
            )
        )

    def per_base(self) -> NDArray[np.float64]:
        """Return the attribution of every base, shape (sequences, length of the longest sequence).

        A token's value is shared equally among its bases; where tokens overlap, a base gets the mean
        of its shares. Shorter sequences are padded with nan, and bases in no token are nan as well.
        """
        return self._bases.values

    @cached_property
    def _bases(self) -> Any:
        return per_base(self.tables, aligned=False)

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row per token: `sequence_id`, `token`, `start`, `end`, `phi`, `standard_error`."""
        return self.tables.tokens.copy()

    def plot(self, i: int | None = None) -> Plot:
        """Plot the attribution of each base of sequence `i`, or the mean over all sequences.

        Parameters
        ----------
        i
            Index of the sequence. None: the mean at each position over all sequences, which must then
            have the same length or a known transcription start.
        """
        from dnasweep.report.base_plots import bars_by_base
        from dnasweep.report.drawing import plot
        from dnasweep.tasks.wording import number

        first, aligned = 0, False
        if i is None:
            found = per_base(self.tables)
            values, first, aligned = np.nanmean(found.values, axis=0), found.first, found.tss.known
            title = f"mean over {len(found.values):,} sequences"
        else:
            one = self[i]
            values = self._row(i)
            title = f"{one.id}: probability {one.probability:.3f}"
            if np.isnan(one.probability):
                title = f"{one.id}: {self.unit} {number(one.prediction)}"
        return plot(
            bars_by_base(values, first=first, title=title, unit=self.unit, aligned=aligned)
        )

    def logo(self, i: int) -> Plot:
        """Plot the bases of sequence `i` as a logo, each letter as high as its attribution."""
        from dnasweep.report.drawing import plot

        return plot(self._logo(i))

    def _logo(self, i: int) -> Any:
        from dnasweep.report.logos import base_logo

        values = np.nan_to_num(self._row(i))
        codes = self._bases.codes[range(len(self))[i]][: len(values)]
        return base_logo(values, codes, np.arange(len(values)), unit=self.unit)

    def _row(self, i: int) -> NDArray[np.float64]:
        i = range(len(self))[i]
        return self._bases.values[i][: len(self.tables.sequences["sequence"].iloc[i])]

    @property
    def unit(self) -> str:
        """Unit of the values."""
        from dnasweep.report.attribution_summary import unit_of

        return unit_of(self.tables.settings)

    def report(self, folder: str | Path, *, tss_index: int | None = None) -> Path:
        """Write the report of an attribution job into a folder and return the path of its page.

        Parameters
        ----------
        folder
            Folder for the page, its figures and tables; created if it does not exist.
        tss_index
            0-based index of the first transcribed base. Default: inferred from the length of the sequences.
        """
        from dnasweep.attribution.targets import output_of
        from dnasweep.report.attribution_page import write_report
        from dnasweep.report.attribution_summary import ReportConfig

        settings = self.settings
        positive = output_of(settings["target"], settings["classes"])
        return write_report(
            Path(folder),
            self.tables,
            tss_index=tss_index,
            settings=settings,
            config=ReportConfig(positive_label=positive),
        )

    def _repr_html_(self) -> str:
        from dnasweep.report.drawing import picture

        columns = ["id", "probability", "prediction", "base_value", "num_tokens"]
        rows = (
            self.sequences[columns].head(_SHOWN).to_html(index=False, float_format="{:.3g}".format)
        )
        more = "" if len(self) <= _SHOWN else f"<p>and {len(self) - _SHOWN:,} more</p>"
        # Elements of figures must have different ids in all cells of a notebook.
        mark = zlib.crc32(self[0].values.tobytes() + self[0].sequence.encode())
        alt = f"attribution of each base of {self[0].id}"
        shown = picture(self._logo(0), number=mark, alt=alt)
        return f"<p>{escape(repr(self)[1:-1])}</p>{rows}{more}{shown}"
