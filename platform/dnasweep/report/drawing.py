"""How every figure is drawn: matplotlib objects without pyplot, as SVG for pages and as PNG.

Colours are those of Okabe and Ito, which can be told apart with any kind of colour vision; everything
that a colour encodes is also encoded by a line style, marker or number.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dnasweep.report.svg import SERIES, inline, name_series, points_of

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#999999")
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK, FAINT = "#1f2530", "#d5d9e2"
"""Colours of text and of lines; pages replace them by those of their theme."""
AnyFigure = TypeVar("AnyFigure", bound=Figure)


class Drawing(NamedTuple):
    """A figure that has not been drawn yet."""

    draw: Callable[[Figure], None]
    """Draws on an empty figure."""
    size: tuple[float, float]
    """Width and height in inches."""


def on_axes(draw: Callable[[Axes], None], size: tuple[float, float]) -> Drawing:
    """Return the drawing of a figure with one pair of axes; `size` in inches."""
    return Drawing(lambda figure: draw(figure.add_subplot()), size)


def picture(drawing: Drawing, *, number: int = 0, alt: str = "") -> Markup:
    """Return a figure as an element of a page.

    Parameters
    ----------
    drawing
        The figure.
    number
        Number of the figure on its page.
    alt
        Alternative text for readers who cannot see it.
    """
    with matplotlib.rc_context(_settings()):
        figure = _drawn(drawing, Figure)
        name_series(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        points = points_of(figure)
    text = buffer.getvalue().decode()
    for colour, variable in ((INK, "ink"), (FAINT, "grid")):
        text = text.replace(colour, f"var(--{variable}, {colour.upper()})")
    return inline(text, points, number=number, alt=alt)


def png(drawing: Drawing, *, dpi: int = 160) -> bytes:
    """Return a figure, on white, as a PNG file."""
    # Leave out the software version: the same numbers must give the same bytes.
    with matplotlib.rc_context(_settings()):
        buffer = io.BytesIO()
        figure, how = _drawn(drawing, Figure), {"Software": None}
        figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata=how)
    return buffer.getvalue()


def style(rank: int) -> dict[str, Any]:
    """Return colour and line style of the curve of a rank."""
    return {"color": COLOURS[rank % len(COLOURS)], "linestyle": DASHES[rank % len(DASHES)]}


def ink(axes: Axes) -> Any:
    """Return the colour of text on these axes."""
    return axes.xaxis.label.get_color()


def band(
    axes: Axes, x: Any, low: Any, high: Any, *, color: Any, alpha: float, of: str = ""
) -> None:
    """Shade the area between two curves.

    Parameters
    ----------
    axes
        Axes to draw on.
    x
        Positions, shape (n,).
    low, high
        The curves at these positions, each of shape (n,).
    color, alpha
        Colour of the shade and its opacity, 0 to 1.
    of
        Label of the curve that the band belongs to, and with which it is hidden and shown.
    """
    shade = axes.fill_between(x, low, high, color=color, alpha=alpha, linewidth=0)
    if of:
        shade.set_gid(f"{SERIES}{of}")


def label_ticks(axes: Axes, ticks: Sequence[float], form: str) -> None:
    """Put x on a logarithmic scale with these ticks, written by a format such as `,` or `g`.

    Parameters
    ----------
    axes
        Axes whose x axis is changed.
    ticks
        Positions of the ticks, in units of the data.
    form
        How they are written.
    """
    axes.set_xscale("log")
    axes.set_xticks(ticks, [format(tick, form) for tick in ticks])
    axes.minorticks_off()


def common_legend(figure: Figure, order: Sequence[str] | None = None) -> None:
    """Draw one legend above all axes, with each label once.

    Parameters
    ----------
    order
        Labels in the order of the legend. Default: the order of drawing.
    """
    known = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    names = [name for name in order or known if name in known]
    figure.legend([known[name] for name in names], names, loc="outside upper left", ncols=3)


def draw_matrix(
    axes: Axes,
    values: np.ndarray,
    texts: Mapping[tuple[int, int], str],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Draw a matrix as a heat map with a text in each cell; nan stays empty.

    Parameters
    ----------
    axes
        Empty axes; a colour bar is put beside them.
    values
        (rows, columns).
    texts
        Text of each cell, by row and column.
    rows, columns
        Their names.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.05 * (high - low) or 0.01
    low, high = low - margin, high + margin
    colours = matplotlib.colormaps["cividis"]
    image = axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    for (i, j), text in texts.items():
        shade = colours((values[i, j] - low) / (high - low))
        colour = "black" if np.dot(shade[:3], (0.3, 0.59, 0.11)) > 0.5 else "white"
        axes.text(j, i, text, ha="center", va="center", color=colour, linespacing=1.35)
    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.outline.set_visible(False)  # type: ignore[operator]


def two_legends(axes: Axes, names: list[str], sets: list[str], *, lines: bool) -> None:
    """Draw two legends beside the axes: one of colours, one of line styles or markers.

    Parameters
    ----------
    axes
        Axes whose contents are explained.
    names
        Names that have one colour each.
    sets
        Names that have one line style or marker each.
    lines
        Whether the names have line styles.
    """
    first = [
        Line2D([], [], color=COLOURS[i % len(COLOURS)], linewidth=4, label=name)
        for i, name in enumerate(names)
    ]
    second = [
        Line2D([], [], color=ink(axes), linestyle=DASHES[i % len(DASHES)], label=name)
        if lines
        else Line2D(
            [], [], color=ink(axes), linestyle="", marker=MARKERS[i % len(MARKERS)], label=name
        )
        for i, name in enumerate(sets)
    ]
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    # Use legends of the figure: the layout makes room for these, but only for one legend of the axes.
    upper = figure.legend(
        handles=first,
        title="tokenizer" if all(" / " not in n for n in names) else "trained as",
        loc="outside right upper",
    )
    lower = figure.legend(handles=second, title="pretrained on", loc="outside right lower")
    for legend in (upper, lower):
        legend.set_alignment("left")


class Plot(Figure):
    """A matplotlib figure that displays itself in a notebook; `savefig` writes it to a file."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110, facecolor="white")
        return buffer.getvalue()


def plot(drawing: Drawing) -> Plot:
    """Return a figure for a notebook or a script."""
    with matplotlib.rc_context(_settings()):
        return _drawn(drawing, Plot)


def _drawn(drawing: Drawing, kind: type[AnyFigure]) -> AnyFigure:
    figure = kind(figsize=drawing.size, layout="constrained")
    FigureCanvasAgg(figure)
    drawing.draw(figure)
    _fix_layout(figure)
    return figure


def _settings() -> dict[Any, Any]:
    return {
        "svg.hashsalt": "dnasweep",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 10,
        "text.color": INK,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "axes.titlesize": 10.5,
        "axes.titlelocation": "left",
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": FAINT,
        "grid.linewidth": 0.7,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "legend.frameon": False,
        "lines.linewidth": 1.9,
    }


def _fix_layout(figure: Figure) -> None:
    """Lay a figure out once, at rounded positions.

    The layout solver orders its variables by memory address, so its last digits, and thus the bytes of
    a page, would differ from run to run.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(end, 4) for end in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))
