"""Specifications of tokenizers, encoders and classifiers: everything that determines an artefact.

The key of a specification names the artefact. Specifications are nested: a classifier has an
encoder, and an encoder has a tokenizer. Cells that share an encoder therefore share its key, and
it is built once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from dnasweep.config import (
    ClassificationConfig,
    MaskingConfig,
    ModelConfig,
    PmiConfig,
    TokenizerConfig,
    TrainingConfig,
    TuningConfig,
    content_key,
    versions,
)


@dataclass(frozen=True, kw_only=True)
class TokenizerSpec:
    """A tokenizer fitted on the training rows of some species, and a data set tokenized by it."""

    kind: ClassVar[str] = "tokenizers"
    corpus_kind: ClassVar[str] = "corpora"

    dataset: str
    """Key of the data set to tokenize."""
    species: tuple[str, ...]
    """Species whose training rows are used for fitting; empty: all training rows."""
    config: TokenizerConfig
    """How DNA is tokenized."""
    fitted_on: str | None = None
    """Key of the data set for fitting; None: `dataset`."""
    held_out: str | None = None
    """Key of the data set for evaluation, if the tokenizer is fitted on another one: rows that
    resemble its validation or test rows are left out."""
    model: str | None = None
    """Key of the pretrained checkpoint with this tokenizer; None: it is fitted or enumerated."""

    @property
    def source(self) -> str:
        """Key of the data set for fitting."""
        return self.fitted_on or self.dataset

    @cached_property
    def key(self) -> str:
        """Key of the tokenizer, which for enumerated vocabularies does not depend on the data."""
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
    """Specification of the tokenizer."""
    species: tuple[str, ...]
    """Species whose training rows are used for pretraining; empty: all species."""
    model: ModelConfig
    """Size of the model."""
    masking: MaskingConfig
    """Which tokens are masked."""
    pmi: PmiSpec | None = None
    """The PMI table of the masking scheme, if it uses one."""
    training: TrainingConfig
    """Schedule, batches and seed."""
    positives_only: bool = True
    """Whether only positives are used rather than all training rows."""
    held_out: str | None = None
    """Key of the data set for evaluation, if it is a different one: rows that resemble its
    validation or test rows are left out."""
    parent: EncoderSpec | None = None
    """The encoder whose pretraining is continued; None: random initialisation."""
    both_strands: bool = False
    """Whether the model has enough positions for reverse complements, which may have more
    tokens."""
    checkpoint: str | None = None
    """Key of the pretrained checkpoint whose pretraining is continued; None: no checkpoint."""

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
            # The keys of all other encoders must stay the same.
            *(
                ()
                if self.checkpoint is None
                else (self.checkpoint, versions.CONTINUED_PRETRAINING)
            ),
        )

    @property
    def masking_name(self) -> str:
        """The masking scheme, with the PMI variant if k-mers are counted for it."""
        variant = self.pmi.config.variant if self.pmi and self.pmi.config else ""
        return self.masking.scheme + f"@{variant}" * bool(variant)

    @property
    def lineage(self) -> tuple[EncoderSpec, ...]:
        """This encoder and those whose pretraining it continues, the earliest first."""
        return (*(self.parent.lineage if self.parent else ()), self)


CNN = "CNN baseline"
"""Name of the convolutional network, used like a checkpoint, but without weights."""


@dataclass(frozen=True, kw_only=True)
class PretrainedCheckpoint:
    """A published model from which classifiers may start, instead of an encoder of the sweep."""

    name: str
    """Name in a cell: a directory, a hub name, or a name in MLflow."""
    key: str
    """Key of its copy in the storage; empty: no weights, so training starts from random ones."""
    tokenizers: tuple[str, ...]
    """Short names of the tokenizers compatible with its vocabulary, the most likely first."""
    model: ModelConfig
    """Size and kind of the model."""
    commit: str = ""
    """Hub commit that was downloaded; empty if the model is not from the hub."""
    pretrained_further: bool = False
    """Whether its pretraining is continued on the species sets of cells."""


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec:
    """A classifier fine-tuned from an encoder, or from random weights."""

    kind: ClassVar[str] = "trials"

    tokenizer: TokenizerSpec
    """Specification of the tokenizer."""
    encoder: EncoderSpec | None
    """The encoder to start from; None: no encoder of the sweep."""
    target: tuple[str, ...]
    """Species for evaluation; empty: all rows."""
    model: ModelConfig
    """Size of the model."""
    training: TrainingConfig
    """Schedule, batches and seed."""
    trained_on: tuple[str, ...] | None = None
    """Species whose rows are used for training and validation; None: the target."""
    shots: int | None = None
    """Number of training rows per class; None: all."""
    resample: int = 0
    """Number of the draw of shots. Within a draw, smaller sets are subsets of larger ones."""
    checkpoint: str | None = None
    """Key of the pretrained checkpoint to start from, or that `encoder` continues."""
    tuning: TuningConfig = field(default_factory=TuningConfig)
    """Which weights are trained."""
    classification: ClassificationConfig = field(default_factory=ClassificationConfig)
    """How rows are presented, and the loss."""

    @property
    def learned_from(self) -> tuple[str, ...]:
        """Species whose training rows are used, and whose validation rows determine the weights
        kept and the threshold; empty: all rows."""
        return self.target if self.trained_on is None else self.trained_on

    @cached_property
    def key(self) -> str:
        """The trial key."""
        return content_key(
            "trial",
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


@dataclass(frozen=True, kw_only=True)
class CountsSpec:
    """Counts of k-mers in rows of a data set, or in a whole genome."""

    kind: ClassVar[str] = "ngrams"

    k: int
    """Length of the longest k-mers."""
    dataset: str | None = None
    """Key of the data set whose training rows are counted; None: a genome."""
    species: tuple[str, ...] = ()
    """Species whose rows are counted; empty: all rows."""
    positives_only: bool = True
    """Whether only positives are counted rather than all training rows."""
    held_out: str | None = None
    """Key of a data set whose validation and test rows are left out."""
    genome: str | None = None
    """SHA-256 of the FASTA file that is counted."""
    soft_masked: bool = True
    """Whether lower-case bases of a genome are counted."""

    @cached_property
    def key(self) -> str:
        """Key of the counts."""
        rows = (self.dataset, sorted(self.species), self.positives_only, self.held_out)
        source = rows if self.dataset else (self.genome, self.soft_masked)
        return content_key("ngrams", versions.PMI, self.k, source)


@dataclass(frozen=True, kw_only=True)
class PmiSpec:
    """A table of k-mers with PMI scores: made from counts, or given."""

    kind: ClassVar[str] = "pmi"

    counts: CountsSpec | None = None
    """Specification of the counts; None if the table is given."""
    config: PmiConfig | None = None
    """How k-mers are scored; None if the table is given."""
    table: str | None = None
    """Key of a given table."""

    @cached_property
    def key(self) -> str:
        """Key of the table."""
        if self.table is not None:
            return self.table
        assert self.counts is not None, "a table is given or made of counts"
        return content_key("pmi", versions.PMI, self.counts.key, self.config)
