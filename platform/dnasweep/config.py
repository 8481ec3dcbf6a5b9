"""What a run is: frozen dataclasses, validated when made, hashable, and keyed by content.

Every field that changes a result stands in one of these classes, and every class can be written as
canonical JSON, so :func:`content_key` of a configuration names the artefact it makes. Fields that
only change where or how fast something runs (workers, devices, storage) are never in here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from dnasweep.errors import InputError

TokenizerKind = Literal["kmer", "bpe", "wordpiece", "char"]

PRESETS: dict[str, tuple[int, int, int]] = {
    "tiny": (2, 128, 2),
    "small": (6, 384, 6),
    "base": (12, 768, 12),
}
"""Model sizes by name: layers, hidden width, attention heads."""


def canonical(value: Any) -> Any:
    """Return `value` as plain JSON types; dataclasses become dictionaries sorted by field name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: canonical(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): canonical(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(v) for v in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    raise TypeError(f"cannot key a {type(value).__name__}")


def content_key(*parts: Any) -> str:
    """Return 16 hexadecimal digits that name the content of `parts` (SHA-256 of canonical JSON)."""
    text = json.dumps([canonical(p) for p in parts], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def trial_key(*parts: Any) -> str:
    """Return the identity of a trial across restarts: the key of everything that makes its result."""
    return content_key("trial", *parts)


def _require(condition: bool, name: str, value: Any, remedy: str) -> None:
    if not condition:
        raise InputError(f"{name} is {value!r}", remedy=remedy)


_SPEC = re.compile(
    r"(?P<kind>kmer|bpe|wordpiece|char)"
    r"(?:-(?P<number>\d+))?(?:-(?P<overlap>overlap)|-stride-(?P<stride>\d+))?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerConfig:
    """How DNA is cut into tokens."""

    kind: TokenizerKind = "kmer"
    """`kmer` (enumerated words), `bpe`, `wordpiece` (both trained) or `char` (single bases)."""
    k: int = 6
    """Bases a k-mer, 3 to 6; only for `kmer`."""
    stride: int = 6
    """Bases from one k-mer to the next: k does not overlap, 1 overlaps fully; only for `kmer`."""
    vocab_size: int = 4096
    """Tokens to learn, special tokens counted; only for `bpe` and `wordpiece`."""

    def __post_init__(self) -> None:
        kinds = ("kmer", "bpe", "wordpiece", "char")
        _require(
            self.kind in kinds, "tokenizer kind", self.kind, f"Use one of {', '.join(kinds)}."
        )
        if self.kind == "kmer":
            _require(3 <= self.k <= 6, "k", self.k, "Use a k from 3 to 6.")
            _require(
                1 <= self.stride <= self.k, "stride", self.stride, "Use a stride from 1 to k."
            )
        if self.kind in ("bpe", "wordpiece"):
            _require(self.vocab_size >= 16, "vocab_size", self.vocab_size, "Use at least 16.")
        # Settings that do not apply are 0, so that equal tokenizers have equal keys.
        if self.kind != "kmer":
            object.__setattr__(self, "k", 0)
            object.__setattr__(self, "stride", 0)
        if self.kind not in ("bpe", "wordpiece"):
            object.__setattr__(self, "vocab_size", 0)

    @classmethod
    def parse(cls, spec: str) -> TokenizerConfig:
        """Read a short name: `kmer`, `kmer-3`, `kmer-6-overlap`, `kmer-6-stride-2`, `bpe-1024`, `char`."""
        match = _SPEC.fullmatch(spec.strip().lower())
        if match is None:
            raise InputError(
                f"tokenizer {spec!r} is not known",
                remedy="Use kmer, kmer-K, kmer-K-overlap, kmer-K-stride-S, bpe[-SIZE], "
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
        return cls(kind=kind, vocab_size=int(number or 4096))  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """The short name; `parse(c.name) == c`."""
        if self.kind == "kmer":
            if self.stride == self.k:
                return f"kmer-{self.k}"
            return f"kmer-{self.k}-" + ("overlap" if self.stride == 1 else f"stride-{self.stride}")
        return "char" if self.kind == "char" else f"{self.kind}-{self.vocab_size}"

    @property
    def overlapping(self) -> bool:
        """Whether neighbouring tokens share bases."""
        return self.kind == "kmer" and self.stride < self.k


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A RoBERTa-style encoder."""

    layers: int = 2
    """Transformer layers."""
    hidden: int = 128
    """Width of the residual stream."""
    heads: int = 2
    """Attention heads; divides `hidden`."""
    intermediate: int = 512
    """Width of the feed-forward layer."""
    max_tokens: int | None = None
    """Longest sequence length in tokens, special tokens counted; None: what the data needs."""

    def __post_init__(self) -> None:
        for name in ("layers", "hidden", "heads", "intermediate"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "Use at least 1.")
        _require(
            self.hidden % self.heads == 0,
            "heads",
            self.heads,
            f"The hidden width {self.hidden} must be a multiple of it.",
        )

    @classmethod
    def preset(cls, name: str, *, max_tokens: int | None = None) -> ModelConfig:
        """Return `tiny` (2 x 128), `small` (6 x 384), `base` (12 x 768), or any `LAYERSxHIDDEN[xHEADS]`."""
        if name in PRESETS:
            layers, hidden, heads = PRESETS[name]
        elif match := re.fullmatch(r"(\d+)x(\d+)(?:x(\d+))?", name):
            layers, hidden = int(match[1]), int(match[2])
            heads = int(match[3] or max(1, hidden // 64))
        else:
            raise InputError(
                f"preset {name!r} is not known",
                remedy=f"Use {', '.join(PRESETS)} or LAYERSxHIDDEN, for example 4x192.",
            )
        return cls(
            layers=layers,
            hidden=hidden,
            heads=heads,
            intermediate=4 * hidden,
            max_tokens=max_tokens,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """AdamW with linear warm-up and decay."""

    learning_rate: float = 5e-4
    """Peak learning rate."""
    weight_decay: float = 0.01
    """Decoupled weight decay, on matrices only."""
    beta1: float = 0.9
    """Decay of the first moment."""
    beta2: float = 0.98
    """Decay of the second moment."""
    epsilon: float = 1e-6
    """Added to the root of the second moment."""
    warmup: float = 0.06
    """Fraction of all steps with a rising learning rate."""
    clip: float = 1.0
    """Largest norm of the gradient."""

    def __post_init__(self) -> None:
        _require(
            0 < self.learning_rate < 1, "learning_rate", self.learning_rate, "Use 0 < rate < 1."
        )
        _require(0 <= self.warmup < 1, "warmup", self.warmup, "Use a fraction from 0 to below 1.")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "Use 0 or more.")
        _require(self.clip > 0, "clip", self.clip, "Use a positive norm.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """How long, in which batches and how often evaluated; the same for pretraining and fine-tuning."""

    bases: int = 1_000_000
    """Budget in bases seen; training stops at the first step that reaches it."""
    batch_size: int = 64
    """Sequences an optimizer step, over all workers together."""
    micro_batch_size: int = 64
    """Sequences a forward pass; a step is cut into these whatever the number of workers, so
    results do not depend on it. batch_size / micro_batch_size is the most workers that can share
    a step."""
    evaluations: int = 5
    """Evaluations over the whole budget, the last one at its end."""
    dropout: float = 0.0
    """Dropout probability in the encoder and the head."""
    seed: int = 0
    """Seeds initialisation, data order, masking and dropout."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """The optimizer and its schedule."""

    def __post_init__(self) -> None:
        for name in ("bases", "batch_size", "micro_batch_size", "evaluations"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "Use at least 1.")
        _require(
            self.batch_size % self.micro_batch_size == 0,
            "micro_batch_size",
            self.micro_batch_size,
            f"It must divide the batch size {self.batch_size}.",
        )
        _require(0 <= self.dropout < 1, "dropout", self.dropout, "Use a probability below 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskingConfig:
    """What masked language modelling hides."""

    scheme: str = "auto"
    """`random`, `span`, or `auto`: spans for overlapping k-mers, random for all others."""
    rate: float = 0.15
    """Expected fraction of tokens to predict."""
    mask_fraction: float = 0.8
    """Of these, the fraction replaced by the mask token."""
    random_fraction: float = 0.1
    """Of these, the fraction replaced by another real token; the rest is left as it is."""

    def __post_init__(self) -> None:
        _require(0 < self.rate < 1, "mask rate", self.rate, "Use a fraction between 0 and 1.")
        _require(
            0 <= self.mask_fraction <= 1
            and 0 <= self.random_fraction <= 1
            and self.mask_fraction + self.random_fraction <= 1,
            "mask_fraction + random_fraction",
            self.mask_fraction + self.random_fraction,
            "Together they are at most 1.",
        )


def save_json(value: Any) -> str:
    """Return `value` as readable canonical JSON."""
    return json.dumps(canonical(value), indent=2, sort_keys=True) + "\n"
