"""Explain sequences with a classifier: the one entrance to attributions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from dnasweep.attribution.attribution import Attribution
from dnasweep.attribution.estimators import ESTIMATORS
from dnasweep.attribution.game import Block, Game
from dnasweep.attribution.mutagenesis import effects_of, token_sums
from dnasweep.attribution.references import mask_references, shuffled_references
from dnasweep.attribution.settings import ESTIMATORS_WITHOUT_REFERENCE, ExplainConfig
from dnasweep.attribution.values import NotFiniteError, class_names, target_index
from dnasweep.data.negatives import dinucleotide_shuffle
from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.encoder.precision import Precision, best_device, resolve_precision
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.tasks.calls import call_classes
from dnasweep.tokens.encoded import Encoded
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer

SEQUENCES_AT_ONCE = 64
"""Sequences a block: enough to fill batches in lock-step, little memory for their tables."""


def _alike(counts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield rows of one token count each, as many as make a block."""
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        for start in range(0, len(rows), SEQUENCES_AT_ONCE):
            yield rows[start : start + SEQUENCES_AT_ONCE]


class Explainer:
    """Attributions of a classifier's output to the tokens of sequences.

    What is explained is the output for the strand given, also where the model calls by the mean of
    both strands: tokens of the other strand are others, and have attributions of their own.

    Parameters
    ----------
    model
        Directory of a classifier with its tokenizer, or the classifier itself (on the CPU
        or a GPU; used in evaluation mode), together with `tokenizer`.
    config
        What to explain and how.
    tokenizer
        The model's; None loads the one in the directory.
    batch_rows
        Most variants a forward pass; None finds it. It never changes a value beyond rounding.
    device
        Default: the GPU where there is one.

    Raises
    ------
    InputError
        When the directory holds no classifier, the tokenizer no mask token, or the class named is
        none of the model's.
    """

    def __init__(
        self,
        model: PreTrainedModel | str | Path,
        config: ExplainConfig | None = None,
        *,
        tokenizer: DnaTokenizer | None = None,
        batch_rows: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        self.config = ExplainConfig() if config is None else config
        if not isinstance(model, PreTrainedModel):
            tokenizer = load_tokenizer(Path(model)) if tokenizer is None else tokenizer
            model = load_classifier(model)
        if tokenizer is None:
            raise ValueError("a model without its directory needs its tokenizer")
        self.tokenizer = tokenizer
        self.names = class_names(model.config)
        target = target_index(self.names, self.config.target)
        self.target = self.names[target]
        self.capacity = capacity(model.config.to_dict())
        place = best_device() if device is None else torch.device(device)
        torch.nn.Module.to(model, place).eval().requires_grad_(False)
        self.game = Game(model, target=target, value=self.config.value, batch_rows=batch_rows)
        self.game.precision = self._resolve_precision(place)

    def explain(self, sequences: Sequence[str]) -> list[Attribution]:
        """Return the attribution of each sequence, in their order.

        Raises
        ------
        InputError
            When a sequence has no token or more than the model holds (row counted from 1), the
            budget is too small for the estimator, or a value or attribution is not a number.
        """
        encoded = self.tokenizer.encode(list(sequences))
        counts = np.diff(encoded.offsets)
        self._check(counts)
        found: list[Attribution | None] = [None] * len(sequences)
        for part in _alike(counts):
            names = [sequences[row] for row in part]
            try:
                explained = self._explain(names, encoded, part)
            except NotFiniteError as error:
                row = int(part[error.position]) + 1
                raise InputError(error.reason, row=row, remedy=error.remedy) from None
            for row, one in zip(part, explained, strict=True):
                one.check_finite(int(row))
                found[row] = one
        return [one for one in found if one is not None]

    def values(
        self, sequences: Sequence[str], masks: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.float64]]:
        """Return the value of each sequence with some of its tokens alone, (rows,) each.

        Parameters
        ----------
        sequences
            May name one several times.
        masks
            For each the tokens kept, (rows, tokens).

        Raises
        ------
        InputError
            As :meth:`explain`.
        """
        encoded = self.tokenizer.encode(list(sequences))
        counts = np.diff(encoded.offsets)
        self._check(counts)
        found: list[NDArray[np.float64]] = [np.empty(0)] * len(sequences)
        for part in _alike(counts):
            ids = np.stack(
                [encoded.ids[encoded.offsets[row] : encoded.offsets[row + 1]] for row in part]
            )
            block = self._block([sequences[row] for row in part], ids.astype(np.int64))
            sizes = [len(masks[row]) for row in part]
            values = block.values(
                np.repeat(np.arange(len(part)), sizes),
                np.concatenate([masks[row] for row in part]),
            )
            for row, one in zip(part, np.split(values, np.cumsum(sizes)[:-1]), strict=True):
                found[row] = one
        return found

    def _explain(
        self, sequences: list[str], encoded: Encoded, rows: NDArray[np.int64]
    ) -> list[Attribution]:
        ids, starts, ends = (
            np.stack([array[encoded.offsets[row] : encoded.offsets[row + 1]] for row in rows])
            for array in (encoded.ids, encoded.starts, encoded.ends)
        )
        if self.config.estimator == "in_silico_mutagenesis":
            mutated = [
                self._mutate(*one) for one in zip(sequences, ids, starts, ends, strict=True)
            ]
            return self._with_calls(mutated, sequences)
        block = self._block(sequences, ids.astype(np.int64))
        generators = [self._generator(sequence, "masks") for sequence in sequences]
        found = ESTIMATORS[self.config.estimator](block, self.config, generators)
        explained = [
            Attribution(
                token_ids=ids[i, 1:-1],
                starts=starts[i, 1:-1],
                ends=ends[i, 1:-1],
                phi=found.phi[i],
                standard_error=found.error[i],
                full=float(found.full[i]),
                empty=float(found.empty[i]),
                num_evals=int(found.num_evals[i]) * block.cost,
                anchor=None if found.anchors is None else found.anchors[i],
            )
            for i in range(len(rows))
        ]
        return self._with_calls(explained, sequences)

    def _with_calls(self, found: list[Attribution], sequences: list[str]) -> list[Attribution]:
        """Return attributions with the model's own call of each sequence, as predictions have it."""
        probabilities = predict_probabilities(
            self.game.model,
            self.tokenizer,
            sequences,
            batch_size=self.game.rows_a_batch(len(found[0].phi) + 2),
            device=self.game.device,
            dtype=self.game.precision,
        )
        called = call_classes(probabilities, self.game.threshold) == self.game.target
        return [replace(one, called=bool(c)) for one, c in zip(found, called, strict=True)]

    def _mutate(
        self,
        sequence: str,
        ids: NDArray[np.int32],
        starts: NDArray[np.int32],
        ends: NDArray[np.int32],
    ) -> Attribution:
        full, effects = effects_of(self.game, self.tokenizer, sequence)
        phi = token_sums(effects, starts[1:-1], ends[1:-1])
        return Attribution(
            token_ids=ids[1:-1],
            starts=starts[1:-1],
            ends=ends[1:-1],
            phi=phi,
            standard_error=np.full(len(phi), np.nan),
            full=full,
            empty=float("nan"),
            num_evals=1 + 3 * int((~np.isnan(effects[:, 0])).sum()),
            effects=effects,
        )

    def _block(self, sequences: list[str], ids: NDArray[np.int64]) -> Block:
        reference = self.config.reference
        if reference == "deletion" or self.config.estimator in ESTIMATORS_WITHOUT_REFERENCE:
            return Block.open(self.game, ids, None)
        if reference == "mask":
            return Block.open(self.game, ids, mask_references(ids, self.tokenizer.mask_id))
        copies = []
        for sequence in sequences:
            rng = self._generator(sequence, "shuffles")
            shuffled = [
                dinucleotide_shuffle(sequence, rng) for _ in range(self.config.num_shuffles)
            ]
            tokens = self.tokenizer.encode(shuffled)
            cuts = zip(tokens.offsets, tokens.offsets[1:], strict=False)
            copies.append([tokens.ids[first + 1 : last - 1] for first, last in cuts])
        return Block.open(self.game, ids, shuffled_references(ids, copies))

    def _generator(self, sequence: str, purpose: str) -> np.random.Generator:
        """Return the generator that belongs to a sequence, wherever and whenever it is explained."""
        digest = hashlib.blake2b(f"{purpose}:{sequence}".encode(), digest_size=16).digest()
        return np.random.default_rng([self.config.seed, *np.frombuffer(digest, np.uint32)])

    def _check(self, counts: NDArray[np.int64]) -> None:
        for wrong, reason, remedy in (
            (counts > self.capacity, f"more tokens than the model's {self.capacity}",
             "Shorten it with --crop, or use a model trained on longer ones."),
            (counts <= 2, "no token to explain", "Leave it out."),
        ):  # fmt: skip
            if wrong.any():
                row = int(np.argmax(wrong))
                raise InputError(f"the sequence has {reason}", row=row + 1, remedy=remedy)

    def _resolve_precision(self, place: torch.device) -> Precision:
        """Return bf16 where it is wanted and holds the bound on sequences drawn for the purpose.

        They depend on the model alone, so every worker of a job decides alike.
        """
        wanted = resolve_precision(self.config.precision, place)
        if wanted == "fp32" or self.config.precision == "bf16":
            return wanted
        if not self.tokenizer.has_mask:
            return "fp32"
        rng = np.random.default_rng(0)
        probes = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(16)]
        ids = np.stack([self.tokenizer.encode([probe]).ids[:8] for probe in probes]).astype(
            np.int64
        )
        block = Block.open(self.game, ids, mask_references(ids, self.tokenizer.mask_id))
        masks = rng.random((256, block.num_players)) < rng.random((256, 1))
        masks[:2] = [[False], [True]]
        rows = np.arange(256) % 16
        exact = block.values(rows, masks)
        self.game.precision = "bf16"
        rounded = Block.open(self.game, ids, block.references).values(rows, masks)
        error = np.abs(rounded - exact).max() / np.ptp(exact)
        return "bf16" if error <= self.config.precision_bound else "fp32"
