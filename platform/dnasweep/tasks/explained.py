"""What of a model's outputs an attribution explains, and what a variant score writes of them."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dnasweep.tasks.allele_scores import AlleleOutputs, Columns, Scores
from dnasweep.tasks.objective import Value

if TYPE_CHECKING:
    from torch import Tensor


class Explained(abc.ABC):
    """The number of a row that is explained, and the scores of variants, which every task has its own of."""

    names: tuple[str, ...]

    @property
    def num_outputs(self) -> int:
        """Number of logits."""
        return len(self.names)

    @property
    def usual_target(self) -> int | None:
        """The class or output that is explained unless another is named; None: one has to be named."""
        return 0 if self.num_outputs == 1 else None

    @property
    def wanted(self) -> list[int]:
        """Numbers of the classes or outputs that say something, all but a background."""
        return list(range(self.num_outputs))

    @abc.abstractmethod
    def explained(
        self,
        logits: Tensor,
        target: int,
        value: Value,
        against: int | None = None,
        *,
        place: int | None = None,
        there: Tensor | None = None,
    ) -> Tensor:
        """Return the output that is explained, one number per row, (rows,), float64.

        Parameters
        ----------
        logits
            (rows, outputs), or (rows, places, outputs) of a model of bases or bins.
        target
            Number of the class or output.
        value
            What of it.
        against
            Class to compare it with; None: all others together.
        place
            The base or bin whose output it is; None: all of the row together.
        there
            Whether a row has a place, (rows, places); None: it has all.
        """

    def value(self, value: Value, place: int | None = None) -> Value:
        """Return what of an output is explained where `value` is asked for; `InputError` if there is
        no such thing.

        Parameters
        ----------
        value, place
            As for :meth:`explained`.
        """
        return value

    def allele_columns(self, names: Sequence[str]) -> Columns:
        """Return the columns of variant scores of these outputs, the one that ranks variants first; empty of
        models that call classes of sequences, whose probability is compared."""
        return {}

    def allele_scores(self, names: Mapping[int, str], strands: Sequence[AlleleOutputs]) -> Scores:
        """Return what stands in those columns of a variant.

        Parameters
        ----------
        names
            Names of the outputs by number.
        strands
            Predictions on each strand.
        """
        raise NotImplementedError(f"{type(self).__name__} has no such columns")
