"""Checks that the rows fit the models: the longest row of a corpus against a model's positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dnasweep.errors import InputError
from dnasweep.stages.dataset import load_dataset
from dnasweep.stages.specs import ClassifierSpec, TokenizerSpec
from dnasweep.stages.tokens import obtain_corpus, tokenizer_report
from dnasweep.storage import Storage

Longest = Callable[[Storage, TokenizerSpec], int | None]
"""Returns the number of tokens of the longest row; None if that is not known yet."""


def longest_of(storage: Storage, spec: TokenizerSpec) -> int:
    """Return the number of tokens of the longest row of a published corpus."""
    return int(tokenizer_report(storage, spec)["longest"])


def check_tokens(
    storage: Storage,
    specs: Sequence[TokenizerSpec],
    max_tokens: int | None,
    *,
    longest_of: Longest = longest_of,
) -> None:
    """Refuse a tokenizer that makes more tokens of a row than the model will have positions."""
    if max_tokens is None:
        return
    for spec in specs:
        longest = longest_of(storage, spec)
        if longest is not None and longest > max_tokens:
            which = ""
            if storage.exists(spec.corpus_kind, spec.corpus_key):
                row = int(obtain_corpus(storage, spec)[1].num_tokens().argmax())
                which = f" ({load_dataset(storage, spec.dataset).table['id'].iloc[row]})"
            raise InputError(
                f"tokenizer {spec.config.name} makes {longest} tokens of the longest sequence"
                f"{which}, the model has {max_tokens} positions",
                remedy=f"Use --max-tokens {longest} or more, or a tokenizer with longer tokens.",
            )


def check_encoders(
    storage: Storage, specs: Sequence[ClassifierSpec], *, longest_of: Longest = longest_of
) -> None:
    """Refuse to pretrain an encoder on shorter sequences than it will read in fine-tuning."""
    for spec in specs:
        if spec.encoder is None or spec.model.max_tokens is not None:
            continue
        if spec.model.positions == "alibi":
            continue
        needed = longest_of(storage, spec.tokenizer)
        available = longest_of(storage, spec.encoder.tokenizer)
        if needed is not None and available is not None and needed > available:
            raise InputError(
                f"sequences to pretrain on have up to {available} tokens of "
                f"{spec.tokenizer.config.name}, those to fine-tune on {needed}",
                remedy=f"Use --max-tokens {needed} or more.",
            )


def check_checkpoints(
    storage: Storage, specs: Sequence[ClassifierSpec], *, longest_of: Longest = longest_of
) -> None:
    """Refuse sequences longer than the pretrained checkpoint can read."""
    for spec in specs:
        if spec.checkpoint is None or spec.model.max_tokens is None:
            continue
        longest = longest_of(storage, spec.tokenizer)
        if longest is not None and longest > spec.model.max_tokens:
            raise InputError(
                f"the longest sequence has {longest} tokens of {spec.tokenizer.config.name}, and "
                f"the model to start from has {spec.model.max_tokens} positions",
                remedy="Use --windows log-odds to read it in parts, or --crop.",
            )
