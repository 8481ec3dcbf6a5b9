"""First-order gains of substitutions, from the gradient at the embeddings of the tokens they change.

With gradient g_i of the output at the embedding of token i, changing tokens from t to u gains about the sum of
g_i (E[u_i] - E[t_i]). One backward pass thus ranks all substitutions of a sequence, and only the best ones are
evaluated exactly. Tokens must stay in place, as single bases and k-mers do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dnasweep.attribution.explained_model import class_value
from dnasweep.errors import InputError
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.models.encoder.capacity import tokens_at_once

MOVED = "so a gradient does not say what a substitution does"
REMEDY = "Leave --preselect out: every substitution is computed."


def gradient_gains(
    model: SequenceValues, sequences: Sequence[str], edited: Sequence[Sequence[str]]
) -> list[NDArray[np.float64]]:
    """Return the expected gain of every edited sequence, as one array per sequence.

    Parameters
    ----------
    model
        The model.
    sequences
        Sequences to edit.
    edited
        Edited versions of each sequence.

    Raises
    ------
    InputError
        If a substitution changes the number of tokens, and for models that read each token twice, read
        sequences in windows, or have outputs for bases or bins.
    """
    classifier = model.model
    if getattr(classifier, "reads_complements", False):
        raise InputError(f"the model reads each token on both strands, {MOVED}", remedy=REMEDY)
    if model.task.place:
        raise InputError(
            f"the model has outputs of each {model.task.place}, {MOVED}", remedy=REMEDY
        )
    weight = classifier.get_input_embeddings().weight
    assert isinstance(weight, torch.Tensor)
    table = weight.detach().double().cpu().numpy()
    found = []
    for sequence, others in zip(sequences, edited, strict=True):
        encoded = model.tokenizer.encode([sequence, *others])
        counts = np.diff(encoded.offsets)
        if (counts != counts[0]).any():
            raise InputError(
                f"a substitution changes the number of tokens, {MOVED}", remedy=REMEDY
            )
        if counts[0] > tokens_at_once(classifier.config.to_dict()):
            raise InputError(f"the model reads the sequence in windows, {MOVED}", remedy=REMEDY)
        ids = encoded.ids.reshape(len(counts), -1).astype(np.int64)
        slope = _gradient(model, ids[0])
        rows, places = np.nonzero(ids[1:] != ids[0])
        change = table[ids[1:][rows, places]] - table[ids[0][places]]
        gain = np.zeros(len(others))
        np.add.at(gain, rows, np.einsum("nd,nd->n", change, slope[places]))
        found.append(gain)
    return found


def _gradient(model: SequenceValues, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the gradient of the output at the embedding of every token, (tokens, hidden)."""
    classifier = model.model
    embeddings = classifier.get_input_embeddings()
    tokens = torch.from_numpy(ids)[None].to(model.device)
    with torch.enable_grad():
        inputs = embeddings(tokens).detach().requires_grad_()
        # The model gets the tokens themselves, and so assigns positions as usual.
        hook = embeddings.register_forward_hook(lambda *_: inputs)
        try:
            logits = classifier(input_ids=tokens).logits
        finally:
            hook.remove()
        value = class_value(logits, model.target, "log_odds", model.task).sum()
        (gradient,) = torch.autograd.grad(value, inputs)
    return gradient[0].double().cpu().numpy()
