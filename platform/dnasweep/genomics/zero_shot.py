"""Zero-shot variant scores: the log-likelihood ratio of a language model.

For a masked language model, the tokens that differ between the two alleles of a window are masked, all at once, and
the model predicts them: the ratio is the sum of their log probabilities with ALT minus that with REF
(nats), averaged over windows and strands. With single-base tokens it is the score of GPN (Benegas et al. 2023);
with overlapping k-mers, k tokens contain a base, and all of them are masked.

For a causal language model, the ratio is the sum of the log probabilities of all tokens of the window, each given
the tokens before it, with ALT minus that with REF, averaged likewise. A causal model reads only the bases before a
base, so the two strands show it different sides.

Only alleles of equal length have a ratio: an indel shifts all bases downstream, and the different
tokens there would outweigh the changed bases.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from dnasweep.devices import read_together, to_device
from dnasweep.errors import InputError
from dnasweep.genomics.allele_windows import Allele, Pair, numbered, pairs
from dnasweep.genomics.sequence_values import BatchModel, batches, check_finite
from dnasweep.models.encoder.forward import masked_logits, token_logits
from dnasweep.models.encoder.precision import autocast
from dnasweep.models.families.registry import family_of
from dnasweep.models.pretrained.checkpoint import load_causal_lm, load_masked_lm
from dnasweep.models.pretrained.heads import kind_of
from dnasweep.models.pretrained.smoke_test import reads_ahead


class MaskedWindow(NamedTuple):
    """A window with some tokens masked, and the original tokens."""

    ids: NDArray[np.int64]
    """Token ids, with masks."""
    positions: NDArray[np.int64]
    """Positions of the masks."""
    tokens: NDArray[np.int64]
    """Ids of the masked tokens."""


class LanguageModel(BatchModel):
    """A language model with its tokenizer; parameters as in :class:`BatchModel`."""

    @abstractmethod
    def log_likelihoods(self, windows: Sequence[Pair]) -> NDArray[np.float64]:
        """Return the log probability of either allele of each window, (windows, 2).

        Parameters
        ----------
        windows
            Windows with either allele; terms common to both alleles may be left out.
        """

    def ratios(
        self,
        alleles: Sequence[Allele],
        *,
        window: int,
        shifts: Sequence[int] = (),
        names: Sequence[str] = (),
    ) -> NDArray[np.float64]:
        """Return the log-likelihood ratio of each variant, ALT over REF (nats); nan for indels.

        Parameters
        ----------
        alleles
            The variants.
        window, shifts
            Length of a window in bases, and numbers of bases by which further windows are shifted.
        names
            Names of the alleles in messages. Default: their numbers.
        """
        found = np.full(len(alleles), np.nan)
        rows = [i for i, one in enumerate(alleles) if len(one.ref) == len(one.alt)]
        if not rows:
            return found
        windows: list[Pair] = []
        for i in rows:
            for strand in (alleles[i], alleles[i].reverse_complement()):
                windows += pairs(strand, window=window, shifts=shifts)
        likely = self.log_likelihoods(windows)
        ratios = (likely[:, 1] - likely[:, 0]).reshape(len(rows), -1).mean(1)
        called = names or [numbered(row) for row in range(len(alleles))]
        check_finite(ratios, "likelihood ratios", lambda row: called[rows[row]])
        found[rows] = ratios
        return found


class ZeroShot(LanguageModel):
    """A masked language model."""

    load = staticmethod(load_masked_lm)

    def log_likelihoods(self, windows: Sequence[Pair]) -> NDArray[np.float64]:
        """Return the log probability of the masked tokens of either allele, (windows, 2).

        Parameters
        ----------
        windows
            Windows with either allele.
        """
        texts = list(dict.fromkeys(text for pair in windows for text in pair))
        index = {text: i for i, text in enumerate(texts)}
        encoded = self.tokenizer.encode(texts)
        self.check_capacity(encoded.num_tokens())
        cuts = zip(encoded.offsets, encoded.offsets[1:], strict=False)
        ids = [encoded.ids[first:last].astype(np.int64) for first, last in cuts]
        masked = [
            one
            for pair in windows
            for one in mask_difference(
                ids[index[pair.ref]], ids[index[pair.alt]], self.tokenizer.mask_id
            )
        ]
        # Alleles at one position usually differ only in the masked tokens: one forward pass for all.
        keys = [(one.ids.tobytes(), one.positions.tobytes()) for one in masked]
        inputs = dict(zip(keys, masked, strict=True))
        number = {key: i for i, key in enumerate(inputs)}
        logs = self._logs(list(inputs.values()))
        sums = [
            logs[number[key]][np.arange(len(one.tokens)), one.tokens].sum()
            for key, one in zip(keys, masked, strict=True)
        ]
        return np.array(sums).reshape(-1, 2)

    def _logs(self, inputs: Sequence[MaskedWindow]) -> list[NDArray[np.float64]]:
        """Return the log probabilities at the masked positions of each input, (masked, vocabulary)."""
        found: list[NDArray[np.float64]] = [np.empty(0)] * len(inputs)
        # Group by numbers of tokens and masks, so that every matrix product has the same shape.
        shapes = np.array([len(one.ids) << 16 | len(one.positions) for one in inputs])
        with torch.inference_mode(), autocast(self.device, self.precision):
            logs = (
                (rows, self._of_batch([inputs[row] for row in filled]))
                for rows, filled in batches(shapes, lambda shape: self.batch_size(shape >> 16))
            )
            for rows, values in read_together(logs):
                for row, log in zip(rows, values.numpy(), strict=False):
                    found[row] = log
        return found

    def _of_batch(self, part: Sequence[MaskedWindow]) -> torch.Tensor:
        """Return the log probabilities of a batch, (rows, masked, vocabulary), on the device."""
        ids = np.stack([one.ids for one in part])
        flat = np.stack([i * ids.shape[1] + one.positions for i, one in enumerate(part)])
        there, positions = (
            to_device(torch.from_numpy(array), self.device) for array in (ids, flat.ravel())
        )
        logits = masked_logits(self.model, there, None, positions)
        return logits.double().log_softmax(-1).view(*flat.shape, -1)


def _load_causal(directory: Path) -> Any:
    """Return a causal language model, refusing one whose predictions are no likelihoods."""
    model = load_causal_lm(directory)
    # What HyenaDNA reads is known from its settings (`variant_models.open_model`).
    if family_of(model.config.to_dict()) is None and reads_ahead(model):
        raise InputError(
            "what it predicts of a base has read that base or later ones already, and is no likelihood",
            file=directory,
            remedy="If it was pretrained by masking tokens, name its class for them (...ForMaskedLM) in "
            "config.json; else fine-tune it and score variants with the classifier.",
        )
    return model


class CausalZeroShot(LanguageModel):
    """A causal language model."""

    load = staticmethod(_load_causal)

    def log_likelihoods(self, windows: Sequence[Pair]) -> NDArray[np.float64]:
        """Return the log probability of all tokens of either allele, (windows, 2).

        The first token has no probability if rows do not begin with a special token, and the token that ends
        a row is left out because DNA continues after a window.

        Parameters
        ----------
        windows
            Windows with either allele.
        """
        texts = list(dict.fromkeys(text for pair in windows for text in pair))
        encoded = self.tokenizer.encode(texts)
        counts = encoded.num_tokens()
        self.check_capacity(counts)
        first = 1 if self.tokenizer.has_first else 2
        found = np.empty(len(texts))
        with torch.inference_mode(), autocast(self.device, self.precision):
            sums = (
                (
                    rows,
                    self._of_batch(
                        encoded.ids[encoded.offsets[filled][:, None] + np.arange(counts[rows[0]])],
                        first,
                    ),
                )
                for rows, filled in batches(counts, self.batch_size)
            )
            for rows, values in read_together(sums):
                found[rows] = values.numpy()[: len(rows)]
        value = dict(zip(texts, found, strict=True))
        return np.array([[value[pair.ref], value[pair.alt]] for pair in windows])

    def _of_batch(self, tokens: NDArray[np.integer[Any]], first: int) -> torch.Tensor:
        """Return the log probability of each row from token `first` on, (rows,), on the device."""
        ids = to_device(torch.from_numpy(tokens.astype(np.int64)), self.device)
        logs = token_logits(self.model, ids)[:, first - 1 : -2].double().log_softmax(-1)
        return logs.gather(2, ids[:, first:-1, None])[..., 0].sum(1)


def open_language_model(directory: Path, **options: Any) -> LanguageModel:
    """Return the language model in a directory, masked or causal.

    Parameters
    ----------
    directory
        Directory of the model with its tokenizer.
    **options
        `batch_rows`, `device` and `precision` of :class:`BatchModel`.
    """
    causal = kind_of(directory).head == "causal"
    return (CausalZeroShot if causal else ZeroShot)(directory, **options)


def mask_difference(
    ref: NDArray[np.int64], alt: NDArray[np.int64], mask_id: int
) -> tuple[MaskedWindow, MaskedWindow]:
    """Mask the tokens of two encodings from the first to the last in which they differ.

    Parameters
    ----------
    ref, alt
        Token ids of a window with either allele, (tokens,) each.
    mask_id
        Id of the mask token.
    """
    short = min(len(ref), len(alt))
    same = ref[:short] == alt[:short]
    first = short if same.all() else int(np.argmin(same))
    ends = ref[::-1][:short] == alt[::-1][:short]
    num_after = min(short if ends.all() else int(np.argmin(ends)), short - first)
    parts = []
    for ids in (ref, alt):
        positions = np.arange(first, len(ids) - num_after)
        masked = ids.copy()
        masked[positions] = mask_id
        parts.append(MaskedWindow(masked, positions, ids[positions]))
    return parts[0], parts[1]
