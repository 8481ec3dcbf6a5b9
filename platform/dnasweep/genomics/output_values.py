"""Predictions of a model for many short sequences: for each as a whole, its bases or its bins.

As in :mod:`dnasweep.genomics.sequence_values` for one class, equal sequences are computed once, and
a batch always has the same shape, so a value is identical to the bit whatever else is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dnasweep.devices import to_device
from dnasweep.errors import InputError
from dnasweep.genomics.allele_windows import numbered
from dnasweep.genomics.sequence_values import BatchModel, batches, check_finite
from dnasweep.models.encoder.bases import place_logits, spans_of
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.precision import autocast
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.tasks.registry import task_of_model
from dnasweep.tokens.corpus import Corpus

Floats = NDArray[np.float64]


class OutputValues(BatchModel):
    """A model with outputs for sequences, bases or bins, ready to predict.

    Parameters
    ----------
    directory
        Directory of a classifier with its tokenizer.
    **options
        `batch_rows`, `device` and `precision` of :class:`~dnasweep.genomics.sequence_values.BatchModel`.
    """

    load = staticmethod(load_classifier)

    def __init__(self, directory: Path, **options: Any) -> None:
        super().__init__(directory, **options)
        self.task = task_of_model(self.model.config.to_dict())

    def predicted(
        self, sequences: Sequence[str], *, name: Callable[[int], str] = numbered
    ) -> list[Floats]:
        """Return the predictions for each sequence, (places, outputs); places are bases, bins or the whole
        sequence.

        Parameters
        ----------
        sequences
            Sequences in any order; equal ones are computed once.
        name
            Function that returns the name of sequence i in messages.

        Raises
        ------
        InputError
            For a sequence with more tokens than the model has positions or with fewer bases than bins, and
            for predictions that are not finite.
        """
        unique = list(dict.fromkeys(sequences))
        encoded = self.tokenizer.encode(unique)
        self.check_capacity(encoded.num_tokens())
        if (encoded.num_bases() < self.task.places).any():
            raise InputError(
                f"a window has fewer bases than the {self.task.places} bins of the model",
                remedy="Use the --window that the model was trained on.",
            )
        found: list[Floats] = [np.empty(0)] * len(unique)
        counts = encoded.num_tokens()
        with torch.inference_mode(), autocast(self.device, self.precision):
            for rows, filled in batches(counts, self.batch_size):
                tokens = encoded.offsets[filled][:, None] + np.arange(counts[rows[0]])
                predicted, there = self._of_batch(encoded, tokens)
                for i, row in enumerate(rows.tolist()):
                    found[row] = predicted[i][there[i]]
        finite = np.array([np.isfinite(one).all() for one in found])
        check_finite(
            np.where(finite, 0.0, np.nan),
            "predictions",
            lambda row: name(sequences.index(unique[row])),
        )
        index = {text: i for i, text in enumerate(unique)}
        return [found[index[text]] for text in sequences]

    def _of_batch(
        self, encoded: Corpus, tokens: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return predictions for rows with equal token counts, (rows, places, outputs), and which places exist."""
        ids = to_device(torch.from_numpy(encoded.ids[tokens].astype(np.int64)), self.device)
        if self.task.place:
            spans = spans_of(encoded, tokens, self.device)
            logits, there = place_logits(self.model, ids, None, spans)
        else:
            logits = class_logits(self.model, ids, None)[:, None]
            there = torch.ones(logits.shape[:2], dtype=torch.bool)
        predicted: Tensor = self.task.predictions(logits.double())
        return predicted.cpu().numpy(), there.cpu().numpy()
