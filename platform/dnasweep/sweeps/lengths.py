"""Whether the rows fit the models, told by a dry run, which has no corpora to look at."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from dnasweep.stages.dataset import load_dataset
from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.recipe import Recipe
from dnasweep.stages.row_lengths import check_backbones, check_encoders, check_tokens, longest_of
from dnasweep.stages.specs import TokenizerSpec
from dnasweep.storage import Storage
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.tokenizers import DnaTokenizer, fit

_ROWS = 10_000
Lengths = dict[tuple[str, str], int]
"""Key of a model from elsewhere and short name of its tokenizer, to tokens of the longest row."""


def longest_row(tokenizer: DnaTokenizer, sequences: Sequence[str]) -> int:
    """Return the tokens of the longest of some sequences, special ones counted."""
    return max(
        (
            int(Corpus.build(tokenizer, sequences[start : start + _ROWS]).num_tokens().max())
            for start in range(0, len(sequences), _ROWS)
        ),
        default=0,
    )


def check_lengths(
    storage: Storage, recipe: Recipe, plan: SweepPlan, lengths: Mapping[tuple[str, str], int]
) -> None:
    """Refuse what the run itself would refuse once its rows are tokens.

    A vocabulary that has yet to be learned is left to the run, which learns it before it trains.

    Raises
    ------
    InputError
        Where a row has more tokens than a model has positions.
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
    check_backbones(storage, plan.classifiers, longest_of=longest)
