"""A classifier reduced to one number: its output for the explained class, computed in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from dnasweep.attribution.attribution import NOT_FINITE
from dnasweep.attribution.settings import Value
from dnasweep.devices import free_memory, is_accelerator, release_memory
from dnasweep.errors import InputError
from dnasweep.models.encoder.bases import Places, Spans, place_logits
from dnasweep.models.encoder.batch_memory import SHARE, rows_within
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.perturbations import CPU_TOKENS, perturbed_forward
from dnasweep.models.encoder.precision import Precision, autocast
from dnasweep.tasks.calls import decision_threshold
from dnasweep.tasks.objective import Output
from dnasweep.tasks.registry import task_of_classes, task_of_model
from dnasweep.tasks.task import Task

Logits = Tensor | Places
"""Logits of rows, (rows, classes), or of each base or bin of the rows."""
Readout = Callable[[Any], Tensor]
"""Function from logits to one or several numbers per row."""

MAX_ROWS = 8192
"""Maximum number of rows in a forward pass on an accelerator; more rows do not make it faster."""


class NotFiniteError(InputError):
    """The model's output is not a number.

    Parameters
    ----------
    row
        First row with an output that is not a number, from 0.
    """

    def __init__(self, row: int) -> None:
        self.position = row
        super().__init__("the model's output is not a finite number", remedy=NOT_FINITE)


def class_value(logits: Tensor, target: int, value: Value, task: Task | None = None) -> Tensor:
    """Return the output for one class as one number per row, (rows,), float64.

    Parameters
    ----------
    logits
        (rows, classes).
    target
        Column of the class.
    value
        `log_odds` (nats) against all other classes together, `logit`, or `probability`.
    task
        Task that the model was trained for. Default: classification.
    """
    task = task or task_of_classes([""] * logits.shape[1])
    return task.explained(logits, Output(target, value))


class ExplainedModel:
    """A classifier, the class to explain, and how batches are run.

    Parameters
    ----------
    classifier
        In evaluation mode, on its device.
    target, value
        Class and output explained, see :meth:`dnasweep.tasks.task.Task.explained`.
    against
        Class to compare the target with; None for all others.
    place
        Base or bin whose output is explained, if the model predicts bases or bins; None for all of a
        row together.
    batch_rows
        Rows in a forward pass; None derives the number from the CPU caches or the free memory of the
        accelerator. It is halved permanently whenever the memory is exhausted.
    """

    def __init__(
        self,
        classifier: PreTrainedModel,
        *,
        target: int,
        value: Value,
        against: int | None = None,
        place: int | None = None,
        batch_rows: int | None = None,
    ) -> None:
        self.classifier, self.target, self.value = classifier, target, value
        self.against, self.place = against, place
        self.task = task_of_model(classifier.config.to_dict())
        self.precision: Precision = "fp32"
        """Arithmetic of the forward pass."""
        self.threshold = decision_threshold(classifier.config.to_dict())
        self.forward = perturbed_forward(classifier)
        self._batch_rows, self._settings = batch_rows, classifier.config.to_dict()
        self._share = 1.0

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return self.classifier.device

    def batch_size(self, num_tokens: int) -> int:
        """Return the number of rows of `num_tokens` tokens in one forward pass."""
        if self._batch_rows is not None:
            rows: float = self._batch_rows
        elif is_accelerator(self.device):
            free = SHARE * free_memory(self.device)
            rows = min(MAX_ROWS, rows_within(free, self._settings, num_tokens))
        else:
            rows = CPU_TOKENS / num_tokens
        return max(1, int(rows * self._share))

    @property
    def of_places(self) -> bool:
        """Whether the model has logits for bases or bins, which depend on the bases of each token."""
        return bool(self.task.place)

    def logits_of(self, ids: Tensor, spans: Spans | None) -> Logits:
        """Return the logits of whole rows without padding.

        Parameters
        ----------
        ids
            Token ids, (rows, tokens), on the model's device.
        spans
            Bases of the tokens, for a model that predicts bases.
        """
        if spans is None:
            return class_logits(self.classifier, ids, None)
        return place_logits(self.classifier, ids, None, spans)

    def value_of(self, logits: Logits) -> Tensor:
        """Return the output for the class explained, (rows,)."""
        own, there = logits if isinstance(logits, Places) else (logits, None)
        output = Output(self.target, self.value, self.against, self.place)
        return self.task.explained(own, output, there)

    def called(self, predicted: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether the model calls each row the class explained, (rows,).

        Parameters
        ----------
        predicted
            Probabilities of the classes, (rows, classes), or predictions for the places of each row,
            (rows, places x outputs).
        """
        if self.place is not None:
            outputs = self.task.num_outputs
            predicted = predicted[:, self.place * outputs : (self.place + 1) * outputs]
        return self.task.called(predicted, self.classifier.config.to_dict(), self.target)

    def evaluate(
        self,
        rows: int,
        num_tokens: int,
        logits: Callable[[slice], Logits],
        readout: Readout | None = None,
    ) -> NDArray[np.float64]:
        """Return the readout of the logits of rows 0 to `rows`, (rows, ...).

        Parameters
        ----------
        rows
            Total number of rows.
        num_tokens
            Number of tokens in each row.
        logits
            Computes the logits of a slice of the rows.
        readout
            Default: the output for the class explained.

        Raises
        ------
        NotFiniteError
            If one of the numbers is not finite.
        """
        parts: list[Tensor] = []

        def compute(part: slice) -> None:
            parts.append((readout or self.value_of)(logits(part)))

        self.run_in_batches(rows, num_tokens, compute)
        # Read once, at the end: an accelerator computes one batch while the host prepares the next.
        found = torch.cat(parts).cpu().numpy()
        if not np.isfinite(found).all():
            raise NotFiniteError(int(np.argmin(np.isfinite(found).reshape(rows, -1).all(1))))
        return found

    def run_in_batches(
        self,
        rows: int,
        num_tokens: int,
        compute: Callable[[slice], None],
        *,
        max_rows: int | None = None,
    ) -> None:
        """Call `compute` with slices of 0 to `rows`, each as large as the memory allows.

        Parameters
        ----------
        rows
            Total number of rows.
        num_tokens
            Number of tokens in each row.
        compute
            Runs the model on the rows of a slice.
        max_rows
            Maximum number of rows in a slice.
        """
        done = 0
        while done < rows:
            size = self.batch_size(num_tokens)
            if max_rows is not None:
                size = min(size, max_rows)
            part = slice(done, min(rows, done + size))
            try:
                with torch.inference_mode(), autocast(self.device, self.precision):
                    compute(part)
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                # Half of the size that did not fit, even if it was below the usual size.
                self._share *= size / (2 * self.batch_size(num_tokens))
                release_memory(self.device)
                continue
            done = part.stop
