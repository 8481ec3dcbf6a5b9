"""A cell of a sweep and what it stands for: which tokenizer, which pretraining, which fine-tuning.

A :class:`Recipe` holds everything that a sweep keeps fixed, a :class:`Cell` the values of its axes.
Together they expand into the specifications of the stages, each of which names its artefact by the
content of all that goes into it. Cells that share a tokenizer or an encoder therefore share its key
and build it once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from dnasweep.config import (
    MaskingConfig,
    ModelConfig,
    OptimizerConfig,
    TokenizerConfig,
    TrainingConfig,
    content_key,
    trial_key,
)
from dnasweep.genome.species import pretraining_stages, species_set

FORMAT = 1
"""Raised when a stage's code changes what it makes from the same specification."""


@dataclass(frozen=True, kw_only=True)
class TokenizerSpec:
    """A tokenizer fitted on the training rows of some species of a data set."""

    kind: ClassVar[str] = "tokenizers"
    corpus_kind: ClassVar[str] = "corpora"

    dataset: str
    """Key of the data set."""
    species: tuple[str, ...]
    """Species whose training rows it is fitted on; empty: every training row."""
    config: TokenizerConfig
    """How DNA is cut."""

    @cached_property
    def key(self) -> str:
        """Key of the tokenizer. Enumerated vocabularies do not depend on the data."""
        fitted = self.config.kind in ("bpe", "wordpiece")
        source = (self.dataset, sorted(self.species)) if fitted else ()
        return content_key("tokenizer", FORMAT, self.config, source)

    @cached_property
    def corpus_key(self) -> str:
        """Key of the whole data set as tokens of this tokenizer."""
        return content_key("corpus", FORMAT, self.dataset, self.key)


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """An encoder pretrained by masked language modelling on the positives of a species set."""

    kind: ClassVar[str] = "encoders"

    tokenizer: TokenizerSpec
    """Its tokenizer."""
    species: tuple[str, ...]
    """Species whose training positives it reads; empty: every training positive."""
    model: ModelConfig
    """Its size."""
    masking: MaskingConfig
    """What is hidden."""
    training: TrainingConfig
    """How long and how."""
    parent: EncoderSpec | None = None
    """The encoder it goes on from; None: random initialisation."""

    @cached_property
    def key(self) -> str:
        """Key of the encoder."""
        return content_key(
            "encoder",
            FORMAT,
            self.tokenizer.corpus_key,
            sorted(self.species),
            self.model,
            self.masking,
            self.training,
            self.parent.key if self.parent else None,
        )

    @property
    def lineage(self) -> tuple[EncoderSpec, ...]:
        """This encoder after all it goes on from, the first one first."""
        return (*(self.parent.lineage if self.parent else ()), self)


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec:
    """A classifier fine-tuned from an encoder, or from random weights."""

    kind: ClassVar[str] = "trials"

    tokenizer: TokenizerSpec
    """Its tokenizer."""
    encoder: EncoderSpec | None
    """The encoder it starts from; None: random initialisation."""
    target: tuple[str, ...]
    """Species it is trained and judged on; empty: every row."""
    model: ModelConfig
    """Its size."""
    training: TrainingConfig
    """How long and how."""

    @cached_property
    def key(self) -> str:
        """The trial key."""
        return trial_key(
            FORMAT,
            self.tokenizer.corpus_key,
            self.encoder.key if self.encoder else None,
            sorted(self.target),
            self.model,
            self.training,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One combination of a sweep. An axis that is None keeps the recipe's value."""

    tokenizer: str = "kmer"
    """Short name of the tokenizer, such as `kmer-6-overlap` or `bpe-1024`."""
    species_set: str = "all"
    """Species set to pretrain on, `A-then-B` for two stages, `none` for random initialisation."""
    learning_rate: float = 5e-4
    """Peak learning rate of fine-tuning."""
    seed: int = 0
    """Seed of fine-tuning."""
    masking: str | None = None
    """Masking scheme of pretraining."""
    preset: str | None = None
    """Model size."""
    warmup: float | None = None
    """Warm-up fraction of fine-tuning."""
    weight_decay: float | None = None
    """Weight decay of fine-tuning."""
    dropout: float | None = None
    """Dropout of fine-tuning."""

    @property
    def label(self) -> str:
        """The cell in words, for logs and run names."""
        rest = {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.name not in ("tokenizer", "species_set", "learning_rate", "seed")
            and getattr(self, f.name) is not None
        }
        extra = "".join(f" {name}={value}" for name, value in rest.items())
        return f"{self.tokenizer} {self.species_set} lr={self.learning_rate:g} seed={self.seed}{extra}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What a sweep keeps fixed."""

    dataset: str
    """Key of the data set."""
    species: tuple[str, ...]
    """Species that the data set names; empty when it names none."""
    target: str = "all"
    """Species set that classifiers are trained and judged on."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Model size."""
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    """What pretraining hides."""
    pretraining: TrainingConfig = field(default_factory=TrainingConfig)
    """Pretraining; its budget of bases is the same for every species set."""
    finetuning: TrainingConfig = field(default_factory=TrainingConfig)
    """Fine-tuning; learning rate and seed come from the cell."""
    pretrain_per_seed: bool = False
    """Whether each seed pretrains its own encoder, or all seeds start from one."""

    def members(self, name: str) -> tuple[str, ...]:
        """Species of a set that this data set has; empty stands for every row."""
        if name == "all" or not self.species:
            return ()
        return tuple(s for s in species_set(name) if s in self.species)

    def expand(self, cell: Cell) -> ClassifierSpec:
        """Return what `cell` stands for, down to its tokenizer."""
        stages = pretraining_stages(cell.species_set)
        fitted_on = self._union(stages) if stages else self.members(self.target)
        tokenizer = TokenizerSpec(
            dataset=self.dataset, species=fitted_on, config=TokenizerConfig.parse(cell.tokenizer)
        )
        model = self.model
        if cell.preset:
            model = ModelConfig.preset(cell.preset, max_tokens=self.model.max_tokens)
        masking = self.masking
        if cell.masking:
            masking = dataclasses.replace(masking, scheme=cell.masking)
        encoder: EncoderSpec | None = None
        seed = cell.seed if self.pretrain_per_seed else self.pretraining.seed
        for name, _ in stages:
            training = dataclasses.replace(
                self.pretraining, bases=max(1, self.pretraining.bases // len(stages)), seed=seed
            )
            encoder = EncoderSpec(
                tokenizer=tokenizer,
                species=self.members(name),
                model=model,
                masking=masking,
                training=training,
                parent=encoder,
            )
        return ClassifierSpec(
            tokenizer=tokenizer,
            encoder=encoder,
            target=self.members(self.target),
            model=model,
            training=self._finetuning(cell),
        )

    def _finetuning(self, cell: Cell) -> TrainingConfig:
        changes: dict[str, Any] = {"learning_rate": cell.learning_rate}
        if cell.warmup is not None:
            changes["warmup"] = cell.warmup
        if cell.weight_decay is not None:
            changes["weight_decay"] = cell.weight_decay
        optimizer: OptimizerConfig = dataclasses.replace(self.finetuning.optimizer, **changes)
        dropout = self.finetuning.dropout if cell.dropout is None else cell.dropout
        return dataclasses.replace(
            self.finetuning, optimizer=optimizer, seed=cell.seed, dropout=dropout
        )

    def _union(self, stages: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
        sets = [self.members(name) for name, _ in stages]
        if not all(sets):
            return ()
        return tuple(dict.fromkeys(s for members in sets for s in members))
