"""The kind of labels of a data set, and the names of its classes or outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.base_labels import BASE_CLASSES, base_targets

TaskName = Literal["binary", "multiclass", "regression", "multilabel", "token", "profile"]
TaskChoice = Literal["auto"] | TaskName
CLASS_TASKS = ("binary", "multiclass")
"""Tasks with one class per row, stored as a number in the column `label`."""
NEGATIVE, POSITIVE = "negative", "positive"
"""Names of two classes whose labels are not names, such as 0 and 1."""
MAX_CLASSES = 128
OUTPUT = "output:"
"""Prefix of the names of columns with outputs."""
BACKGROUND = ("none", "background", "0", "o", "-", ".", "n", "other", "negative", "intergenic")
"""Lower-case names of the background class of bases, most specific first."""


def background_of(names: Sequence[str]) -> str | None:
    """Return the background class of bases; None if no class is the background.

    Examples
    --------
    >>> background_of(["donor", "none"]), background_of(["exon", "intron"])
    ('none', None)
    """
    spelled = {name.casefold(): name for name in names}
    return next((spelled[one] for one in BACKGROUND if one in spelled), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """The kind of labels of a data set, and the names used by the user."""

    task: TaskName = "binary"
    """Task to learn."""
    names: tuple[str, ...] = (NEGATIVE, POSITIVE)
    """Names of the classes of rows or bases, in the order of their numbers, or of the outputs of each row."""
    places: int = 1
    """Number of bins per row, each of which has all outputs."""

    @property
    def columns(self) -> list[str]:
        """Columns of the table with the outputs; empty if each row has one class."""
        if self.task == "token":
            return [BASE_CLASSES]
        if self.places > 1:
            bins = range(1, self.places + 1)
            return [f"{OUTPUT}{name}:{number}" for number in bins for name in self.names]
        return [] if self.task in CLASS_TASKS else [OUTPUT + name for name in self.names]

    def targets(self, table: pd.DataFrame) -> NDArray[Any]:
        """Return the targets: class numbers (rows,); or outputs (rows, outputs), float64, with those of a bin
        side by side; or class numbers of bases (rows, bases), -1 beyond the end of a row."""
        if self.task == "token":
            return base_targets(table[BASE_CLASSES])
        if self.task in CLASS_TASKS:
            return table["label"].to_numpy()
        return table[self.columns].to_numpy(np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return the labels as plain JSON types, for `from_json`."""
        found = asdict(self)
        return found if self.places > 1 else {k: v for k, v in found.items() if k != "places"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Labels:
        """Return labels written by `to_json`."""
        return cls(
            task=data["task"], names=tuple(data["names"]), places=int(data.get("places", 1))
        )

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> Labels:
        """Return the labels of a table that contains only class numbers."""
        highest = int(table["label"].max()) if len(table) else -1
        if highest < 2:
            return cls()
        return cls(task="multiclass", names=tuple(map(str, range(highest + 1))))


ZERO_AND_ONE = Labels()
"""Labels of two numbered classes without names."""
