"""Masking schemes by name, and which of them fit a tokenizer."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from dnasweep.config import MaskingConfig, PmiConfig, TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.masking import curricula, plain, pmi
from dnasweep.tokens.masking.scheme import SCHEMES, MaskingScheme
from dnasweep.tokens.pmi import PmiTable
from dnasweep.tokens.tokenizers import DnaTokenizer

FILES = (plain, pmi, curricula)
"""Importing a file makes its schemes known by name; a further file has to be added here."""


class Resolved(NamedTuple):
    """A masking scheme that is known and fits a tokenizer."""

    masking: MaskingConfig
    """With the scheme's own name, and no setting that it does not use."""
    pmi: PmiConfig | None
    """How it scores k-mers; None for schemes that do not."""


def resolve(
    config: MaskingConfig, tokenizer: TokenizerConfig, pmi: PmiConfig | None = None
) -> Resolved:
    """Look up a scheme and check it against a tokenizer.

    Parameters
    ----------
    config
        Its `scheme` may be `auto`, which is `span` where tokens overlap and else `random`, or name
        a variant of PMI as well, as `genemask@pmi_n` does.
    tokenizer
        Tokenizer of the rows to mask.
    pmi
        How k-mers are scored if the name does not say it.

    Raises
    ------
    InputError
        If no scheme has that name, or it makes no sense for the tokenizer.
    """
    name, _, variant = config.scheme.partition("@")
    if name == "auto":
        name = "span" if tokenizer.overlapping else "random"
    if name not in SCHEMES:
        known = ", ".join(["auto", *sorted(SCHEMES)])
        raise InputError(f"masking scheme {name!r} is not known", remedy=f"Use one of {known}.")
    scheme = SCHEMES[name]
    if reason := scheme.refusal(tokenizer):
        fitting = [n for n in sorted(SCHEMES) if not SCHEMES[n].refusal(tokenizer)]
        raise InputError(
            f"masking scheme {name} does not fit tokenizer {tokenizer.name}: {reason}",
            remedy=f"Use another tokenizer, or one of auto, {', '.join(fitting)}.",
        )
    if not scheme.need_pmi:
        if "@" in config.scheme:
            raise InputError(
                f"masking scheme {config.scheme!r} names a PMI variant, and {name} has no use for "
                "one",
                remedy=f"Use {name}.",
            )
        pmi = None
    else:
        pmi = pmi or PmiConfig()
        if "@" in config.scheme:
            # A variant without a discount has 0.
            discount = pmi.discount or PmiConfig().discount
            pmi = dataclasses.replace(pmi, variant=variant, discount=discount)  # type: ignore[arg-type]
    # A setting that does not apply is 0, so that equal encoders have equal keys.
    threshold = config.threshold if issubclass(scheme, curricula.StallCurriculum) else 0.0
    return Resolved(dataclasses.replace(config, scheme=name, threshold=threshold), pmi)


def make_masking(
    config: MaskingConfig, tokenizer: DnaTokenizer, table: PmiTable | None = None
) -> MaskingScheme:
    """Return the scheme that `config` names.

    Parameters
    ----------
    config
        As for :func:`resolve`.
    tokenizer
        The tokenizer whose ids are masked.
    table
        Scores of k-mers, for schemes that use them.

    Raises
    ------
    InputError
        As :func:`resolve`, or if the table is of k-mers of another length than the tokens.
    """
    masking = resolve(config, tokenizer.config).masking
    return SCHEMES[masking.scheme](masking, tokenizer, table)


def make_reference(config: MaskingConfig, tokenizer: DnaTokenizer) -> MaskingScheme:
    """Return the scheme by which models are evaluated, whatever scheme they are trained with.

    It is `auto` at the same rate, with [MASK] for every chosen token, since one left as it is would
    show its answer. So bits per base are of the same masked bases for every scheme and at every
    stage of a curriculum.
    """
    plain = dataclasses.replace(config, scheme="auto", mask_fraction=1.0, random_fraction=0.0)
    return make_masking(plain, tokenizer)
