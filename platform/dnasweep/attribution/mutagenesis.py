"""In-silico mutagenesis: every base of a sequence is mutated to each of the other three.

A mutated sequence is tokenised again. If tokens depend on their context, a mutation may change the tokens of
the whole sequence, as it would in a mutated genome.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dnasweep.attribution.attribution import mean_loss
from dnasweep.attribution.block import Estimates
from dnasweep.attribution.explained_model import ExplainedModel, Logits
from dnasweep.devices import to_device
from dnasweep.errors import InputError
from dnasweep.formats.bases import UNKNOWN, encode
from dnasweep.models.encoder.bases import Spans, spans_of
from dnasweep.models.encoder.capacity import capacity
from dnasweep.tokens.tokenizers import DnaTokenizer

LETTERS = "ACGT"
BASES_AT_ONCE = 1 << 21
"""Maximum number of bases of mutated sequences in memory at once."""


def in_silico_mutagenesis(
    model: ExplainedModel,
    tokenizer: DnaTokenizer,
    sequences: Sequence[str],
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
) -> Estimates:
    """Mutate every base of every sequence; a token's value is the sum of the mean losses of its bases.

    Parameters
    ----------
    model, tokenizer
        The model and its tokenizer.
    sequences
        Sequences with the same number of tokens.
    starts, ends
        First base of each token, and one past its last, (sequences, tokens).
    """
    found = [_effects(model, tokenizer, sequence) for sequence in sequences]
    phi = np.zeros(starts.shape)
    for row, (_, effects) in enumerate(found):
        total = np.concatenate([[0.0], mean_loss(effects).cumsum()])
        phi[row] = total[ends[row]] - total[starts[row]]
    return Estimates(
        phi,
        standard_error=np.full(phi.shape, np.nan),
        prediction=np.array([prediction for prediction, _ in found]),
        base_value=np.full(len(phi), np.nan),
        num_evals=np.array([1 + 3 * int((~np.isnan(e[:, 0])).sum()) for _, e in found]),
        effects=[effects for _, effects in found],
    )


def _effects(
    model: ExplainedModel, tokenizer: DnaTokenizer, sequence: str
) -> tuple[float, NDArray[np.float64]]:
    """Return the output for a sequence, and the effects of mutations as in `Attribution.effects`."""
    codes = encode(sequence)
    effects = np.full((len(sequence), len(LETTERS)), np.nan)
    known = codes != UNKNOWN
    effects[known, codes[known]] = 0.0
    mutations = np.argwhere(known[:, None] & np.isnan(effects))
    prediction = float(_outputs(model, tokenizer, [sequence])[0])
    at_once = max(1, BASES_AT_ONCE // max(1, len(sequence)))
    for start in range(0, len(mutations), at_once):
        part = mutations[start : start + at_once]
        mutated = [
            sequence[:position] + LETTERS[letter] + sequence[position + 1 :]
            for position, letter in part.tolist()
        ]
        effects[part[:, 0], part[:, 1]] = _outputs(model, tokenizer, mutated) - prediction
    return prediction, effects


def _outputs(
    model: ExplainedModel, tokenizer: DnaTokenizer, sequences: Sequence[str]
) -> NDArray[np.float64]:
    """Return the outputs for whole sequences, (sequences,); equal token counts are computed together."""
    encoded = tokenizer.encode(list(sequences))
    counts = np.diff(encoded.offsets)
    limit = capacity(model.classifier.config.to_dict())
    if counts.max(initial=0) > limit:
        raise InputError(
            f"a mutated sequence has {counts.max()} tokens, more than the model's {limit}",
            remedy="Shorten the sequences with --crop, or use a model trained on longer ones.",
        )
    values = np.empty(len(sequences))
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        places = encoded.offsets[rows][:, None] + np.arange(count)
        ids = to_device(torch.from_numpy(encoded.ids[places].astype(np.int64)), model.device)
        spans = None
        if model.of_places:
            spans = spans_of(encoded, places, model.device)

        def logits(part: slice, ids: torch.Tensor = ids, spans: Spans | None = spans) -> Logits:
            return model.logits_of(ids[part], None if spans is None else spans.of(part))

        values[rows] = model.evaluate(len(rows), int(count), logits)
    return values
