"""The interface of training tasks, and batches of their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dnasweep.devices import is_accelerator, to_device
from dnasweep.errors import InputError
from dnasweep.models.encoder.bases import Spans
from dnasweep.models.encoder.packed import Packed, pack
from dnasweep.models.encoder.precision import Precision, autocast
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.tasks.task import Task as LearnedTask
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.masking.scheme import MaskingProgress

EVALUATION_ROWS, ACCELERATOR_ROWS = 64, 512
"""Number of rows per evaluation batch on a CPU and on an accelerator; affects only the speed."""
EVALUATION_EPOCH = -1
"""The epoch number for evaluation batches."""

Selection = tuple[str, Literal["max", "min"]]
"""A validation metric and its direction."""


class TensorBatch(NamedTuple):
    """A batch of rows as tensors, with padding only at the right end."""

    ids: Tensor
    """Token ids, (rows, tokens)."""
    attention: Tensor | None
    """True for real tokens, (rows, tokens); None without padding."""
    targets: Tensor
    """Ids of the masked tokens, (m,), or labels of rows, (rows,), or of bases, (rows, bases)."""
    positions: Tensor | None = None
    """Flat positions of the masked tokens, (m,); None for a classifier."""
    spans: Spans | None = None
    """Bases of each token, for classes of bases; None for others."""
    packed: Packed | None = None
    """Where the real tokens are; None if the model computes padding as well."""

    def to(self, device: torch.device, *, unpad: bool = False) -> TensorBatch:
        """Return the batch, which is on the CPU, on `device`.

        Parameters
        ----------
        device
            Device of the model.
        unpad
            Whether the model is to compute only real tokens if there is enough padding to gain from it.
        """
        moved = (to_device(t, device) if isinstance(t, Tensor) else t for t in self)
        batch = TensorBatch(*moved)  # type: ignore[arg-type]
        return batch._replace(
            spans=None if self.spans is None else self.spans.to(device),
            packed=pack(self.attention, device) if unpad else None,
        )


class Task:
    """A training task: rows of a corpus for training and evaluation, a loss, and metrics.

    Parameters
    ----------
    corpus
        Tokenised rows of a table.
    train_rows, validation_rows
        Row numbers of the corpus.

    Raises
    ------
    InputError
        If there are no training rows, or no validation rows for selecting the best weights.
    """

    name: str
    """`pretrain` or `finetune`."""
    selection: Selection | None
    """The validation metric that decides which weights are best, and its direction; None: the last
    weights are kept."""
    uniform_loss: float
    """Loss of guessing uniformly, in nats."""
    collapse: str = LearnedTask.collapse
    """Description of a collapsed model, in words."""

    def __init__(
        self, corpus: Corpus, *, train_rows: np.ndarray, validation_rows: np.ndarray
    ) -> None:
        self.corpus = corpus
        self.train_rows = np.asarray(train_rows, dtype=np.int64)
        self.validation_rows = np.asarray(validation_rows, dtype=np.int64)
        for name, rows in (("training", self.train_rows), ("validation", self.validation_rows)):
            if len(rows) == 0 and (name == "training" or self.selection is not None):
                raise InputError(
                    f"there is no {name} row",
                    remedy="Check the splits, the labels and the species set.",
                )
        self.lengths = corpus.num_tokens(self.train_rows)
        """Number of tokens of each training row, (n,)."""
        self.bases = corpus.num_bases(self.train_rows)
        """Number of bases of each training row, (n,)."""
        self.probabilities: np.ndarray | None = None
        """Class probabilities of the validation rows at the last evaluation, (n, classes)."""

    def batch(
        self, rows: np.ndarray, epoch: int, progress: MaskingProgress | None = None
    ) -> TensorBatch:
        """Return a batch, on the CPU; it is the same on every worker.

        Parameters
        ----------
        rows
            Row numbers of the corpus.
        epoch
            Epoch of the training, from 0.
        progress
            Progress of training, if the batch depends on it. Default: the start.
        """
        raise NotImplementedError

    def loss(self, model: Any, batch: TensorBatch) -> tuple[Tensor, Tensor]:
        """Return the sum of nats over the batch, and the weight to divide it by."""
        raise NotImplementedError

    def evaluate(
        self, model: Any, context: DistributedContext, precision: Precision = "auto"
    ) -> dict[str, float]:
        """Return the validation metrics by full name, the same on every worker.

        Parameters
        ----------
        model
            The model in its current state.
        context
            Worker group and rank of this process.
        precision
            Precision of the forward pass.
        """
        raise NotImplementedError

    def describe(self, progress: MaskingProgress) -> dict[str, float]:
        """Return further metrics by full name, for the training steps starting at `progress`."""
        return {}

    def collapsed(self, metrics: dict[str, float]) -> bool:
        """Return whether the last evaluation shows a model that has collapsed to one class."""
        return False

    def worst(self) -> dict[str, float]:
        """Return finite metrics for a model that has diverged."""
        raise NotImplementedError

    def _evaluation_batches(self, context: DistributedContext) -> Iterator[np.ndarray]:
        """Yield the indices of this worker's validation rows, grouped by similar length."""
        size = ACCELERATOR_ROWS if is_accelerator(context.device) else EVALUATION_ROWS
        order = np.argsort(self.corpus.num_tokens(self.validation_rows), kind="stable")
        batches = [order[i : i + size] for i in range(0, len(order), size)]
        yield from batches[context.rank :: context.world_size]

    def evaluate_rows(
        self,
        model: nn.Module,
        context: DistributedContext,
        precision: Precision,
        columns: int,
        measure: Callable[[np.ndarray], tuple[Tensor, np.ndarray | None]],
    ) -> np.ndarray:
        """Return the results of `measure` for each validation row, gathered from all workers.

        Parameters
        ----------
        model
            Model; temporarily put into evaluation mode.
        context
            Worker group and rank of this process.
        precision
            Precision of the forward pass.
        columns
            Total number of columns from `measure`.
        measure
            Takes indices into the validation rows and returns a tensor of float64 columns and,
            optionally, further columns that were never on the device.

        Returns
        -------
        numpy.ndarray
            (validation rows, columns), the same on every worker.
        """
        training = model.training
        model.eval()
        index, tensors, arrays = [], [], []
        with torch.inference_mode(), autocast(context.device, precision):
            for part in self._evaluation_batches(context):
                tensor, array = measure(part)
                index.append(part)
                tensors.append(tensor)
                arrays.append(np.zeros((len(part), 0)) if array is None else array)
        model.train(training)
        rows, measured = np.zeros(0, np.int64), np.zeros((0, columns))
        if index:
            rows = np.concatenate(index)
            on_device = torch.cat(tensors).cpu().numpy()
            measured = np.concatenate([on_device, np.concatenate(arrays)], axis=1)
        return context.gather_rows(rows, measured, len(self.validation_rows))


def attention_mask(lengths: np.ndarray, width: int) -> Tensor | None:
    """Return which tokens are real, (rows, width), or None without padding."""
    if int(lengths.min()) == width:
        return None
    return torch.from_numpy(np.arange(width) < np.asarray(lengths)[:, None])
