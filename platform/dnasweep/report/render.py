"""A page as one self-contained HTML document, which makes no network requests."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from dnasweep.report.columns import text_of, title_of
from dnasweep.report.drawing import Drawing, picture
from dnasweep.report.page import Page, PageTable
from dnasweep.tasks.wording import spaced

LONGEST_LEAD = 60
"""Maximum number of characters before a colon that are shown as the lead of a sentence."""


def render(page: Page) -> str:
    """Return a page as HTML, with all text escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dnasweep.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    numbers = itertools.count(1)

    def drawn(drawing: Drawing, alt: str) -> Markup:
        return picture(drawing, number=next(numbers), alt=alt)

    environment.filters |= {"unbroken": unbroken, "drawn": drawn, "cells": cells, "data": data}
    return environment.get_template("page.html.j2").render(page=page)


def data(value: object) -> Markup:
    """Return a value as JSON that is safe inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def cells(table: PageTable) -> dict[str, Any]:
    """Return a table in the form of the template: titles, and rows of (text, sort value)."""
    frame = table.frame
    assert frame is not None
    numeric = table.numeric
    if numeric is None:
        numeric = [str(name) for name in frame.select_dtypes("number")]
    names = list(map(str, frame.columns))
    return {
        "titles": [spaced(name) if name in table.named else title_of(name) for name in names],
        "numeric": [name in numeric for name in names],
        "hidden": [name in table.hidden for name in names],
        "rows": [
            [
                (text_of("" if name in table.named else name, value), _sort_value(value))
                for name, value in zip(names, values, strict=True)
            ]
            for values in frame.itertuples(index=False, name=None)
        ],
        "marks": table.marks or [""] * len(frame),
    }


def unbroken(sentence: str) -> Markup:
    """Return a finding with its lead in bold and no line break within `p = 0.01` or `a ± b`."""
    for sign in ("=", "<", "±"):
        sentence = sentence.replace(f" {sign} ", f"\u00a0{sign}\u00a0")
    lead, colon, rest = sentence.partition(": ")
    if not colon or len(lead) > LONGEST_LEAD:
        return escape(sentence)
    return Markup("<strong>{}:</strong> {}").format(lead, rest)


def _sort_value(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, int | float | np.integer | np.floating):
        return repr(float(value))
    # Sort texts that begin with a number by this number.
    return re.sub(r"^\+(?=\d)|(?<=\d),(?=\d{3})", "", str(value).replace("−", "-"))
