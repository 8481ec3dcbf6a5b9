"""Words in labels: missing values, words for yes and no, and the positive one of two labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

_OF_SPREADSHEETS = ("#n/a", "#na", "#null!", "#ref!", "#value!", "#div/0!", "#name?", "#num!")
MISSING = frozenset(["", ".", "?", "nan", "na", "n/a", "null", "<na>", *_OF_SPREADSHEETS])
"""Cells without a label, in lower case, including errors of spreadsheet formulas."""
MAYBE_MISSING = "none"
"""A word that is a missing value among numbers, but a class among words."""

_PAIRS = {
    "true": "false",
    "t": "f",
    "yes": "no",
    "y": "n",
    "+": "-",
    "positive": "negative",
    "positives": "negatives",
    "pos": "neg",
}
_POSITIVE = frozenset(
    [
        *_PAIRS,
        *("promoter", "promoters", "enhancer", "enhancers", "active", "bound", "functional"),
        *("high", "strong", "hit", "peak", "present", "real", "case", "open", "on", "pathogenic"),
    ]
)
_NEGATIVE = frozenset(
    [
        *_PAIRS.values(),
        *("none", "other", "others", "control", "controls", "background", "random", "null"),
        *("inactive", "unbound", "nonfunctional", "rest", "neither"),
        *("low", "weak", "miss", "absent", "fake", "decoy", "closed", "off", "silent", "benign"),
        *("ctrl", "ctl", "bg", "shuffled", "scrambled", "intergenic"),
    ]
)
_NOT = re.compile(r"(?:non|not|no|un|in|anti)[-_ ]?")
_WITHOUT = re.compile(r"[-_ ]?(?:less|free)")


def is_yes_or_no(labels: Sequence[str]) -> bool:
    """Return whether two lower-case labels are a pair such as yes and no, without class names."""
    return len(labels) == 2 and any(_PAIRS.get(a) == b for a, b in (labels, labels[::-1]))


def positive_of(labels: Sequence[str]) -> str | None:
    """Return the positive one of two lower-case labels; None if it is not clear.

    Examples
    --------
    >>> positive_of(["promoter", "non-promoter"]), positive_of(["tata-", "tata+"])
    ('promoter', 'tata+')
    >>> positive_of(["donor", "acceptor"]) is None
    True
    """
    first, second = labels
    for one, other in ((first, second), (second, first)):
        negated = _NOT.match(other)
        if negated and other[negated.end() :] == one:
            return one
        if other.startswith(one) and _WITHOUT.fullmatch(other[len(one) :]):
            return one
        if _says_no(one, other):
            return one
    by_negative = [b for a, b in ((first, second), (second, first)) if a in _NEGATIVE]
    if len(by_negative) == 1:
        return by_negative[0]
    by_positive = [one for one in labels if one in _POSITIVE]
    return by_positive[0] if len(by_positive) == 1 else None


def _says_no(one: str, other: str) -> bool:
    """Return whether two labels differ in one word only, positive in the first and negative in the second.

    Examples
    --------
    >>> _says_no("tata+", "tata-"), _says_no("strong enhancer", "weak enhancer"), _says_no("a 1", "a 2")
    (True, True, False)
    """
    ours, theirs = (re.findall(r"[a-z]+|[+-]$|[^a-z]", label) for label in (one, other))
    if len(ours) != len(theirs):
        return False
    differing = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    if len(differing) != 1 or differing[0][0] in ("t", "y"):
        return False
    yes, no = differing[0]
    in_words = min(len(yes), len(no)) > 1 and yes in _POSITIVE and no in _NEGATIVE
    return _PAIRS.get(yes) == no or in_words


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `H3K4` before `H3K27`, and -1 before 10.

    Examples
    --------
    >>> sorted(["class10", "class9"], key=natural)
    ['class9', 'class10']
    """
    parts = (
        re.split(r"(-?\d+)", name) if re.fullmatch(r"-?\d+", name) else re.split(r"(\d+)", name)
    )
    return [
        (0, int(p), "") if re.fullmatch(r"-?\d+", p) else (1, 0, p.casefold()) for p in parts if p
    ]
