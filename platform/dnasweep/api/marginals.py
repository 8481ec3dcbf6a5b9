"""The effects of motifs on a model's output, alone and in pairs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dnasweep.api.execution import Workplace
from dnasweep.api.files import files_of, scratch_folder
from dnasweep.api.model import Model, as_model
from dnasweep.api.options import make_options
from dnasweep.api.report_folder import ReportFolder
from dnasweep.api.sequences import Sequences

if TYPE_CHECKING:
    from dnasweep.report.drawing import Plot


class Marginals(ReportFolder):
    """Effects of motifs in many backgrounds. Returned by :func:`marginalize`.

    Parameters
    ----------
    folder
        Folder of the page and the tables.
    finding
        The result in a sentence or two.
    reads
        Model output that was measured, such as `log odds of promoter`.
    scratch
        The same folder, if it is temporary and removed with this object.
    """

    PAGE = "marginals.html"

    def __init__(
        self,
        folder: Path,
        finding: str,
        reads: str,
        scratch: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        super().__init__(folder, scratch)
        self.finding, self.reads = finding, reads

    def __repr__(self) -> str:
        return f"<dnasweep.Marginals: {self.finding}>"

    @cached_property
    def alone(self) -> pd.DataFrame:
        """One row per motif, strand and position: effect with `low` and `high` (95 % interval), `p` and `q`."""
        return pd.read_parquet(self.folder / "alone.parquet")

    @cached_property
    def spacings(self) -> pd.DataFrame:
        """One row per spacing and orientation: the effect of both motifs, of each alone at the same
        positions, and `interaction`, the difference between the joint effect and the sum of the single
        ones, with `low`, `high`, `p` and `q`; empty for one motif."""
        path = self.folder / "spacings.parquet"
        return pd.read_parquet(path) if path.is_file() else pd.DataFrame()

    @cached_property
    def outputs(self) -> pd.DataFrame:
        """The model's output, one row per background and condition."""
        return pd.read_parquet(self.folder / "outputs.parquet")

    def plot(self) -> Plot:
        """Plot the interaction by spacing, or for one motif its effect by position.

        Raises
        ------
        InputError
            For one motif at one position, which gives no curve.
        """
        from dnasweep.errors import InputError
        from dnasweep.report.drawing import plot
        from dnasweep.report.marginal_figures import interaction_curve, place_curve

        drawing = interaction_curve(self.spacings, self.reads) or place_curve(
            self.alone, self.reads
        )
        if drawing is None:
            raise InputError(
                "there is only one position, so no curve",
                remedy="Give several with positions=range(...).",
            )
        return plot(drawing)


def marginalize(
    model: Model | str | Path,
    motif: str,
    other: str | None = None,
    *,
    sequences: Sequences | None = None,
    spacings: Iterable[int] | Sequence[str] | str | None = None,
    positions: Iterable[int] | Sequence[str] | str | int | None = None,
    storage: str | Path | None = None,
    address: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Marginals:
    """Insert a motif, or two at given spacings, into many backgrounds and measure a model's output.

    Parameters
    ----------
    model
        A model, or its folder or name.
    motif
        IUPAC letters, or the name of a motif that is built in or in the file `motifs`.
    other
        A second motif, downstream of the first.
    sequences
        DNA of one length, as for :meth:`Model.predict`; its shuffles are the backgrounds. Default:
        random bases, which need `length`.
    spacings
        Bases between the last base of the first motif and the first base of the second, such as
        `range(41)`. Default: 0 to 40.
    positions
        Position of the motif's first base in the background, from 0. One motif may have several, a
        pair has one. Default: the middle.
    storage
        Storage root that keeps the results and lets an interrupted call resume; recorded in MLflow.
    address
        Ray cluster to compute on: `auto`, HOST:PORT, or `local` for workers on this machine.
    progress
        Whether to print progress to standard error.
    options
        Other options of `dnasweep marginalize`, such as `orientations`, `held`, `backgrounds`, `length`, `gc`,
        `instances`, `target` or `seed`.

    Raises
    ------
    InputError
        For a motif that is unknown or does not fit, and for sequences of different lengths.

    Examples
    --------
    >>> found = dnasweep.marginalize(model, "TATAWAWR", "YYANWYY", sequences="tss.fa")  # doctest: +SKIP
    >>> found.plot()  # doctest: +SKIP
    """
    from dnasweep.jobs.marginal_request import MarginalOptions
    from dnasweep.workflows.marginals import MarginalJob

    # A download is deleted with its object, so keep the object until the job is done.
    model = as_model(model)
    place = Workplace(storage, address, options.pop("tracking_uri", None), progress=progress)
    with place.closed_on_error(), scratch_folder() as scratch:
        given = () if sequences is None else files_of(sequences, scratch)
        asked = make_options(
            MarginalOptions,
            {
                **options,
                **place.options,
                "model": str(model.directory),
                "motif": motif,
                "other": other,
                "data": given,
                "spacings": _texts(spacings),
                "positions": _texts(positions),
            },
        )
        finished = place.run(MarginalJob.of, asked)
    made, request = finished.made, finished.request
    assert made.folder is not None
    return Marginals(made.folder, made.summary, request.reads, place.scratch)


def _texts(numbers: Iterable[int] | Sequence[str] | str | int | None) -> list[str] | None:
    """Return numbers as the strings that the command line would receive."""
    if numbers is None or isinstance(numbers, str):
        return numbers.split() if isinstance(numbers, str) else None
    several = numbers if isinstance(numbers, Iterable) else [numbers]
    return [str(one) for one in several]
