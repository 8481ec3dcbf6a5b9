"""Explain sequences with a classifier: the single entry point to attributions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from dnasweep.attribution.attribution import Attribution
from dnasweep.attribution.block import Block
from dnasweep.attribution.checks import check_estimator_reads
from dnasweep.attribution.estimators import ESTIMATORS
from dnasweep.attribution.explained_model import ExplainedModel, NotFiniteError
from dnasweep.attribution.interactions import pair_interactions
from dnasweep.attribution.mutagenesis import in_silico_mutagenesis
from dnasweep.attribution.references import mask_references, shuffled_references
from dnasweep.attribution.settings import ESTIMATORS_WITHOUT_REFERENCE, ExplainConfig
from dnasweep.attribution.targets import against_index, class_names, read_target
from dnasweep.data.negatives import dinucleotide_shuffle
from dnasweep.devices import best_device
from dnasweep.errors import InputError
from dnasweep.models.encoder.bases import Spans, spans_of
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.encoder.precision import Precision, precision_on_device
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import open_classifier
from dnasweep.tasks.registry import task_of_model
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.tokenizers import DnaTokenizer

SEQUENCES_AT_ONCE = 64
"""Sequences in a block: enough to fill batches together, with little memory for their tables."""


class Explainer:
    """Attributions of a classifier's output to the tokens of sequences.

    The output for the given strand is explained, even if the model's calls average both strands: the
    other strand has different tokens with separate attributions.

    Parameters
    ----------
    model
        Directory of a classifier with its tokenizer, or the classifier itself (on the CPU
        or a GPU; used in evaluation mode), together with `tokenizer`.
    config
        What to explain and how.
    tokenizer
        Tokenizer of the model; None loads the one in the directory.
    batch_rows
        Maximum number of rows in a forward pass; None determines it automatically. It changes values
        only by rounding.
    device
        Device. Default: the GPU, if there is one.

    Raises
    ------
    InputError
        If the directory has no classifier, the tokenizer no mask token, or the model no class with
        the given name.
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
        model, self.tokenizer = open_classifier(model, tokenizer)
        task = task_of_model(model.config.to_dict())
        check_estimator_reads(task, self.config)
        self.names = class_names(model.config.id2label, least=task.least_outputs)
        target = read_target(self.names, self.config.target, task=task)
        self.target, self.of_place = target.name(self.names), target.suffix
        self.least_bases = target.least_bases(task)
        against = self.config.against
        self.capacity = capacity(model.config.to_dict())
        there = best_device() if device is None else torch.device(device)
        torch.nn.Module.to(model, there).eval().requires_grad_(False)
        self.model = ExplainedModel(
            model,
            target=target.output,
            value=task.value(self.config.value, target.place),
            against=None if against is None else against_index(self.names, target.output, against),
            place=target.place,
            batch_rows=batch_rows,
        )
        self.model.precision = self._settle_precision(there)

    def explain(self, sequences: Sequence[str]) -> list[Attribution]:
        """Return the attribution of each sequence, in their order.

        Raises
        ------
        InputError
            If a sequence has no token or more tokens than the model allows (row counted from 1), if
            the budget is too small for the estimator, or if a value or attribution is not finite.
        """
        encoded = self.tokenizer.encode(list(sequences))
        found: dict[int, Attribution] = {}
        for rows in self._blocks(encoded):
            names = [sequences[row] for row in rows]
            try:
                explained = self._explain(names, encoded, rows)
            except NotFiniteError as error:
                row = int(rows[error.position]) + 1
                raise InputError(error.reason, row=row, remedy=error.remedy) from None
            for row, one in zip(rows.tolist(), explained, strict=True):
                one.check_finite(row)
                found[row] = one
        return [found[row] for row in range(len(sequences))]

    def values(
        self, sequences: Sequence[str], masks: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.float64]]:
        """Return the model's output for each sequence with only some of its tokens, (rows,) each.

        Parameters
        ----------
        sequences
            May contain a sequence several times.
        masks
            Tokens that each row keeps, shape (rows, tokens).

        Raises
        ------
        InputError
            As in :meth:`explain`.
        """
        encoded = self.tokenizer.encode(list(sequences))
        found: dict[int, NDArray[np.float64]] = {}
        for rows in self._blocks(encoded):
            ids = _by_token(encoded.ids, encoded, rows)
            block = self._block(
                [sequences[row] for row in rows], ids.astype(np.int64), self._spans(encoded, rows)
            )
            parts = block.values_of_each(range(len(rows)), [masks[row] for row in rows])
            found.update(zip(rows.tolist(), parts, strict=True))
        return [found[row] for row in range(len(sequences))]

    def _blocks(self, encoded: Corpus) -> Iterator[NDArray[np.int64]]:
        """Check all rows, then yield blocks of rows with the same number of tokens."""
        counts = np.diff(encoded.offsets)
        for wrong, reason, remedy in (
            (counts > self.capacity, f"more tokens than the model's {self.capacity}",
             "Shorten it with --crop, or use a model trained on longer ones."),
            (counts <= 2, "no token to explain", "Leave it out."),
            (encoded.num_bases() < self.least_bases,
             f"fewer than the {self.least_bases:,} bases that the explained output needs",
             "Explain another base, or give sequences as long as those in training."),
        ):  # fmt: skip
            if wrong.any():
                row = int(np.argmax(wrong))
                raise InputError(f"the sequence has {reason}", row=row + 1, remedy=remedy)
        for count in np.unique(counts):
            rows = np.flatnonzero(counts == count)
            for start in range(0, len(rows), SEQUENCES_AT_ONCE):
                yield rows[start : start + SEQUENCES_AT_ONCE]

    def _explain(
        self, sequences: list[str], encoded: Corpus, rows: NDArray[np.int64]
    ) -> list[Attribution]:
        ids = _by_token(encoded.ids, encoded, rows)
        starts, ends = (
            _by_token(array, encoded, rows)[:, 1:-1] for array in (encoded.starts, encoded.ends)
        )
        cost, pairs = 1, None
        if self.config.estimator == "in_silico_mutagenesis":
            found = in_silico_mutagenesis(self.model, self.tokenizer, sequences, starts, ends)
        else:
            block = self._block(sequences, ids.astype(np.int64), self._spans(encoded, rows))
            generators = [self._generator(sequence, "masks") for sequence in sequences]
            found = ESTIMATORS[self.config.estimator](block, self.config, generators)
            cost = block.cost
            if self.config.interactions:
                generators = [self._generator(sequence, "interactions") for sequence in sequences]
                pairs = pair_interactions(block, self.config, generators)
        # The model's own call of each sequence, as in predictions.
        probabilities = predict_probabilities(
            self.model.classifier,
            self.tokenizer,
            sequences,
            batch_size=self.model.batch_size(ids.shape[1]),
            device=self.model.device,
            dtype=self.model.precision,
        )
        called = self.model.called(probabilities)
        return [
            Attribution(
                token_ids=ids[i, 1:-1],
                starts=starts[i],
                ends=ends[i],
                phi=found.phi[i],
                standard_error=found.standard_error[i],
                prediction=float(found.prediction[i]),
                base_value=float(found.base_value[i]),
                num_evals=(int(found.num_evals[i]) + (pairs[i].num_evals if pairs else 0)) * cost,
                called=bool(called[i]),
                effects=None if found.effects is None else found.effects[i],
                anchor=None if found.anchors is None else found.anchors[i],
                interactions=pairs[i] if pairs else None,
            )
            for i in range(len(rows))
        ]

    def _spans(self, encoded: Corpus, rows: NDArray[np.int64]) -> Spans | None:
        """Return the bases of tokens if the model predicts bases; all rows have equally many tokens."""
        if not self.model.of_places:
            return None
        count = int(encoded.num_tokens(rows[:1])[0])
        tokens = encoded.offsets[rows][:, None] + np.arange(count)
        return spans_of(encoded, tokens, self.model.device)

    def _block(self, sequences: list[str], ids: NDArray[np.int64], spans: Spans | None) -> Block:
        reference = self.config.reference
        if reference == "deletion" or self.config.estimator in ESTIMATORS_WITHOUT_REFERENCE:
            return Block.of(self.model, ids, None, spans)
        if reference == "mask":
            references = mask_references(ids, self.tokenizer.mask_id)
            return Block.of(self.model, ids, references, spans)
        copies = []
        for sequence in sequences:
            rng = self._generator(sequence, "shuffles")
            shuffled = [
                dinucleotide_shuffle(sequence, rng) for _ in range(self.config.num_shuffles)
            ]
            tokens = self.tokenizer.encode(shuffled)
            limits = zip(tokens.offsets, tokens.offsets[1:], strict=False)
            copies.append([tokens.ids[first + 1 : last - 1] for first, last in limits])
        return Block.of(self.model, ids, shuffled_references(ids, copies), spans)

    def _generator(self, sequence: str, purpose: str) -> np.random.Generator:
        """Return the random generator of a sequence, the same wherever and whenever it is explained."""
        digest = hashlib.blake2b(f"{purpose}:{sequence}".encode(), digest_size=16).digest()
        return np.random.default_rng([self.config.seed, *np.frombuffer(digest, np.uint32)])

    def _settle_precision(self, device: torch.device) -> Precision:
        """Return bf16 if it is allowed and stays within its error bound on random sequences.

        The sequences depend only on the model, so all workers of a job make the same choice.
        """
        wanted = precision_on_device(self.config.precision, device)
        if wanted == "fp32" or self.config.precision == "bf16":
            return wanted
        # The random sequences need not contain the base that is explained.
        if self.model.of_places or not self.tokenizer.has_mask:
            return "fp32"
        rng = np.random.default_rng(0)
        probes = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(16)]
        ids = np.stack([self.tokenizer.encode([probe]).ids[:8] for probe in probes]).astype(
            np.int64
        )
        block = Block.of(self.model, ids, mask_references(ids, self.tokenizer.mask_id))
        masks = rng.random((256, block.num_tokens)) < rng.random((256, 1))
        masks[:2] = [[False], [True]]
        rows = np.arange(256) % 16
        exact = block.values(rows, masks)
        self.model.precision = "bf16"
        rounded = Block.of(self.model, ids, block.references).values(rows, masks)
        error = np.abs(rounded - exact).max() / np.ptp(exact)
        return "bf16" if error <= self.config.precision_bound else "fp32"


def _by_token(array: NDArray, encoded: Corpus, rows: NDArray[np.int64]) -> NDArray:
    """Return the part of a flat array for some rows with equal token counts, (rows, tokens)."""
    return np.stack([array[encoded.offsets[row] : encoded.offsets[row + 1]] for row in rows])
