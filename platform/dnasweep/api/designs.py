"""Sequences edited so that a model's output rises or falls."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.execution import Workplace
from dnasweep.api.files import files_of, scratch_folder
from dnasweep.api.model import Model, as_model
from dnasweep.api.options import make_options
from dnasweep.api.report_folder import ReportFolder
from dnasweep.api.sequences import Sequences


class Designs(ReportFolder):
    """Designed sequences with all their edits. Returned by :func:`design`.

    Parameters
    ----------
    folder
        Folder of the page and the tables.
    finding
        The result in one sentence.
    scratch
        The same folder, if it is temporary and removed with this object.
    """

    PAGE = "designs.html"

    def __init__(
        self, folder: Path, finding: str, scratch: tempfile.TemporaryDirectory[str] | None = None
    ) -> None:
        super().__init__(folder, scratch)
        self.finding = finding

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"<dnasweep.Designs: {self.finding}>"

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per sequence, with id, sequence, designed, output, designed_output and num_edits."""
        return pd.read_parquet(self.folder / "designs.parquet")

    @cached_property
    def edits(self) -> pd.DataFrame:
        """One row per edit, with id, step, position (from 0), old, new, and output after all edits so far."""
        return pd.read_parquet(self.folder / "edits.parquet")


def design(
    model: Model | str | Path,
    sequences: Sequences,
    *,
    edits: int = 10,
    goal: str = "raise",
    storage: str | Path | None = None,
    address: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Designs:
    """Edit sequences base by base so that a model's output rises or falls.

    Parameters
    ----------
    model
        A model, or its folder or name.
    sequences
        DNA, as for :meth:`Model.predict`.
    edits
        Maximum number of substitutions in a sequence.
    goal
        `raise` or `lower`.
    storage
        Storage root that keeps the results and lets an interrupted call resume; recorded in MLflow.
    address
        Ray cluster to compute on: `auto`, HOST:PORT, or `local` for workers on this machine.
    progress
        Whether to print progress to standard error.
    options
        Other options of `dnasweep design`, such as `target`, `keep_motifs`, `keep_bases`, `gc`, `beam`,
        `preselect` or `explained`.

    Raises
    ------
    InputError
        For sequences whose GC content is outside the range, or that have no position left to edit.

    Examples
    --------
    >>> found = dnasweep.design(model, "new.fa", edits=5, gc=(0.4, 0.6))  # doctest: +SKIP
    >>> found.edits  # doctest: +SKIP
    """
    from dnasweep.jobs.design_request import DesignOptions
    from dnasweep.workflows.designs import DesignJob

    # A download is deleted with its object, so keep the object until the job is done.
    model = as_model(model)
    place = Workplace(storage, address, options.pop("tracking_uri", None), progress=progress)
    with place.closed_on_error(), scratch_folder() as scratch:
        asked = make_options(
            DesignOptions,
            {
                **options,
                **place.options,
                "model": str(model.directory),
                "data": files_of(sequences, scratch),
                "edits": edits,
                "goal": goal,
            },
        )
        made = place.run(DesignJob.of, asked).made
    assert made.folder is not None
    return Designs(made.folder, made.summary, place.scratch)
