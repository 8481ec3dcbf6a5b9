"""Texts of templates: paragraphs, clean spaces, and no value left out without a word."""

from __future__ import annotations

import jinja2
import pytest
from dnasweep.tasks import texts
from dnasweep.tasks.texts import Texts


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Texts:
    template = (
        "{% macro told(names) %}\nFound {{ num | comma }}:\n{{ '' }}\n{% for name in names %}\n{{ name }}\n"
        '{{ "." if loop.last else ";" }}\n{% endfor %}\n\n{% if num is missing %}\nNone.\n'
        "{% endif %}\n\n5\u00a0% of (all)\n  .gz files.\n{% endmacro %}"
    )
    environment = texts._environment().overlay(loader=jinja2.DictLoader({"toy.j2": template}))
    monkeypatch.setattr(texts, "_environment", lambda: environment)
    return Texts("toy", num=1234)


def test_blank_lines_part_paragraphs_and_empty_ones_are_left_out(say: Texts) -> None:
    assert say.paragraphs("told", names=["a b", "c"]) == [
        "Found 1,234: a b; c.",
        "5\u00a0% of (all) .gz files.",
    ]


def test_a_value_that_is_not_given_is_an_error(say: Texts) -> None:
    with pytest.raises(jinja2.UndefinedError, match="names"):
        say("told")
