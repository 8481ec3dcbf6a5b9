"""The page of a design job: the course of the output, the edits, and attributions before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dnasweep.attribution.positions import per_base
from dnasweep.attribution.tables import StoredAttributions
from dnasweep.report.drawing import COLOURS, Drawing, ink, on_axes
from dnasweep.report.page import (
    Answer,
    Bullets,
    Logos,
    Page,
    PageFigure,
    PageTable,
    Section,
    Text,
)
from dnasweep.report.provenance import job_section, origin
from dnasweep.tasks.texts import Texts
from dnasweep.tasks.wording import minus

PAGE = "designs.html"
"""The file of the page."""
SHOWN = 50
"""Maximum number of rows of a table on the page; the files beside it have all rows."""
MOST_LINES = 200
"""Maximum number of sequences in the figure of the outputs."""


def finding(designs: pd.DataFrame, reads: str, settings: Mapping[str, Any]) -> str:
    """Return the result of a design job in one sentence.

    Parameters
    ----------
    designs
        One row per sequence.
    reads
        Model output that is measured.
    settings
        Settings of the job: `edits` and `goal`.
    """
    change = designs["designed_output"] - designs["output"]
    return Texts("design")(
        "verdict",
        num=len(designs),
        unchanged=int((designs["num_edits"] == 0).sum()),
        before=designs["output"].median(),
        after=designs["designed_output"].median(),
        change=change.median(),
        edits=settings["edits"],
        goal=settings["goal"],
        reads=reads,
    )


def design_page(
    designs: pd.DataFrame,
    edits: pd.DataFrame,
    *,
    explained: StoredAttributions | None,
    reads: str,
    settings: Mapping[str, Any],
    command: str,
    files: Iterable[str],
) -> Page:
    """Return the page of a design job.

    Parameters
    ----------
    designs
        One row per sequence: id, sequence, designed, output, designed_output, num_edits.
    edits
        One row per edit: id, step, position, old, new, output.
    explained
        Attributions of the given sequences and, in the same order, of the designed ones; None if not computed.
    reads
        Model output that is measured.
    settings
        Settings of the job, shown as given.
    command
        Command line that recreates the page.
    files
        Names of the files beside the page.
    """
    say, files = Texts("design"), list(files)
    told = finding(designs, reads, settings)
    sentences = say.paragraphs(
        "findings",
        early=int((designs["num_edits"] < settings["edits"]).sum()),
        edits=settings["edits"],
        gc_before=_gc(designs["sequence"]).median(),
        gc_after=_gc(designs["designed"]).median(),
    )
    table = _readable(designs)
    course = PageFigure("Output after each edit", say("course"), courses(designs, edits, reads))
    logos = [] if explained is None else [_logos(explained, edits, say, reads)]
    given = [name for name in files if name.endswith((".fa", ".csv", ".parquet"))]
    return Page(
        title=f"Designs: {settings['goal']} the {reads}",
        lead=origin(settings),
        answer=Answer(
            told,
            "yes" if (designs["num_edits"] > 0).any() else "no",
            PageFigure(course.title, course.caption, course.drawing, "output_by_edit"),
            [("The sequences and every edit, beside this page", " ".join(given))],
        ),
        sections=[
            Section(
                "findings", "Findings", [Bullets(sentences), Text([say("reading")], soft=True)]
            ),
            Section("attributions", "Before and after", logos),
            Section(
                "designs",
                "Sequences",
                [
                    PageTable(
                        "designs",
                        table.head(SHOWN),
                        say("designs", num=min(SHOWN, len(table)), of=len(table)),
                    )
                ],
            ),
            Section(
                "edits",
                "Edits",
                [
                    PageTable(
                        "edits",
                        edits.head(SHOWN),
                        say("edits", num=min(SHOWN, len(edits)), of=len(edits)),
                    )
                ],
            ),
            job_section(settings, command=command, files=files),
        ],
    )


def courses(designs: pd.DataFrame, edits: pd.DataFrame, reads: str) -> Drawing | None:
    """Plot the output against the number of edits: a line for each sequence, and the median.

    Parameters
    ----------
    designs, edits, reads
        As for :func:`design_page`.
    """
    if edits.empty:
        return None
    steps = int(edits["step"].max())
    table = edits.pivot(index="id", columns="step", values="output")
    table = table.reindex(index=designs["id"], columns=range(1, steps + 1))
    table.insert(0, 0, designs["output"].to_numpy())
    values = table.ffill(axis=1).to_numpy()
    last = designs["num_edits"].to_numpy()

    def draw(axes: Axes) -> None:
        for row in range(min(len(values), MOST_LINES)):
            end = last[row] + 1
            axes.plot(range(end), values[row, :end], color=COLOURS[5], alpha=0.6, linewidth=0.9)
        axes.plot(
            range(steps + 1),
            np.median(values, axis=0),
            color=COLOURS[1],
            linewidth=2.6,
            label="median",
        )
        axes.axhline(0, color=ink(axes), linewidth=0.6, linestyle=":")
        axes.set_xlabel("edits")
        axes.set_ylabel(reads)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8)

    return on_axes(draw, (8.0, 3.8))


def _logos(explained: StoredAttributions, edits: pd.DataFrame, say: Texts, reads: str) -> Logos:
    """Return the logos of each sequence before and after the design."""
    bases = per_base(explained, aligned=False)
    rows = bases.sequences
    names = rows["sequence_id"].tolist()
    scale = float(np.nanmax(np.abs(bases.values))) or 1.0
    made = {
        name: ", ".join(f"{one.position} {one.old}>{one.new}" for one in group.itertuples())
        for name, group in edits.groupby("id", sort=False)
    }
    half = len(names) // 2
    shown = []
    for row in (
        at for pair in zip(range(half), range(half, 2 * half), strict=True) for at in pair
    ):
        kind, _, name = names[row].partition(": ")
        sequence = rows["sequence"].iloc[row]
        output = minus(f"{rows['full'].iloc[row]:+.2f}")
        about = f"{reads} {output}" + (f"; edits {made[name]}" if row >= half else "")
        values = np.nan_to_num(bases.values[row, : len(sequence)])
        shown.append(
            {
                "name": f"{name}, {kind}",
                "about": about,
                "bases": sequence,
                "values": np.rint(1000 * values / scale).astype(int).tolist(),
                "first": 0,
                "box": None,
            }
        )
    return Logos(shown, scale, reads, say("logos", num=half))


def _readable(designs: pd.DataFrame) -> pd.DataFrame:
    change = designs["designed_output"] - designs["output"]
    order = change.abs().sort_values(ascending=False, kind="stable").index
    return pd.DataFrame(
        {
            "id": designs["id"],
            "output": designs["output"],
            "designed_output": designs["designed_output"],
            "change": change,
            "num_edits": designs["num_edits"],
            "gc": _gc(designs["sequence"]),
            "designed_gc": _gc(designs["designed"]),
        }
    ).loc[order]


def _gc(sequences: Sequence[str] | pd.Series) -> pd.Series:
    texts = pd.Series(sequences)
    return texts.str.count("[GC]") / texts.str.len()
