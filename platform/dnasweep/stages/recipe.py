"""Derive the specifications of tokenizer, encoder and classifier from a cell of a sweep.

A :class:`Cell` has the values of the axes, one combination of a sweep; a :class:`Recipe` has everything
that is the same in all cells. Together they determine the specifications of the stages.
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
    PmiConfig,
    TokenizerConfig,
    TrainingConfig,
    TuningConfig,
)
from dnasweep.data.catalogue import Catalogue
from dnasweep.data.species_sets import members_among, pretraining_stages
from dnasweep.errors import InputError
from dnasweep.stages.specs import (
    ClassifierSpec,
    CountsSpec,
    EncoderSpec,
    PmiSpec,
    PretrainedCheckpoint,
    TokenizerSpec,
)
from dnasweep.tokens.masking.pmi import check_table
from dnasweep.tokens.masking.registry import resolve

NEXT_STAGE = 1000
"""Added to the seed for each further stage of pretraining. Otherwise each stage would mask the
same tokens of the same rows in the same epochs as the previous one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One combination of a sweep. For an axis that is None, the value of the recipe applies."""

    tokenizer: str = "kmer-6"
    """Short name of the tokenizer, such as `kmer-6-overlap` or `bpe-1024`."""
    species_set: str = "all"
    """Species set to pretrain on, `A-then-B` for two stages, `none` for random initialisation."""
    learning_rate: float = 5e-4
    """Peak learning rate of fine-tuning."""
    seed: int = 0
    """Seed of fine-tuning."""
    masking: str | None = None
    """Masking scheme of pretraining; `genemask@pmi_n` names the variant of PMI as well."""
    preset: str | None = None
    """Model size."""
    warmup: float | None = None
    """Warm-up fraction of fine-tuning."""
    weight_decay: float | None = None
    """Weight decay of fine-tuning."""
    dropout: float | None = None
    """Dropout of fine-tuning."""
    target: str | None = None
    """Species set that the classifier is evaluated on."""
    trained_on: str | None = None
    """Species set that it is fine-tuned on; None: the target."""
    shots: int | None = None
    """Number of training rows per class."""
    resample: int | None = None
    """Number of the draw of shots."""
    checkpoint: str | None = None
    """Name of the pretrained checkpoint to start from instead of pretraining, from those of the
    recipe; `none` means no checkpoint."""
    tuning: str | None = None
    """Which weights are trained: full, probe, lora-RANK..."""

    @property
    def label(self) -> str:
        """The cell as text, for logs and run names."""
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
    """Settings that all cells of a sweep have in common, and part of the key of the sweep."""

    dataset: str
    """Key of the data set."""
    species: tuple[str, ...]
    """Species of the data set; empty if it names none."""
    target: str = "all"
    """Species set that classifiers are trained and evaluated on."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Model size."""
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    """Which tokens pretraining masks."""
    pmi: PmiConfig = field(default_factory=PmiConfig)
    """How k-mers are scored, for masking schemes that use PMI."""
    pmi_table: tuple[str, int] | None = None
    """Key and k of a given PMI table; None: k-mers are counted in the pretraining rows."""
    pretraining: TrainingConfig = field(default_factory=TrainingConfig)
    """Pretraining settings; the budget in bases is the same for every species set."""
    finetuning: TrainingConfig = field(default_factory=TrainingConfig)
    """Fine-tuning settings; learning rate and seed come from the cell."""
    shot_training: tuple[tuple[int, TrainingConfig], ...] = ()
    """Pairs of a number of shots and the settings that replace `finetuning` for it."""
    pretraining_dataset: str | None = None
    """Key of the data set for pretraining and for fitting tokenizers; None: `dataset`."""
    pretraining_species: tuple[str, ...] = ()
    """Species of the data set for pretraining, if it is a separate one."""
    pretrain_on_positives: bool = True
    """Whether pretraining uses only positives rather than all training rows."""
    classification: ClassificationConfig = field(default_factory=ClassificationConfig)
    """How fine-tuning presents rows, and its loss."""
    tuning: TuningConfig = field(default_factory=TuningConfig)
    """Which weights fine-tuning trains."""
    checkpoints: tuple[PretrainedCheckpoint, ...] = ()
    """Pretrained checkpoints that cells may refer to."""
    pretrain_per_seed: bool = False
    """Whether each seed has its own encoder, or all seeds start from the same one."""
    catalogue: Catalogue | None = field(default=None, compare=False, metadata={"keyed": False})
    """Catalogue of known species; None: that of the platform. It is in the key of the data set."""

    @property
    def read_species(self) -> tuple[str, ...]:
        """Species of the data set for pretraining."""
        return self.species if self.pretraining_dataset is None else self.pretraining_species

    def members(self, name: str) -> tuple[str, ...]:
        """Return those species of a set that are in the data set; empty means all rows."""
        return members_among(name, self.species, self.catalogue)

    def _read(self, name: str) -> tuple[str, ...]:
        """Return those species of a set that are in the data set for pretraining."""
        return members_among(name, self.read_species, self.catalogue)

    def canonical(self, cell: Cell) -> Cell:
        """Return the canonical form of a cell, in which settings that have no effect are None.

        A cell that starts from a pretrained checkpoint has the tokenizer and the size of that
        checkpoint, and no pretraining unless its pretraining is continued. Without pretraining,
        masking has no effect.
        """
        found = self._checkpoint(cell)
        stages = pretraining_stages(cell.species_set, self.read_species, self.catalogue)
        if found is None:
            masking = cell.masking if stages else None
            return dataclasses.replace(cell, checkpoint=None, masking=masking)
        further = found.pretrained_further and bool(stages)
        named = TokenizerConfig.parse(cell.tokenizer).name
        return dataclasses.replace(
            cell,
            tokenizer=named if named in found.tokenizers else found.tokenizers[0],
            species_set=cell.species_set if further else "none",
            masking=cell.masking if further else None,
            preset=None,
            # Without pretrained weights, all weights are trained.
            tuning=cell.tuning if found.key else None,
        )

    def _checkpoint(self, cell: Cell) -> PretrainedCheckpoint | None:
        if cell.checkpoint in (None, "none"):
            return None
        for one in self.checkpoints:
            if one.name == cell.checkpoint:
                return one
        raise InputError(f"the sweep has not prepared the checkpoint {cell.checkpoint!r}")

    def _checkpoint_model(self, found: PretrainedCheckpoint) -> ModelConfig:
        """Return the size of a checkpoint, with at most the requested number of positions."""
        if not found.key:
            return found.model
        limits = [n for n in (found.model.max_tokens, self.model.max_tokens) if n is not None]
        return dataclasses.replace(
            found.model, max_tokens=min(limits, default=None), windows=self.model.windows
        )

    def expand(self, cell: Cell) -> ClassifierSpec:
        """Return the specification of the classifier of a cell, with its encoder and tokenizer."""
        cell = self.canonical(cell)
        checkpoint = self._checkpoint(cell)
        stages = pretraining_stages(cell.species_set, self.read_species, self.catalogue)
        target = self.members(cell.target or self.target)
        trained_on = self.members(cell.trained_on) if cell.trained_on else None
        source = self.pretraining_dataset
        read = self._union(stages) if stages else target if trained_on is None else trained_on
        if source is not None:
            # Without pretraining, the tokenizer is also fitted there, on the species of the target
            # in it.
            read = tuple(name for name in read if name in self.pretraining_species)
        tokenizer = TokenizerSpec(
            dataset=self.dataset,
            species=read,
            config=TokenizerConfig.parse(cell.tokenizer),
            fitted_on=source,
            held_out=self.dataset if source else None,
        )
        model = self.model
        if cell.preset:
            model = ModelConfig.preset(
                cell.preset, max_tokens=self.model.max_tokens, windows=self.model.windows
            )
        tuning = TuningConfig.parse(cell.tuning) if cell.tuning else self.tuning
        if checkpoint is not None:
            tokenizer = dataclasses.replace(
                tokenizer, species=(), fitted_on=None, held_out=None, model=checkpoint.key or None
            )
            model = self._checkpoint_model(checkpoint)
            if not checkpoint.key:
                tuning = TuningConfig()
        corpus = tokenizer if source is None else dataclasses.replace(tokenizer, dataset=source)
        masking = self.masking
        if cell.masking:
            masking = dataclasses.replace(masking, scheme=cell.masking)
        pmi: PmiConfig | None = None
        if stages:
            if self.pmi_table is not None and "@" in masking.scheme:
                raise InputError(
                    f"masking scheme {masking.scheme!r} names a PMI variant, and the table of k-mers "
                    "is given",
                    remedy=f"Use {masking.scheme.partition('@')[0]}, or leave --pmi-table out.",
                )
            masking, pmi = resolve(masking, tokenizer.config, self.pmi)
        encoder: EncoderSpec | None = None
        seed = cell.seed if self.pretrain_per_seed else self.pretraining.seed
        for place, (name, _) in enumerate(stages):
            training = dataclasses.replace(
                self.pretraining,
                bases=max(1, self.pretraining.bases // len(stages)),
                seed=seed + place * NEXT_STAGE,
            )
            encoder = EncoderSpec(
                tokenizer=corpus,
                species=self._read(name),
                model=model,
                masking=masking,
                pmi=None if pmi is None else self._pmi_spec(name, corpus, pmi),
                training=training,
                positives_only=self.pretrain_on_positives,
                held_out=self.dataset if source else None,
                parent=encoder,
                # With k-mers or bases, both strands have equally many tokens; other vocabularies
                # may differ.
                both_strands=tokenizer.config.fitted and self.classification.both_strands,
                checkpoint=checkpoint.key if checkpoint and encoder is None else None,
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
            checkpoint=checkpoint.key or None if checkpoint else None,
            tuning=tuning,
            classification=self.classification,
        )

    def _pmi_spec(self, name: str, corpus: TokenizerSpec, pmi: PmiConfig) -> PmiSpec:
        """Return the PMI table for an encoder of species set `name`."""
        if self.pmi_table is not None:
            key, k = self.pmi_table
            check_table(k, corpus.config)
            return PmiSpec(table=key)
        counts = CountsSpec(
            k=corpus.config.k,
            dataset=corpus.dataset,
            species=self._read(name),
            positives_only=self.pretrain_on_positives,
            held_out=self.dataset if self.pretraining_dataset else None,
        )
        return PmiSpec(counts=counts, config=pmi)

    def _finetuning(self, cell: Cell) -> TrainingConfig:
        axes = {name: getattr(cell, name) for name in ("learning_rate", "warmup", "weight_decay")}
        changes: dict[str, Any] = {n: value for n, value in axes.items() if value is not None}
        base = self.finetuning
        if cell.shots is not None:
            base = dict(self.shot_training).get(cell.shots, base)
        optimizer: OptimizerConfig = dataclasses.replace(base.optimizer, **changes)
        dropout = base.dropout if cell.dropout is None else cell.dropout
        return dataclasses.replace(base, optimizer=optimizer, seed=cell.seed, dropout=dropout)

    def _union(self, stages: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
        sets = [self._read(name) for name, _ in stages]
        if not all(sets):
            return ()
        return tuple(dict.fromkeys(s for members in sets for s in members))
