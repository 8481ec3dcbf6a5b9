"""A figure as an SVG element of a page: one for both themes, with what is shown on hover.

Text stays text, and takes the colours of the page from its variables `--ink` and `--grid`. Every
point and bar has its values in the attribute `data-points`, every curve its name in `data-series`,
and every entry of a legend what it stands for in `data-key`: `page.js` reads them.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter

POINTS_PER_INCH = 72
"""Units of an SVG of matplotlib."""
MAX_POINTS = 400
"""Most points of a curve that tell their values."""
MAX_BARS = 120
SERIES, KEY = "series:", "key:"
REFERENCE = r'(url\(|href=")#([\w-]+)'
"""How one element of an SVG refers to another."""


def name_series(figure: Figure) -> None:
    """Write the label of every curve, and what every entry of a legend stands for, into its id."""
    for axes in figure.axes:
        for line in axes.lines:
            if not str(line.get_label()).startswith("_"):
                line.set_gid(f"{SERIES}{line.get_label()}")
    legends = [legend for axes in figure.axes if (legend := axes.get_legend())]
    for legend in [*figure.legends, *legends]:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            text.set_gid(f"{KEY}{text.get_text()}")
            if handle is not None:
                handle.set_gid(f"{KEY}{text.get_text()}")


def points_of(figure: Figure) -> list[list[Any]]:
    """Return what a figure tells on hover, once it is laid out.

    Each is a list of the name of its series, its box (left, top, right, bottom, in units of the SVG)
    and a text of several lines.
    """
    found: list[list[Any]] = []
    scale = POINTS_PER_INCH / figure.dpi
    height = figure.get_figheight() * POINTS_PER_INCH
    for axes in figure.axes:
        for series, corners, text in itertools.chain(_lines(axes), _bars(axes)):
            pixels = axes.transData.transform(corners) * scale
            if not np.isfinite(pixels).all():
                continue
            (x, y), (u, v) = pixels.min(axis=0), pixels.max(axis=0)
            found.append(
                [series, *(round(float(p), 1) for p in (x, height - v, u, height - y)), text]
            )
    return found


def inline(svg: str, points: list[list[Any]], *, number: int, alt: str) -> Markup:
    """Return an SVG of matplotlib as an element of a page.

    Parameters
    ----------
    svg
        The file as matplotlib writes it.
    points
        Of :func:`points_of`.
    number
        Of the figure in its page, so that no two of them have an id in common.
    alt
        What it shows, for those who do not see it.
    """
    body = svg[svg.index("<svg") :]
    for cut in (
        r"<metadata>.*?</metadata>",
        r"<style.*?</style>",
        r"<!--.*?-->",
        r" xmlns(:\w+)?=\"[^\"]*\"",
    ):
        body = re.sub(cut, "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href").replace(
        "'DejaVu Sans'", "var(--letters, sans-serif)"
    )
    body = body.replace(f'id="{SERIES}', 'data-series="').replace(f'id="{KEY}', 'data-key="')
    # Ids that nothing refers to are dropped; the others follow from addresses in memory, which
    # differ from run to run.
    names = dict.fromkeys(re.findall(REFERENCE, body))
    known = {name: f"f{number}-{place}" for place, (_, name) in enumerate(names)}
    body = re.sub(
        r' id="([^"]*)"', lambda m: f' id="{known[m[1]]}"' if m[1] in known else "", body
    )
    body = re.sub(REFERENCE, lambda m: f"{m[1]}#{known[m[2]]}", body)
    body = re.sub(r"\n\s*", "\n", body).replace("<g>\n</g>\n", "")
    said = json.dumps(points, ensure_ascii=False, separators=(",", ":")) if points else ""
    told = Markup(' data-points="{}"').format(said) if said else ""
    role = "group" if "data-key" in body else "img"
    head = Markup('<svg role="{}" aria-label="{}"{} ').format(role, alt, told)
    return Markup(head + Markup(body.removeprefix("<svg").strip()))


def _lines(axes: Axes) -> Iterator[tuple[str, np.ndarray, str]]:
    for line in axes.lines:
        label = str(line.get_label())
        xy = np.asarray(line.get_xydata(), dtype=float)
        if not _told(line, axes) or len(xy) > MAX_POINTS:
            continue
        name = "" if label.startswith("_") else label
        for x, y in xy:
            yield name, np.array([[x, y], [x, y]]), _text(axes, name, x, y)


def _told(line: Line2D, axes: Axes) -> bool:
    """Whether a line is data: labelled or marked, and not a line across the axes."""
    if line.get_transform() != axes.transData or not line.get_visible():
        return False
    return not str(line.get_label()).startswith("_") or line.get_marker() in ("o", "s", "^", "D")


def _bars(axes: Axes) -> Iterator[tuple[str, np.ndarray, str]]:
    for container in axes.containers:
        bars = [bar for bar in container if isinstance(bar, Rectangle)]
        if len(bars) > MAX_BARS:
            continue
        label = str(container.get_label())
        name = "" if label.startswith("_") else label
        flat = getattr(container, "orientation", "vertical") == "horizontal"
        for bar in bars:
            (x, y), (u, v) = (
                bar.get_xy(),
                (bar.get_x() + bar.get_width(), bar.get_y() + bar.get_height()),
            )
            at = (u, (y + v) / 2) if flat else ((x + u) / 2, v)
            yield name, np.array([[x, y], [u, v]]), _text(axes, name, *at)


def _text(axes: Axes, name: str, x: float, y: float) -> str:
    parts = [name, _written(axes.xaxis, x), _written(axes.yaxis, y)]
    return "\n".join(filter(None, parts))


def _written(axis: Any, value: float) -> str:
    label = axis.get_label_text().replace("\n", " ")
    # Ticks with names of their own have a FuncFormatter, of older figures a FixedFormatter.
    named = isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter)
    if named and isinstance(axis.get_major_locator(), FixedLocator) and not label:
        ticks = np.asarray(axis.get_majorticklocs(), dtype=float)
        names = [text.get_text() for text in axis.get_majorticklabels()]
        near = int(np.argmin(np.abs(ticks - value))) if len(ticks) else -1
        return names[near] if 0 <= near < len(names) else ""
    text = f"{value:.4g}".replace("-", "−")
    return f"{label}: {text}" if label else text
