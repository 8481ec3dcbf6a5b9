"""How every figure is drawn: matplotlib objects without pyplot, as SVG for light and dark pages.

Colours are those of Okabe and Ito, which readers with any colour vision tell apart; what a colour
says, a line style, marker or number says as well.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#999999")
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK = {"light": "#1f2530", "dark": "#e4e7ee", "both": "#757b87"}
FAINT = {"light": "#d5d9e2", "dark": "#3c4352", "both": "#757b87"}


class Picture(NamedTuple):
    """One figure in both themes, each a data URI."""

    light: str
    dark: str


def picture(draw: Callable[[Axes], None], *, size: tuple[float, float]) -> Picture:
    """Draw on fresh axes once a theme; `size` in inches."""
    return panels(lambda figure: draw(figure.add_subplot()), size=size)


def panels(draw: Callable[[Figure], None], *, size: tuple[float, float]) -> Picture:
    """Draw on a fresh figure once a theme; `size` in inches."""
    return Picture(*(_svg(draw, size, theme) for theme in ("light", "dark")))


def plain(draw: Callable[[Figure], None], *, size: tuple[float, float]) -> Picture:
    """Draw once, in ink that can be read in both themes: for figures that take long or much room."""
    uri = _svg(draw, size, "both")
    return Picture(uri, uri)


def png(draw: Callable[[Figure], None], *, size: tuple[float, float], dpi: int = 160) -> bytes:
    """Return a figure of the light theme, on white, as a PNG file."""
    # No version of the software in it, so that equal numbers are equal bytes.
    return _bytes(draw, size, "light", dpi=dpi, facecolor="white", metadata={"Software": None})


def draw_matrix(
    axes: Axes,
    values: np.ndarray,
    texts: Mapping[tuple[int, int], str],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Draw a matrix (rows, columns) as shades with a text in each cell; nan stays empty."""
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
        ink = "black" if np.dot(shade[:3], (0.3, 0.59, 0.11)) > 0.5 else "white"
        axes.text(j, i, text, ha="center", va="center", color=ink, linespacing=1.35)
    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.outline.set_visible(False)  # type: ignore[operator]


def two_legends(axes: Axes, names: list[str], sets: list[str], *, lines: bool) -> None:
    """Explain colours (`names`) and line styles or markers (`sets`) beside the axes."""
    ink = axes.xaxis.label.get_color()
    first = [
        Line2D([], [], color=COLOURS[i % len(COLOURS)], linewidth=4, label=name)
        for i, name in enumerate(names)
    ]
    second = [
        Line2D([], [], color=ink, linestyle=DASHES[i % len(DASHES)], label=name)
        if lines
        else Line2D([], [], color=ink, linestyle="", marker=MARKERS[i % len(MARKERS)], label=name)
        for i, name in enumerate(sets)
    ]
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    # Legends of the figure: the layout makes room for these, and for one of the axes only.
    upper = figure.legend(
        handles=first,
        title="tokenizer" if all(" / " not in n for n in names) else "trained as",
        loc="outside right upper",
    )
    lower = figure.legend(handles=second, title="pretrained on", loc="outside right lower")
    for legend in (upper, lower):
        legend.set_alignment("left")


def _svg(draw: Callable[[Figure], None], size: tuple[float, float], theme: str) -> str:
    data = _bytes(draw, size, theme, format="svg", transparent=True, metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(data).decode()


def _bytes(
    draw: Callable[[Figure], None], size: tuple[float, float], theme: str, **save: Any
) -> bytes:
    ink, faint = INK[theme], FAINT[theme]
    settings: dict[Any, Any] = {
        "svg.hashsalt": "dnasweep",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 10,
        "text.color": ink,
        "axes.edgecolor": faint,
        "axes.labelcolor": ink,
        "axes.titlesize": 10.5,
        "axes.titlelocation": "left",
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": faint,
        "grid.linewidth": 0.7,
        "xtick.color": faint,
        "ytick.color": faint,
        "xtick.labelcolor": ink,
        "ytick.labelcolor": ink,
        "legend.frameon": False,
        "lines.linewidth": 1.9,
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, **save)
    return buffer.getvalue()
