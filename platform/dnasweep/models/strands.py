"""The two strands of DNA: which ones a classifier uses for training and for calls.

Most regulatory elements of transcription work on both strands, so a sequence and its reverse
complement are two views of the same element. The reverse complement is tokenised separately: its
tokens are not simply those of the sequence in reverse order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dnasweep.tokens.alphabet import other_strand
from dnasweep.tokens.corpus import Corpus, concatenate
from dnasweep.tokens.randomness import uniform

if TYPE_CHECKING:
    from torch import Tensor

_STREAM = 64
"""Makes the random draws of strands independent of those of masks."""


class StrandCorpus:
    """Rows of a corpus and their reverse complements.

    Parameters
    ----------
    corpus
        Tokenised rows of a table.
    reverse
        Tokenised reverse complements of the rows; None: not needed.
    augment
        Whether training uses each row on a strand drawn at random in each epoch.
    average
        Whether calls use the mean of both strands.
    seed
        Seed of the draws.
    """

    def __init__(
        self,
        corpus: Corpus,
        reverse: Corpus | None = None,
        *,
        augment: bool = False,
        average: bool = False,
        seed: int = 0,
    ) -> None:
        if (augment or average) and (reverse is None or len(reverse) != len(corpus)):
            raise ValueError("every row needs its reverse complement")
        self.augment, self.average, self.seed = augment, average, seed
        self.num_rows = len(corpus)
        self.corpus = corpus
        if reverse is not None:
            self.corpus = concatenate([corpus, reverse])

    def shown(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """Return the rows of :attr:`corpus` used in training for rows of the table, (n,).

        The strand depends only on row, epoch and seed, not on the batch or the worker.
        """
        if not self.augment:
            return rows
        return rows + self.num_rows * (uniform(self.seed, epoch, _STREAM, rows, 0) < 0.5)

    def called_by(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return the rows of :attr:`corpus` used in calls for rows of the table, one array per
        strand."""
        return [rows, rows + self.num_rows] if self.average else [rows]


def strands_of(sequences: Sequence[str], *, average: bool) -> list[list[str]]:
    """Return the sequences for calls: as given and, to `average`, their reverse complements."""
    own = list(sequences)
    return [own, [other_strand(sequence) for sequence in own]] if average else [own]


def mean_logits(logits: Sequence[Tensor]) -> Tensor:
    """Return the mean of the logits of each strand, (rows, classes).

    The difference of mean logits is the mean difference of logits: for two classes, the mean log
    odds.
    """
    # Imported here because a plan counts the tokens of both strands without needing torch.
    import torch

    return logits[0] if len(logits) == 1 else torch.stack(list(logits)).mean(0)
