"""Token interactions on a page: arcs between the strongest pairs of a sequence, and a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Arc

from dnasweep.report.drawing import COLOURS, Drawing, ink, on_axes
from dnasweep.report.page import PageFigure, PageTable, Section
from dnasweep.tasks.texts import Texts

MAX_ARCS, MAX_ROWS = 20, 30
MAX_LETTERS = 120
"""Maximum number of bases for which a figure shows the letters."""


def interaction_section(
    pairs: pd.DataFrame, sequences: pd.DataFrame, say: Texts, unit: str
) -> Section:
    """Return the section of interactions.

    Parameters
    ----------
    pairs
        Rows of a job's table `interactions`.
    sequences
        Rows of the table of sequences, for the sequences that are shown.
    say
        The texts of the page.
    unit
        Unit of the explained output.
    """
    texts = dict(zip(sequences["sequence_id"], sequences["sequence"], strict=True))
    pairs = pairs[pairs["sequence_id"].isin(texts)]
    order = pairs["interaction"].abs().sort_values(ascending=False, kind="stable").index
    pairs = pairs.loc[order]
    if pairs.empty:
        return Section("interactions", "Interactions", [])
    name = str(pairs["sequence_id"].iloc[0])
    own = pairs[pairs["sequence_id"] == name].head(MAX_ARCS)
    caption = say("arcs", name=name, num=len(own))
    return Section(
        "interactions",
        "Interactions",
        [
            PageFigure("Tokens that work together", caption, arcs(own, texts[name], unit), "arcs"),
            PageTable("pairs", _readable(pairs.head(MAX_ROWS), texts), say("pairs")),
        ],
    )


def arcs(pairs: pd.DataFrame, sequence: str, unit: str) -> Drawing:
    """Draw an arc for each pair of tokens of one sequence; wider arcs are stronger interactions.

    Parameters
    ----------
    pairs
        Pairs of one sequence.
    sequence
        Bases of the sequence.
    unit
        Unit of the explained output.
    """
    first = (pairs["first_start"] + pairs["first_end"] - 1).to_numpy() / 2
    second = (pairs["second_start"] + pairs["second_end"] - 1).to_numpy() / 2
    values = pairs["interaction"].to_numpy()
    most = float(np.abs(values).max()) or 1.0

    def draw(axes: Axes) -> None:
        for a, b, value in reversed(list(zip(first, second, values, strict=True))):
            share = abs(value) / most
            arc = Arc(
                ((a + b) / 2, 0),
                b - a,
                2 * (b - a),
                theta1=0,
                theta2=180,
                color=COLOURS[1] if value > 0 else COLOURS[5],
                linestyle="-" if value > 0 else "--",
                linewidth=0.5 + 3.5 * share,
                alpha=0.5 + 0.5 * share,
            )
            axes.add_patch(arc)
        for value, label, dash in ((1, "more than the sum", "-"), (0, "less than the sum", "--")):
            axes.plot([], [], dash, color=COLOURS[1 if value else 5], label=label)
        axes.axhline(0, color=ink(axes), linewidth=0.8)
        axes.set_xlim(-1, len(sequence))
        axes.set_ylim(0, 1.08 * float(max(second - first)))
        axes.set_yticks([])
        axes.grid(False)
        if len(sequence) <= MAX_LETTERS:
            axes.set_xticks(range(len(sequence)), list(sequence), fontsize=6)
            axes.tick_params(length=0)
        axes.set_xlabel(f"bases of the sequence; strongest: {most:.2f} {unit}")
        axes.legend(fontsize=8, loc="upper left")

    return on_axes(draw, (9.0, 3.2))


def _readable(pairs: pd.DataFrame, texts: dict[str, str]) -> pd.DataFrame:
    def bases(place: str) -> list[str]:
        rows = zip(
            pairs["sequence_id"], pairs[f"{place}_start"], pairs[f"{place}_end"], strict=True
        )
        return [f"{texts[name][start:end]} at {start}" for name, start, end in rows]

    return pd.DataFrame(
        {
            "sequence": pairs["sequence_id"],
            "first token": bases("first"),
            "second token": bases("second"),
            "interaction": pairs["interaction"],
            "standard_error": pairs["standard_error"],
        }
    )
