"""Masking schemes by name, and checks that they fit a tokenizer."""

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
"""Files whose import registers their schemes; new files must be added here."""


class Resolved(NamedTuple):
    """A known masking scheme that fits a tokenizer."""

    masking: MaskingConfig
    """Settings with the canonical name of the scheme, without settings that it does not use."""
    pmi: PmiConfig | None
    """How the scheme scores k-mers; None for schemes without scores."""


def resolve(
    config: MaskingConfig, tokenizer: TokenizerConfig, pmi: PmiConfig | None = None
) -> Resolved:
    """Look up a scheme and check it against a tokenizer.

    Parameters
    ----------
    config
        Its `scheme` may be `auto`, which means `span` if tokens overlap and `random` otherwise,
        and may include a PMI variant, as in `genemask@pmi_n`.
    tokenizer
        Tokenizer of the rows to mask.
    pmi
        How k-mers are scored if the name has no PMI variant.

    Raises
    ------
    InputError
        If no scheme has this name, or it does not fit the tokenizer.
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
            # Variants without a discount have 0.
            discount = pmi.discount or PmiConfig().discount
            pmi = dataclasses.replace(pmi, variant=variant, discount=discount)  # type: ignore[arg-type]
    # Settings that do not apply are 0, so equal encoders have equal keys.
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
        As for :func:`resolve`, or if the k-mers of the table differ in length from the tokens.
    """
    masking = resolve(config, tokenizer.config).masking
    return SCHEMES[masking.scheme](masking, tokenizer, table)


def make_reference(config: MaskingConfig, tokenizer: DnaTokenizer) -> MaskingScheme:
    """Return the scheme for evaluating models, whatever scheme they are trained with.

    It is `auto` at the same rate, with [MASK] for every chosen token, because an unchanged one
    would show the answer. Bits per base therefore refer to the same masked bases for every scheme
    and at every stage of a curriculum.
    """
    plain = dataclasses.replace(config, scheme="auto", mask_fraction=1.0, random_fraction=0.0)
    return make_masking(plain, tokenizer)
