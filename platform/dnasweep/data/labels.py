"""What the labels of a data set are: of which kind, and how their classes or outputs are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.base_labels import BASE_CLASSES, base_targets

TaskName = Literal["binary", "multiclass", "regression", "multilabel", "token", "profile"]
TASK_NAMES: tuple[TaskName, ...] = get_args(TaskName)
TaskChoice = Literal[
    "auto", "binary", "multiclass", "regression", "multilabel", "token", "profile"
]
CLASS_TASKS = ("binary", "multiclass")
"""Tasks whose rows have one class each, as the number in the column `label`."""
NEGATIVE, POSITIVE = "negative", "positive"
"""Names of two classes whose labels are no names themselves, such as 0 and 1."""
MAX_CLASSES = 128
OUTPUT = "output:"
"""What the names of columns with outputs begin with."""
BACKGROUND = ("none", "background", "0", "o", "-", ".", "n", "other", "negative", "intergenic")
"""Names of the class of bases that have nothing, in lower case, the clearest first."""


def background_of(names: Sequence[str]) -> str | None:
    """Return which class of bases is the background; None where each of them says something.

    Examples
    --------
    >>> background_of(["donor", "none"]), background_of(["exon", "intron"])
    ('none', None)
    """
    spelled = {name.casefold(): name for name in names}
    return next((spelled[one] for one in BACKGROUND if one in spelled), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """The kind of the labels of a data set, and the names that the user knows them by."""

    task: TaskName = "binary"
    """What is learned from them."""
    names: tuple[str, ...] = (NEGATIVE, POSITIVE)
    """Of classes, of rows or of bases, in the order of their numbers; or of the outputs of each row."""
    places: int = 1
    """Bins of a row each of which has the outputs."""

    @property
    def columns(self) -> list[str]:
        """Columns of the table with the outputs; empty where a row has one class."""
        if self.task == "token":
            return [BASE_CLASSES]
        if self.places > 1:
            bins = range(1, self.places + 1)
            return [f"{OUTPUT}{name}:{number}" for number in bins for name in self.names]
        return [] if self.task in CLASS_TASKS else [OUTPUT + name for name in self.names]

    def targets(self, table: pd.DataFrame) -> NDArray[Any]:
        """Return what is to be learned: class numbers (rows,), or outputs (rows, outputs), float64, those
        of a bin side by side; of bases class numbers, (rows, bases), -1 beyond the end of a row."""
        if self.task == "token":
            return base_targets(table[BASE_CLASSES])
        if self.task in CLASS_TASKS:
            return table["label"].to_numpy()
        return table[self.columns].to_numpy(np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types; `from_json` reads it."""
        found = asdict(self)
        return found if self.places > 1 else {k: v for k, v in found.items() if k != "places"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Labels:
        """Return the labels that `to_json` wrote."""
        return cls(
            task=data["task"], names=tuple(data["names"]), places=int(data.get("places", 1))
        )

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> Labels:
        """Return the labels of a table of class numbers that says nothing else about them."""
        highest = int(table["label"].max()) if len(table) else -1
        if highest < 2:
            return cls()
        return cls(task="multiclass", names=tuple(map(str, range(highest + 1))))


ZERO_AND_ONE = Labels()
"""Those of two classes that are numbered and have no names of their own."""
