"""The page of an embedding job: the embeddings along their first two principal components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from dnasweep.report.drawing import COLOURS, MARKERS, Drawing, on_axes
from dnasweep.report.page import Answer, Page, PageFigure, Section
from dnasweep.report.provenance import job_section, origin

PAGE = "embeddings.html"
"""The file of the page."""
MAX_POINTS = 4000
"""Maximum number of sequences in a figure; from more, an evenly spaced subset is drawn."""
OTHERS = "others"
UNKNOWN = "unknown"


class Components(NamedTuple):
    """Vectors along their first principal components."""

    scores: NDArray[np.float64]
    """(vectors, 2)."""
    shares: NDArray[np.float64]
    """Share of the variance explained by each of the two, shape (2,)."""


def principal_components(vectors: NDArray[np.floating[Any]]) -> Components:
    """Return vectors along their first two principal components (Pearson 1901).

    The sign of a component, which is arbitrary, is chosen to make its largest loading positive.

    Parameters
    ----------
    vectors
        (vectors, hidden).
    """
    centred = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(centred.T @ centred)
    values, axes = np.clip(values[::-1][:2], 0, None), axes[:, ::-1][:, :2]
    if axes.shape[1] < 2:
        values = np.pad(values, (0, 1))
        axes = np.pad(axes, ((0, 0), (0, 1)))
    largest = axes[np.abs(axes).argmax(0), np.arange(2)]
    axes = axes * np.where(largest < 0, -1, 1)
    total = float((centred**2).sum())
    return Components(centred @ axes, values / total if total > 0 else np.zeros(2))


def embedding_page(
    vectors: NDArray[np.floating[Any]],
    table: pd.DataFrame,
    *,
    settings: Mapping[str, Any],
    files: Iterable[str],
) -> Page:
    """Return the page of an embedding job.

    Parameters
    ----------
    vectors
        Embedding of each sequence, shape (sequences, hidden).
    table
        Columns `label` and `species`, "" where unknown, in the order of the vectors.
    settings
        Settings of the job, shown as given.
    files
        Names of the files beside the page.
    """
    found = principal_components(vectors)
    share = found.shares.sum()
    figures = [
        PageFigure(
            title,
            _caption(len(vectors)),
            _scatter(found, groups),
            f"components_{title.split()[-1]}",
        )
        for title, groups in _groups(table).items()
    ]
    verdict = (
        f"{len(vectors):,} sequences, {vectors.shape[1]:,} numbers each. The first two principal components "
        f"explain {share:.0%} of the variance."
    )
    files = list(files)
    tables = " ".join(name for name in files if name.endswith((".parquet", ".npz")))
    return Page(
        title="Embeddings",
        answer=Answer(verdict, "", figures[0], [("The vectors, beside this page", tables)]),
        lead=[*origin(settings), f"pooling {settings.get('pooling')}"],
        sections=[
            Section("figures", "Figures", figures[1:]),
            job_section(settings, command="", files=files),
        ],
    )


def _caption(number: int) -> str:
    many = f"up to {MAX_POINTS:,} of {number:,} sequences, evenly spaced"
    shown = many if number > MAX_POINTS else "each sequence"
    return (
        f"A point for {shown}, along the first two principal components. Points that lie close together have "
        "similar embeddings. Groups that are separate here need not be separable on other sequences."
    )


def _groups(table: pd.DataFrame) -> dict[str, NDArray[np.object_]]:
    """Return the groups that colour each figure: by its title, the group of each sequence."""
    found = {}
    for name in ("label", "species"):
        groups = table[name].fillna("").astype(str)
        if (groups != "").any():
            found[f"By {name}"] = groups.where(groups != "", UNKNOWN).to_numpy(object)
    return found or {"All sequences": np.full(len(table), "sequences", object)}


def _scatter(found: Components, groups: NDArray[np.object_]) -> Drawing:
    counts = pd.Series(groups).value_counts(sort=True)
    kept = (
        sorted(counts.index[: len(COLOURS) - 1])
        if len(counts) > len(COLOURS)
        else sorted(counts.index)
    )
    shown = np.where(np.isin(groups, kept), groups, OTHERS)
    step = -(-len(groups) // MAX_POINTS)
    some = np.arange(0, len(groups), step)

    def draw(axes: Axes) -> None:
        for rank, group in enumerate([*kept, *([OTHERS] if (shown == OTHERS).any() else [])]):
            rows = some[shown[some] == group]
            axes.scatter(
                found.scores[rows, 0],
                found.scores[rows, 1],
                s=14,
                alpha=0.7,
                linewidths=0,
                color=COLOURS[rank],
                marker=MARKERS[rank],
                label=f"{group} ({(shown == group).sum():,})",
            )
        for number, name in enumerate(("x", "y")):
            text = f"component {number + 1} ({found.shares[number]:.0%} of the variance)"
            getattr(axes, f"set_{name}label")(text)
        axes.legend(loc="best", fontsize=8)

    return on_axes(draw, (7.4, 5.4))
