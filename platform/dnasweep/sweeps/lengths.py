"""Checks that the longest row has no more tokens than a model has positions."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from dnasweep.config.model import CONVNET
from dnasweep.errors import InputError
from dnasweep.stages.dataset import load_dataset
from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.recipe import Recipe
from dnasweep.stages.specs import TokenizerSpec
from dnasweep.stages.tokens import obtain_corpus, tokenizer_report
from dnasweep.storage import Storage
from dnasweep.tokens.tokenizers import DnaTokenizer, fit

_ROWS = 10_000
Lengths = dict[tuple[str, str], int]
"""Number of tokens of the longest row, by key of a pretrained checkpoint and short name of its
tokenizer."""


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
    storage: Storage,
    recipe: Recipe,
    plan: SweepPlan,
    lengths: Mapping[tuple[str, str], int] | None = None,
) -> None:
    """Refuse rows that have more tokens than a model has positions.

    A dry run has no corpora. It does not check tokenizers that must be fitted; the actual run fits
    and checks them before training.

    Parameters
    ----------
    storage
        Storage of the corpora.
    recipe
        Recipe with the settings common to all cells. Models that read long rows in windows accept any length.
    plan
        The cells, whose corpora are published unless this is a dry run.
    lengths
        Number of tokens of the longest row by pretrained checkpoint and tokenizer, if a dry run
        knows them.

    Raises
    ------
    InputError
        Naming the tokenizer and the numbers of tokens and positions.
    """
    if recipe.model.windows != "none":
        return

    corpora = {spec.corpus_key: spec for spec in plan.corpora}

    @functools.cache
    def longest(key: str) -> int | None:
        spec = corpora[key]
        if storage.exists(spec.corpus_kind, spec.corpus_key):
            return int(tokenizer_report(storage, spec)["longest"])
        if spec.model is not None:
            return (lengths or {}).get((spec.model, spec.config.name))
        if spec.config.fitted:
            return None
        sequences = load_dataset(storage, spec.dataset).table["sequence"].tolist()
        return longest_row(fit(spec.config, []), sequences)

    if recipe.model.max_tokens is not None:
        limited = {s.tokenizer.corpus_key for s in plan.classifiers if s.model.family != CONVNET}
        any_length = {s.tokenizer.corpus_key for s in plan.classifiers} - limited
        for key, corpus in corpora.items():
            if key in any_length:
                continue
            if (num := longest(key) or 0) > recipe.model.max_tokens:
                raise _too_long(storage, corpus, num, recipe.model.max_tokens)
    for spec in plan.classifiers:
        needed, tokenizer = longest(spec.tokenizer.corpus_key), spec.tokenizer.config.name
        if needed is None:
            continue
        positions = spec.model.max_tokens
        if spec.checkpoint is not None and positions is not None and needed > positions:
            raise InputError(
                f"the longest sequence has {needed} tokens of {tokenizer}, but "
                f"the model to start from has {positions} positions",
                remedy="Use --windows log-odds to read it in parts, or --crop.",
            )
        if spec.encoder is None or positions is not None or spec.model.positions == "alibi":
            continue
        available = longest(spec.encoder.tokenizer.corpus_key)
        if available is not None and needed > available:
            raise InputError(
                f"pretraining sequences have up to {available} tokens of {tokenizer}, but those for "
                f"fine-tuning have {needed}",
                remedy=f"Use --max-tokens {needed} or more.",
            )


def _too_long(storage: Storage, spec: TokenizerSpec, longest: int, most: int) -> InputError:
    which = ""
    if storage.exists(spec.corpus_kind, spec.corpus_key):
        row = int(obtain_corpus(storage, spec)[1].num_tokens().argmax())
        which = f" ({load_dataset(storage, spec.dataset).table['id'].iloc[row]})"
    return InputError(
        f"tokenizer {spec.config.name} makes {longest} tokens of the longest sequence{which}, but the "
        f"model has {most} positions",
        remedy=f"Use --max-tokens {longest} or more, or a tokenizer with longer tokens.",
    )
