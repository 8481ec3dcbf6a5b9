"""Log odds of a classifier for many short sequences, each computed once.

Sequences are compared as text, so a window shared by several alleles is encoded and computed once. All
sequences in a batch have the same number of tokens, and every batch has the same number of sequences; it is
padded with copies. Matrix products therefore always have the same shape, and a value is identical to the bit
whatever the other sequences, their order and the shard size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from dnasweep.attribution.explained_model import class_value
from dnasweep.attribution.targets import class_names, read_target
from dnasweep.devices import read_together, to_device
from dnasweep.errors import InputError
from dnasweep.genomics.allele_windows import numbered
from dnasweep.models.encoder.bases import Spans, place_logits, spans_of
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.encoder.many_rows import forward_of, rows_per_batch
from dnasweep.models.encoder.precision import Precision, autocast
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.tasks.objective import Output
from dnasweep.tasks.registry import task_of_model
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.loading import load_tokenizer


class BatchModel:
    """A model with its tokenizer, which computes batches of a fixed number of rows.

    Parameters
    ----------
    directory
        Directory of the model with its tokenizer.
    batch_rows
        Number of sequences per forward pass; None: chosen by their number of tokens.
    device, precision
        Device and precision of the model.
    """

    load: Callable[[Path], PreTrainedModel]
    """Function that loads a model of this kind from its directory."""
    if_too_long = "Use the --window that the model was trained on, or a smaller one."
    """Remedy for a sequence with more tokens than the model has positions."""

    def __init__(
        self,
        directory: Path,
        *,
        batch_rows: int | None = None,
        device: str = "cpu",
        precision: Precision = "fp32",
    ) -> None:
        self.tokenizer = load_tokenizer(directory)
        self.device, self.precision = torch.device(device), precision
        self.batch_rows = batch_rows
        self.model = torch.nn.Module.to(self.load(directory), self.device).eval()

    def batch_size(self, num_tokens: int) -> int:
        """Return the number of rows of `num_tokens` tokens in a forward pass."""
        settings = self.model.config.to_dict()
        return self.batch_rows or rows_per_batch(num_tokens, self.device, settings)

    def check_capacity(self, counts: NDArray[np.int64]) -> None:
        """Raise :class:`InputError` if a row has more tokens than the model has positions."""
        positions, most = capacity(self.model.config.to_dict()), counts.max(initial=0)
        if most > positions:
            raise InputError(
                f"a window has {most} tokens, but the model has {positions} positions",
                remedy=self.if_too_long,
            )


class SequenceValues(BatchModel):
    """A model that computes the log odds of one class, or the output that its task explains.

    Parameters
    ----------
    directory
        Directory of a classifier with its tokenizer.
    target
        Name of the class.
    **options
        `batch_rows`, `device` and `precision` of :class:`BatchModel`.
    """

    load = staticmethod(load_classifier)

    def __init__(self, directory: Path, *, target: str, **options: Any) -> None:
        super().__init__(directory, **options)
        self.forward = forward_of(self.model, self.precision)
        self.task = task_of_model(self.model.config.to_dict())
        names = class_names(self.model.config.id2label, least=self.task.least_outputs)
        self.target, self.place = read_target(names, target, task=self.task)

    def log_odds(
        self, sequences: Sequence[str], *, name: Callable[[int], str] = numbered
    ) -> NDArray[np.float64]:
        """Return the log odds (nats) of the class against all others, (sequences,); for models without classes,
        the output of :meth:`~dnasweep.tasks.explained.Explained.explained` for the target.

        They are computed from the logits and are therefore finite even if a probability rounds to 0 or 1.

        Parameters
        ----------
        sequences
            The sequences, in any order; equal ones are computed once.
        name
            Function that returns the name of sequence i in messages.
        """
        unique = list(dict.fromkeys(sequences))
        index = {text: i for i, text in enumerate(unique)}
        encoded = self.tokenizer.encode(unique)
        found = self.of_tokens(
            encoded.ids,
            encoded.offsets,
            name=lambda row: name(sequences.index(unique[row])),
            corpus=encoded,
        )
        return found[[index[text] for text in sequences]]

    def of_tokens(
        self,
        ids: NDArray[np.integer[Any]],
        offsets: NDArray[np.int64],
        *,
        name: Callable[[int], str] = numbered,
        corpus: Corpus | None = None,
    ) -> NDArray[np.float64]:
        """Return the log odds (nats) of the class for rows of tokens, (rows,).

        Parameters
        ----------
        ids
            Token ids of all rows, one after the other.
        offsets
            Row i is `ids[offsets[i] : offsets[i + 1]]`.
        name
            Function that returns the name of row i in messages.
        corpus
            The rows with the bases of their tokens, needed by models of bases and bins.

        Raises
        ------
        InputError
            For a row with more tokens than the model has positions, and for odds that are not finite.
        """
        counts = np.diff(offsets)
        self.check_capacity(counts)
        found = np.empty(len(counts))
        with torch.inference_mode(), autocast(self.device, self.precision):
            odds = (
                (
                    rows,
                    self._odds(ids, offsets[filled][:, None] + np.arange(counts[rows[0]]), corpus),
                )
                for rows, filled in batches(counts, self.batch_size)
            )
            for rows, values in read_together(odds):
                found[rows] = values.numpy()[: len(rows)]
        check_finite(found, "log odds", name)
        return found

    def _odds(
        self, ids: NDArray[np.integer[Any]], index: NDArray[np.int64], corpus: Corpus | None
    ) -> torch.Tensor:
        """Return the log odds of a batch of rows of tokens, (rows,), on the device."""
        tokens = to_device(torch.from_numpy(ids[index].astype(np.int64)), self.device)
        if corpus is not None and self.task.place:
            return self._of_places(tokens, spans_of(corpus, index, self.device))
        return class_value(self.forward(tokens, None), self.target, "log_odds", self.task)

    def _of_places(self, tokens: torch.Tensor, spans: Spans) -> torch.Tensor:
        """Return the explained output for rows of a model of bases or bins, (rows,)."""
        logits, there = place_logits(self.model, tokens, None, spans)
        return self.task.explained(logits, Output(self.target, place=self.place), there)


def check_finite(
    values: NDArray[np.float64], what: str, name: Callable[[int], str] = numbered
) -> None:
    """Raise :class:`InputError` with the name of the first row whose value is not finite.

    Parameters
    ----------
    values
        (rows,).
    what
        Name of the values, in the plural.
    name
        Function that returns the name of row i in messages.
    """
    wrong = ~np.isfinite(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"the model's {what} of {name(row)} are {values[row]}, {int(wrong.sum()):,} of {len(values):,} "
            "are no numbers",
            remedy="Use --precision fp32, or another model.",
        )


def batches(
    counts: NDArray[np.int64], batch_size: Callable[[int], int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield rows with equal counts, and the same rows padded with the first to `batch_size(count)`."""
    for count in np.unique(counts).tolist():
        rows = np.flatnonzero(counts == count)
        size = batch_size(count)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield part, np.concatenate([part, np.repeat(part[:1], size - len(part))])
