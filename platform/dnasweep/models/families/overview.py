"""Table of the features of each family for the documentation, generated from the registry."""

from __future__ import annotations

from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import FAMILIES

HEADS = (
    "family",
    "first, last token",
    "ambiguous bases (N, R, ...)",
    "pooling for classification",
    "maximum length in tokens",
    "attention weights",
    "integrated gradients",
    "zero-shot variant score",
    "continued pretraining",
)
_BY_TRANSFORMERS = (
    "BERT, RoBERTa, ESM (Nucleotide Transformer v1, AgroNT), ALBERT and others of transformers",
    "those of its tokenizer",
    "as in its tokenizer",
    "as in transformers",
    "number of position embeddings",
    "yes",
    "yes",
    "likelihood of masked tokens",
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
        f"{family.first}, {family.last}".replace("nothing", "none"),
        family.foreign,
        family.reads,
        family.longest,
        "yes" if family.attention else "none",
        "yes, except Caduceus-PS" if family.complements else "yes",
        "likelihood of the window" if causal else "likelihood of masked tokens",
        "no, causal" if causal else "yes",
    )
