"""A cell of a sweep and what it stands for: which tokenizer, which pretraining, which fine-tuning.

A :class:`Recipe` holds everything that a sweep keeps fixed, a :class:`Cell` the values of its axes.
Together they expand into the specifications of the stages.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from dnasweep.config import (
    ClassificationConfig,
    MaskingConfig,
    ModelConfig,
    OptimizerConfig,
    TokenizerConfig,
    TrainingConfig,
    TuningConfig,
)
from dnasweep.errors import InputError
from dnasweep.genome.species import pretraining_stages, species_set
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec, TokenizerSpec


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
    target: str | None = None
    """Species set that the classifier is judged on."""
    trained_on: str | None = None
    """Species set that it is fine-tuned on; None: the target."""
    shots: int | None = None
    """Training rows of each class."""
    resample: int | None = None
    """Which draw of so many shots."""
    checkpoint: str | None = None
    """Model from elsewhere to start from, in place of pretraining: a directory or a hub name."""
    tuning: str | None = None
    """Which weights move: full, probe, lora-RANK..."""

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
    pretraining_dataset: str | None = None
    """Key of the data set to pretrain and to fit tokenizers on; None: the same one."""
    pretraining_species: tuple[str, ...] = ()
    """Species that the data set to pretrain on names, where it is another one."""
    pretrain_on_positives: bool = True
    """Whether pretraining reads the positives alone, or every training row."""
    classification: ClassificationConfig = field(default_factory=ClassificationConfig)
    """How fine-tuning shows rows."""
    tuning: TuningConfig = field(default_factory=TuningConfig)
    """Which weights fine-tuning moves."""
    checkpoints: tuple[tuple[str, str], ...] = ()
    """Models from elsewhere: the name in the cell, and its key."""
    pretrain_per_seed: bool = False
    """Whether each seed pretrains its own encoder, or all seeds start from one."""

    def members(self, name: str) -> tuple[str, ...]:
        """Species of a set that this data set has; empty stands for every row."""
        return _among(name, self.species)

    def _read(self, name: str) -> tuple[str, ...]:
        """Species of a set that the data set to pretrain on has."""
        other = self.pretraining_dataset is not None
        return _among(name, self.pretraining_species if other else self.species)

    def expand(self, cell: Cell) -> ClassifierSpec:
        """Return what `cell` stands for, down to its tokenizer."""
        stages = pretraining_stages(cell.species_set)
        target = self.members(cell.target or self.target)
        trained_on = self.members(cell.trained_on) if cell.trained_on else None
        read = self._union(stages) if stages else target if trained_on is None else trained_on
        source = self.pretraining_dataset
        tokenizer = TokenizerSpec(
            dataset=self.dataset,
            species=read,
            config=TokenizerConfig.parse(cell.tokenizer),
            fitted_on=source,
        )
        text = tokenizer if source is None else dataclasses.replace(tokenizer, dataset=source)
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
                tokenizer=text,
                species=self._read(name),
                model=model,
                masking=masking,
                training=training,
                positives_only=self.pretrain_on_positives,
                held_out=self.dataset if source else None,
                parent=encoder,
            )
        return ClassifierSpec(
            tokenizer=tokenizer,
            encoder=encoder,
            target=target,
            model=model,
            training=self._finetuning(cell),
            trained_on=trained_on,
            shots=cell.shots,
            resample=cell.resample or 0,
            checkpoint=dict(self.checkpoints)[cell.checkpoint] if cell.checkpoint else None,
            tuning=TuningConfig.parse(cell.tuning) if cell.tuning else self.tuning,
            classification=self.classification,
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
        sets = [self._read(name) for name, _ in stages]
        if not all(sets):
            return ()
        return tuple(dict.fromkeys(s for members in sets for s in members))


def _among(name: str, species: tuple[str, ...]) -> tuple[str, ...]:
    """Return the members of a species set that are among some; empty stands for every row."""
    if name == "all" or not species:
        return ()
    members = tuple(s for s in species_set(name) if s in species)
    if not members:
        raise InputError(
            f"species set {name!r} has none of the species of the data",
            remedy=f"Name some of {', '.join(species)}.",
        )
    return members
