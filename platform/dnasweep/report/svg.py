"""A figure as an SVG element of a page: the same for both themes, with the texts shown on hover.

Text stays text, and takes its colours from the page's variables `--ink` and `--grid`. `page.js` reads the
values of points and bars from the attribute `data-points`, the names of curves from `data-series`, and the
curves of legend entries from `data-key`.
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
"""Units per inch of an SVG written by matplotlib."""
MAX_POINTS = 400
"""Maximum number of points of a curve that show their values on hover."""
MAX_BARS = 120
SERIES, KEY = "series:", "key:"
REFERENCE = r'(url\(|href=")#([\w-]+)'
"""Pattern by which one element of an SVG refers to another."""


def name_series(figure: Figure) -> None:
    """Write the label of each curve into its id, and likewise for the entries of legends."""
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
    """Return the texts that a figure shows on hover; it must have been laid out.

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
    """Return an SVG written by matplotlib as an element of a page.

    Parameters
    ----------
    svg
        Contents of the file written by matplotlib.
    points
        Points returned by :func:`points_of`.
    number
        Number of the figure on its page, which keeps element ids unique.
    alt
        Alternative text for readers who cannot see it.
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
    # Drop ids that nothing refers to; the others are derived from memory addresses, which differ from
    # run to run, and are replaced.
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
    """Return whether a line shows data: labelled or with markers, and not a line across the axes."""
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
    # Named ticks have a FuncFormatter, in older figures a FixedFormatter.
    named = isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter)
    if named and isinstance(axis.get_major_locator(), FixedLocator) and not label:
        ticks = np.asarray(axis.get_majorticklocs(), dtype=float)
        names = [text.get_text() for text in axis.get_majorticklabels()]
        near = int(np.argmin(np.abs(ticks - value))) if len(ticks) else -1
        return names[near] if 0 <= near < len(names) else ""
    text = f"{value:.4g}".replace("-", "−")
    return f"{label}: {text}" if label else text
