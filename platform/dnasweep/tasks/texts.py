"""Texts for pages, terminals and MLflow: templates in `dnasweep/texts` with a macro per text.

Numbers are computed in Python and formatted by the functions of :mod:`.wording`, which are filters
in the templates. Paragraphs, and sentences of findings, are separated by blank lines.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import jinja2
import jinja2.ext
import pandas as pd

from dnasweep.tasks import wording

FILTERS = (
    "about counted interval joined mean_of method_name metric_name minus number p_text percent positions ratio "
    "signed small small_p spaced"
)

PARAGRAPH = "\x1e"


class Texts:
    """The texts of one template.

    Parameters
    ----------
    template
        File name of the template, without its extension.
    values
        Values available to all of its texts.
    """

    def __init__(self, template: str, **values: Any) -> None:
        self._macros = _environment().get_template(f"{template}.j2").make_module(values)

    def __call__(self, name: str, /, **values: Any) -> str:
        """Return a text as one paragraph."""
        return " ".join(self.paragraphs(name, **values))

    def paragraphs(self, name: str, /, **values: Any) -> list[str]:
        """Return the paragraphs of a text, without empty ones."""
        text = getattr(self._macros, name)(**values)
        paragraphs = (_joined(part) for part in text.split(PARAGRAPH))
        return [one for one in paragraphs if one]


def _joined(text: str) -> str:
    """Return the lines of a paragraph as one line, without spaces before punctuation."""
    # Only ordinary spaces are joined; no-break spaces are kept.
    line = re.sub(r"[ \n]+", " ", text).strip(" ")
    return re.sub(r" ([,.;:)]+)(?= |$)", r"\1", line)


class _Paragraphs(jinja2.ext.Extension):
    """Marks blank lines of a template, to distinguish them from those left by empty values."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"\n( *\n)+", f"\n{PARAGRAPH}\n", source)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dnasweep", "texts"),
        extensions=[_Paragraphs],
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {name: getattr(wording, name) for name in FILTERS.split()}
    environment.filters["comma"] = lambda value: f"{value:,.0f}"
    environment.tests["missing"] = pd.isna
    return environment
