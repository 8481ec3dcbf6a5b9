"""Checks in a dry run, which has no corpora, that the rows fit the models."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from dnasweep.stages.dataset import load_dataset
from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.recipe import Recipe
from dnasweep.stages.row_lengths import check_checkpoints, check_encoders, check_tokens, longest_of
from dnasweep.stages.specs import TokenizerSpec
from dnasweep.storage import Storage
from dnasweep.tokens.tokenizers import DnaTokenizer, fit

_ROWS = 10_000
Lengths = dict[tuple[str, str], int]
"""(Key of a pretrained checkpoint, short name of its tokenizer) to tokens of the longest row."""


def longest_row(tokenizer: DnaTokenizer, sequences: Sequence[str]) -> int:
    """Return the number of tokens of the longest sequence, special tokens included."""
    return max(
        (
            int(tokenizer.encode(sequences[start : start + _ROWS]).num_tokens().max())
            for start in range(0, len(sequences), _ROWS)
        ),
        default=0,
    )


def check_lengths(
    storage: Storage, recipe: Recipe, plan: SweepPlan, lengths: Mapping[tuple[str, str], int]
) -> None:
    """Refuse rows that the run itself would refuse once they are tokenized.

    Tokenizers that are not fitted yet are left to the run, which fits them before it trains.

    Raises
    ------
    InputError
        If a row has more tokens than a model has positions.
    """
    if recipe.model.windows != "none":
        return

    @functools.cache
    def counted(dataset: str, name: str) -> int:
        sequences = load_dataset(storage, dataset).table["sequence"].tolist()
        return longest_row(fit(names[name], []), sequences)

    names = {spec.config.name: spec.config for spec in plan.corpora}

    def longest(storage: Storage, spec: TokenizerSpec) -> int | None:
        if storage.exists(spec.corpus_kind, spec.corpus_key):
            return longest_of(storage, spec)
        if spec.model is not None:
            return lengths.get((spec.model, spec.config.name))
        return None if spec.config.fitted else counted(spec.dataset, spec.config.name)

    check_tokens(storage, plan.corpora, recipe.model.max_tokens, longest_of=longest)
    check_encoders(storage, plan.classifiers, longest_of=longest)
    check_checkpoints(storage, plan.classifiers, longest_of=longest)
