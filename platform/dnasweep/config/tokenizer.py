"""How DNA is divided into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from dnasweep.config.keys import require
from dnasweep.config.ranges import Config
from dnasweep.errors import InputError

TokenizerKind = Literal["kmer", "greedy", "bpe", "wordpiece", "char"]

MAX_TOKENS = 1_000_000
"""Maximum vocabulary size; at this size the embeddings of a wide model take 3 GB."""
_SPEC = re.compile(
    r"(?P<kind>kmer|greedy|bpe|wordpiece|char)"
    r"(?:-(?P<number>[0-9]{1,7}))?(?:-(?P<overlap>overlap)|-stride-(?P<stride>[0-9]{1,7}))?"
)


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig(Config):
    """How DNA is divided into tokens."""

    kind: TokenizerKind = "kmer"
    """`kmer` (all k-mers), `greedy` (the same k-mers, restarting after each letter that is not a base, like
    the Nucleotide Transformers), `bpe`, `wordpiece` (both trained) or `char` (single bases)."""
    k: int = 6
    """Length of the k-mers, 3 to 6; only for `kmer` and `greedy`."""
    stride: int = 6
    """Bases from one k-mer to the next: with k they do not overlap, with 1 they overlap fully; only for
    `kmer`."""
    vocab_size: int = 4096
    """Number of tokens in the vocabulary, including special tokens; only for `bpe` and
    `wordpiece`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind == "greedy":
            require(3 <= self.k <= 6, "k", self.k, "Use a k from 3 to 6.")
            self._clear("stride")
        elif self.kind == "kmer":
            require(3 <= self.k <= 6, "k", self.k, "Use a k from 3 to 6.")
            require(1 <= self.stride <= self.k, "stride", self.stride, "Use a stride from 1 to k.")
        else:
            self._clear("k", "stride")
        if self.fitted:
            sizes = f"Use a size from 16 to {MAX_TOKENS:,}."
            require(16 <= self.vocab_size <= MAX_TOKENS, "vocab_size", self.vocab_size, sizes)
        else:
            self._clear("vocab_size")

    @classmethod
    def parse(cls, spec: str) -> TokenizerConfig:
        """Read a short name: `kmer`, `kmer-3`, `kmer-6-overlap`, `kmer-6-stride-2`, `greedy-6`, `bpe-1024`,
        `char`.

        Examples
        --------
        >>> TokenizerConfig.parse("kmer-6-overlap").stride
        1
        >>> TokenizerConfig.parse("bpe-1024").name
        'bpe-1024'
        """
        match = _SPEC.fullmatch(spec.strip().lower())
        if match is None:
            raise InputError(
                f"tokenizer {spec!r} is not known",
                remedy="Use kmer, kmer-K, kmer-K-overlap, kmer-K-stride-S, greedy-K, bpe[-SIZE], "
                "wordpiece[-SIZE] or char.",
            )
        kind, number = match["kind"], match["number"]
        if kind == "kmer":
            k = int(number or 6)
            stride = 1 if match["overlap"] else int(match["stride"] or k)
            return cls(kind="kmer", k=k, stride=stride)
        if match["overlap"] or match["stride"] or (kind == "char" and number):
            raise InputError(
                f"tokenizer {spec!r} mixes settings", remedy="Only kmer has a stride."
            )
        if kind == "char":
            return cls(kind="char")
        if kind == "greedy":
            return cls(kind="greedy", k=int(number or 6))
        return cls(kind=kind, vocab_size=int(number or 4096))  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """The short name; `parse(c.name) == c`."""
        if self.kind == "kmer":
            if self.stride == self.k:
                return f"kmer-{self.k}"
            return f"kmer-{self.k}-" + ("overlap" if self.stride == 1 else f"stride-{self.stride}")
        if self.kind == "greedy":
            return f"greedy-{self.k}"
        return "char" if self.kind == "char" else f"{self.kind}-{self.vocab_size}"

    @property
    def fitted(self) -> bool:
        """Whether the vocabulary is learned from sequences rather than enumerated."""
        return self.kind in ("bpe", "wordpiece")

    @property
    def word(self) -> int:
        """Length of the k-mers in an enumerated vocabulary; 1 for single bases."""
        return self.k if self.kind in ("kmer", "greedy") else 1

    @property
    def overlapping(self) -> bool:
        """Whether neighbouring tokens share bases."""
        return self.kind == "kmer" and self.stride < self.k
