"""Motifs in the attributions of a model."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.attributions import Attributions
from dnasweep.api.execution import console
from dnasweep.api.explaining import read_job
from dnasweep.api.options import make_options
from dnasweep.api.report_folder import ReportFolder
from dnasweep.errors import InputError


class Motifs(ReportFolder):
    """Motifs that were found, tested and compared with known ones. Returned by :func:`discover_motifs`.

    Attributes
    ----------
    folder
        Folder of the page, `motifs.meme` and the tables.
    """

    PAGE = "motifs.html"

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        names = ", ".join(self.table["consensus"].head(5))
        return f"<dnasweep.Motifs: {len(self)}{f', {names}' if names else ''}>"

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per motif: consensus, counts, enrichment with q, position, and the best match."""
        return pd.read_parquet(self.folder / "motifs.parquet")

    @cached_property
    def instances(self) -> pd.DataFrame:
        """One row per motif instance: motif, sequence_id, start (base), end, strand."""
        return pd.read_parquet(self.folder / "instances.parquet")

    @property
    def meme(self) -> Path:
        """Path of the motifs in MEME format."""
        return self.folder / "motifs.meme"

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format="{:.3g}".format))


def discover_motifs(
    attributions: Attributions | str | Path | Sequence[Attributions | str | Path],
    *,
    motifs: str | Path | None = None,
    out: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Motifs:
    """Find motifs in attributions, test them in held-out sequences, and compare them with known ones.

    Parameters
    ----------
    attributions
        Attributions of labelled sequences, or folders of finished attribution jobs; all for the same
        model, estimator and class.
    motifs
        Known motifs to compare with: a MEME, JASPAR or HOMER file, gzipped or not. None: the two dozen
        built-in promoter motifs.
    out
        Folder for the page, the motifs and the tables. Default: a temporary one.
    progress
        Whether to print progress to standard error.
    options
        Other options of `dnasweep discover-motifs`, such as `method`, `discovery_q` or `share`.

    Raises
    ------
    InputError
        For attributions without labels or of too few sequences, and for unreadable motif files.
    """
    from dnasweep.workflows.motifs import MotifOptions, find_motifs

    if isinstance(attributions, Attributions | str | Path):
        attributions = [attributions]
    if not len(attributions):
        raise InputError(
            "there are no attributions",
            remedy="Give those of dnasweep.explain, or the folder of a finished job.",
        )
    parts = [one if isinstance(one, Attributions) else read_job(one) for one in attributions]
    scratch = tempfile.TemporaryDirectory(prefix="dnasweep-") if out is None else None
    folder = Path(scratch.name) / "motifs" if scratch else Path(str(out))
    sources = tuple(str(one) for one in attributions if not isinstance(one, Attributions))
    asked = make_options(
        MotifOptions,
        {**options, "attributions": sources, "motifs": motifs, "out": str(folder)},
    )
    find_motifs([one.tables for one in parts], asked, console(progress))
    return Motifs(folder, scratch)
