"""Files that do not say which label their sequences have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.formats.delimited import ACCEPTED


class Unlabelled(InputError):
    """A file without labels, where labels are needed."""


def unlabelled(path: Path, kind: str, header: Sequence[str]) -> Unlabelled:
    """Return what to say of a file without labels.

    Parameters
    ----------
    path
        The file.
    kind
        Its format.
    header
        Names of its columns, where it has a header.
    """
    if kind in ("csv", "tsv"):
        return Unlabelled(
            f"there is no column with labels: found {', '.join(header[:20])}",
            file=path,
            row=1,
            remedy=f"Name it {' or '.join(ACCEPTED['label'][:2])} (any case).",
        )
    return Unlabelled(
        "nothing says which label its sequences have",
        file=path,
        remedy="Give it as --positives or --negatives.",
    )
