"""What a stage makes, down to all that goes into it; its key names the artefact.

Specifications nest: a classifier has its encoder, an encoder its tokenizer, so cells that share one
share its key and build it once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from dnasweep.config import (
    ClassificationConfig,
    MaskingConfig,
    ModelConfig,
    TokenizerConfig,
    TrainingConfig,
    TuningConfig,
    content_key,
    trial_key,
    versions,
)
from dnasweep.stages.pmi_specs import PmiSpec


@dataclass(frozen=True, kw_only=True)
class TokenizerSpec:
    """A tokenizer fitted on the training rows of some species, and a data set in its tokens."""

    kind: ClassVar[str] = "tokenizers"
    corpus_kind: ClassVar[str] = "corpora"

    dataset: str
    """Key of the data set in its tokens."""
    species: tuple[str, ...]
    """Species whose training rows it is fitted on; empty: every training row."""
    config: TokenizerConfig
    """How DNA is cut."""
    fitted_on: str | None = None
    """Key of the data set it is fitted on; None: the one in its tokens."""
    held_out: str | None = None
    """Key of the data set that models are judged on, where it is fitted on another one: rows that are
    like its validation or test rows are left out."""
    model: str | None = None
    """Key of the model from elsewhere whose tokenizer it is, in place of a fitted one."""

    @property
    def source(self) -> str:
        """Key of the data set it is fitted on."""
        return self.fitted_on or self.dataset

    @cached_property
    def key(self) -> str:
        """Key of the tokenizer. Enumerated vocabularies do not depend on the data."""
        if self.model is not None:
            return content_key("tokenizer", versions.STAGES, self.config, "model", self.model)
        source: tuple[object, ...] = ()
        if self.config.fitted:
            held_out = () if self.held_out is None else (self.held_out,)
            source = (self.source, sorted(self.species), *held_out)
        return content_key("tokenizer", versions.STAGES, self.config, source)

    @cached_property
    def corpus_key(self) -> str:
        """Key of the whole data set as tokens of this tokenizer."""
        return content_key("corpus", versions.STAGES, self.dataset, self.key)

    @cached_property
    def reverse_corpus_key(self) -> str:
        """Key of the reverse complements of the whole data set as tokens of this tokenizer."""
        return content_key("reverse corpus", versions.STAGES, self.dataset, self.key)


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
    pmi: PmiSpec | None = None
    """The table of words that the masking scheme chooses by, where it uses one."""
    training: TrainingConfig
    """How long and how."""
    positives_only: bool = True
    """Whether it reads the positives alone, or every training row."""
    held_out: str | None = None
    """Key of the data set it will be judged on, where that is another one: rows that are like its
    validation or test rows are left out."""
    parent: EncoderSpec | None = None
    """The encoder it goes on from; None: random initialisation."""
    both_strands: bool = False
    """Whether it has room for the reverse complements too, where these may have more tokens."""

    @cached_property
    def key(self) -> str:
        """Key of the encoder."""
        return content_key(
            "encoder",
            versions.STAGES,
            self.tokenizer.corpus_key,
            sorted(self.species),
            self.model,
            self.masking,
            self.pmi.key if self.pmi else None,
            self.training,
            self.positives_only,
            self.held_out,
            self.parent.key if self.parent else None,
            self.both_strands,
        )

    @property
    def masking_name(self) -> str:
        """The masking scheme, with the variant of PMI where it counts words itself."""
        variant = self.pmi.config.variant if self.pmi and self.pmi.config else ""
        return self.masking.scheme + f"@{variant}" * bool(variant)

    @property
    def lineage(self) -> tuple[EncoderSpec, ...]:
        """This encoder after all it goes on from, the first one first."""
        return (*(self.parent.lineage if self.parent else ()), self)


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A model from elsewhere that classifiers may start from, in place of pretraining."""

    name: str
    """What it is called in a cell: a directory, a hub name, or a name in MLflow."""
    key: str
    """Key of its copy in the storage."""
    tokenizers: tuple[str, ...]
    """Short names of the tokenizers its vocabulary can serve, the likeliest first."""
    model: ModelConfig
    """Its size and kind."""


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec:
    """A classifier fine-tuned from an encoder, or from random weights."""

    kind: ClassVar[str] = "trials"

    tokenizer: TokenizerSpec
    """Its tokenizer."""
    encoder: EncoderSpec | None
    """The encoder it starts from; None: random initialisation."""
    target: tuple[str, ...]
    """Species it is judged on; empty: every row."""
    model: ModelConfig
    """Its size."""
    training: TrainingConfig
    """How long and how."""
    trained_on: tuple[str, ...] | None = None
    """Species it is trained on, and chosen on by their validation rows; None: the target."""
    shots: int | None = None
    """Training rows of each class; None: all there are."""
    resample: int = 0
    """Which draw of so many shots. Smaller draws of a number are contained in larger ones."""
    checkpoint: str | None = None
    """Key of a model from elsewhere that it starts from in place of `encoder`."""
    tuning: TuningConfig = field(default_factory=TuningConfig)
    """Which weights move."""
    classification: ClassificationConfig = field(default_factory=ClassificationConfig)
    """How rows are shown and what counts as right."""

    @property
    def learned_from(self) -> tuple[str, ...]:
        """Species whose training rows it learns from and whose validation rows choose its weights
        and its threshold; empty: every row."""
        return self.target if self.trained_on is None else self.trained_on

    @cached_property
    def key(self) -> str:
        """The trial key."""
        return trial_key(
            versions.STAGES,
            self.tokenizer.corpus_key,
            self.encoder.key if self.encoder else None,
            sorted(self.target),
            self.model,
            self.training,
            None if self.trained_on is None else sorted(self.trained_on),
            self.shots,
            self.resample if self.shots is not None else 0,
            self.checkpoint,
            self.tuning,
            self.classification,
        )
