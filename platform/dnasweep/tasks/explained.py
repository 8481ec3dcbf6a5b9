"""Model outputs explained by attributions, and variant scores computed from outputs."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dnasweep.tasks.allele_scores import AlleleOutputs, Columns, Scores
from dnasweep.tasks.objective import Output, Value

if TYPE_CHECKING:
    from torch import Tensor


class Explained(abc.ABC):
    """Definition of the explained output and the variant scores of each task."""

    names: tuple[str, ...]

    @property
    def num_outputs(self) -> int:
        """Number of logits."""
        return len(self.names)

    @property
    def usual_target(self) -> int | None:
        """The class or output explained by default; None: one must be named."""
        return 0 if self.num_outputs == 1 else None

    @property
    def wanted(self) -> list[int]:
        """Numbers of the classes or outputs of interest: all except a background class."""
        return list(range(self.num_outputs))

    @abc.abstractmethod
    def explained(self, logits: Tensor, output: Output, there: Tensor | None = None) -> Tensor:
        """Return the explained output, one number per row, (rows,), float64.

        Parameters
        ----------
        logits
            (rows, outputs), or (rows, positions, outputs) for a model of bases or bins.
        output
            The class or output, and what of it.
        there
            Whether a row has each base or bin, (rows, positions); None: all rows have all.
        """

    def value(self, value: Value, place: int | None = None) -> Value:
        """Return the quantity that is explained if `value` is requested; `InputError` if it does
        not exist.

        Parameters
        ----------
        value, place
            As in :class:`~dnasweep.tasks.objective.Output`.
        """
        return value

    def allele_columns(self, names: Sequence[str]) -> Columns:
        """Return the columns of variant scores for these outputs, with the ranking column first;
        empty for models of sequence classes, whose probabilities are compared instead."""
        return {}

    def allele_scores(self, names: Mapping[int, str], strands: Sequence[AlleleOutputs]) -> Scores:
        """Return the values of a variant in these columns.

        Parameters
        ----------
        names
            Names of the outputs by number.
        strands
            Predictions on each strand.
        """
        raise NotImplementedError(f"{type(self).__name__} has no such columns")
