"""Table of the features of each family for the documentation, generated from the registry."""

from __future__ import annotations

from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import FAMILIES

HEADS = (
    "family",
    "a row begins, ends",
    "a letter other than A, C, G, T",
    "classifier reads",
    "most tokens",
    "attention",
    "integrated gradients",
    "variants without training",
    "pretrained further",
)
_BY_TRANSFORMERS = (
    "BERT, RoBERTa, ESM (Nucleotide Transformer v1, AgroNT), ALBERT and others of transformers",
    "as its tokenizer",
    "as its tokenizer",
    "as transformers",
    "positions in `config.json`",
    "yes",
    "yes",
    "masked bases",
    "yes",
)


def overview() -> str:
    """Return a Markdown table with a row for each family, and one for models that transformers supports."""
    rows = [HEADS, ("---",) * len(HEADS), *map(_row, FAMILIES), _BY_TRANSFORMERS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(family: Family) -> tuple[str, ...]:
    causal = family.objective == "causal"
    return (
        family.name,
        f"{family.first}, {family.last}",
        family.foreign,
        family.reads,
        family.longest,
        "yes" if family.attention else "has none",
        "yes, but for two strands (PS)" if family.complements else "yes",
        "likelihood of the window, both strands" if causal else "masked bases",
        "no, causal" if causal else "yes",
    )
