"""From options to a data set and a recipe: everything that is checked before anything is trained."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from dnasweep.config import (
    ClassificationConfig,
    MaskingConfig,
    ModelConfig,
    OptimizerConfig,
    PmiConfig,
    TrainingConfig,
    TuningConfig,
)
from dnasweep.data.audit import Audit
from dnasweep.data.columns import Unlabelled
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.species import pretraining_stages, species_set
from dnasweep.data.table import check_classes, check_species
from dnasweep.errors import InputError
from dnasweep.stages.dataset import Rows, load_dataset, obtain_dataset, rows_of
from dnasweep.stages.recipe import Recipe
from dnasweep.storage import Storage
from dnasweep.sweeps.options import DataOptions, TrainingOptions

EPOCHS, BATCH = TrainingOptions.finetune_epochs, TrainingOptions.batch_size
"""Where the options leave these to the number of shots, and a cell has none."""


@dataclass(frozen=True)
class Prepared:
    """A data set on its way into a sweep or a job."""

    key: str
    """Key of the data set."""
    folder: Path
    """Its folder."""
    table: pd.DataFrame
    """Its rows."""
    audit: Audit
    """What the leak audit found."""
    files: tuple[str, ...] = ()
    """The files it was asked from."""

    @property
    def species(self) -> tuple[str, ...]:
        """Species the rows name."""
        return tuple(sorted(s for s in self.table["species"].unique() if s))


def prepare_data(storage: Storage, options: DataOptions) -> Prepared:
    """Read or simulate, split and audit the data set of some options."""
    config = dataset_config(options)
    files = (*options.data, *options.positives, *options.negatives)
    with _naming(files):
        key, folder = obtain_dataset(storage, config)
        dataset = load_dataset(storage, key)
        check_classes(dataset.table)
        if dataset.table["label"].max() > 1:
            raise InputError(
                f"there are labels up to {dataset.table['label'].max()}",
                remedy="Sweeps compare two classes: use the labels 0 and 1.",
            )
    return Prepared(key, folder, dataset.table, dataset.audit, files)


@contextlib.contextmanager
def _naming(files: Sequence[str]) -> Iterator[None]:
    """Name the files in an error about all their rows together, which names none itself."""
    try:
        yield
    except InputError as error:
        if error.file is not None or not files:
            raise
        raise InputError(
            error.reason, file=", ".join(files), row=error.row, remedy=error.remedy
        ) from error


def dataset_config(options: DataOptions) -> DatasetConfig:
    """Return the data set that the options describe."""
    return DatasetConfig(
        data=options.data,
        positives=options.positives,
        negatives=options.negatives,
        genome=options.genome,
        species=options.species,
        format=options.format,
        generate_negatives=options.generate_negatives,
        first_base=options.first_base,
        last_base=options.last_base,
        negative_distance=options.negative_distance,
        split=options.split,
        fractions=options.split_fractions,
        identity=options.split_identity,
        crop=options.crop,
        leaks=options.leaks,
        skip_bad_rows=options.skip_bad_rows,
        simulate_per_species=options.simulated_rows,
        seed=options.data_seed,
    )


def prepare_pretraining(
    storage: Storage, options: DataOptions, files: tuple[str, ...]
) -> Prepared | None:
    """Read the data set to pretrain on, where it is another than the one to fine-tune on.

    Everything but the files is as the options say for the data.
    """
    if not files:
        return None
    other = dataclasses.replace(
        options, data=files, positives=(), negatives=(), generate_negatives="none"
    )
    with _naming(files):
        try:
            key, folder = obtain_dataset(storage, dataset_config(other))
        except Unlabelled as error:
            raise InputError(
                error.reason,
                file=error.file,
                row=error.row,
                remedy="Pretraining makes no use of labels, but data are read with them: give a "
                "table with a column label that is 1 in every row.",
            ) from None
        dataset = load_dataset(storage, key)
    return Prepared(key, folder, dataset.table, dataset.audit, files)


def make_recipe(
    data: Prepared,
    options: TrainingOptions,
    *,
    target: str = "all",
    pretraining: Prepared | None = None,
    targets: Sequence[str] = (),
    validated: bool = True,
    pmi_table: tuple[str, int] | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
) -> Recipe:
    """Turn options into what every cell shares; budgets become bases.

    Where `targets` are an axis, an epoch of fine-tuning is one pass over the mean target, so that
    every model reads the same number of bases whichever species it learns from. Designs that
    choose nothing on validation are not `validated`, and need no rows for it.
    """
    widths = data.table["sequence"].str.len().to_numpy()
    epoch = float(
        np.mean(
            [widths[_judged(data, name, validated).train].sum() for name in targets or (target,)]
        )
    )
    source = (pretraining or data).table
    read = rows_of(source, (), positives_only=options.pretrain_on == "positives").train
    bases = float(source["sequence"].iloc[read].str.len().sum())
    epochs = EPOCHS if options.finetune_epochs is None else options.finetune_epochs
    batch = BATCH if options.batch_size is None else options.batch_size
    masked = TrainingConfig(
        bases=max(1, round(options.pretrain_epochs * bases)),
        batch_size=options.pretrain_batch_size,
        micro_batch_size=micro_batch(
            options.pretrain_batch_size, options.pretrain_batch_size // 2
        ),
        evaluations=options.evaluations,
        dropout=0.0,
        precision=precision,
        seed=options.pretrain_seed,
        optimizer=OptimizerConfig(learning_rate=options.pretrain_learning_rate, warmup=0.06),
    )
    finetuning = TrainingConfig(
        bases=max(1, round(epochs * epoch)),
        batch_size=batch,
        micro_batch_size=micro_batch(batch, options.micro_batch_size),
        evaluations=options.evaluations,
        dropout=options.dropout,
        precision=precision,
        optimizer=OptimizerConfig(
            learning_rate=5e-4, warmup=options.warmup, weight_decay=options.weight_decay
        ),
    )
    return Recipe(
        dataset=data.key,
        species=data.species,
        target=target,
        model=ModelConfig.preset(
            options.preset, max_tokens=options.max_tokens, windows=options.windows
        ),
        masking=MaskingConfig(
            scheme=options.masking, rate=options.mask_rate, threshold=options.stall_threshold
        ),
        pmi=PmiConfig(variant=options.pmi, min_count=options.pmi_min_count),
        pmi_table=pmi_table,
        pretraining=masked,
        finetuning=finetuning,
        pretraining_dataset=pretraining.key if pretraining else None,
        pretraining_species=pretraining.species if pretraining else (),
        pretrain_on_positives=options.pretrain_on == "positives",
        classification=ClassificationConfig(
            augment_reverse_complement=options.augment_reverse_complement,
            average_reverse_complement=options.average_reverse_complement,
            class_weights=options.class_weights,
            label_smoothing=options.label_smoothing,
        ),
        tuning=TuningConfig.parse(options.tuning),
    )


def _judged(data: Prepared, target: str, validated: bool) -> Rows:
    members = () if target == "all" else species_set(target)
    judged = rows_of(data.table, members)
    if not all(map(len, judged if validated else (judged.train, judged.test))):
        raise InputError(
            f"target {target!r} has {len(judged.train)} training, {len(judged.validation)} "
            f"validation and {len(judged.test)} test rows",
            remedy="Give a --target that the data has, or another --split.",
        )
    return judged


def micro_batch(batch: int, most: int) -> int:
    """Return the largest number of sequences, at most `most`, that a batch can be cut into."""
    return max((n for n in range(1, batch + 1) if n <= most and batch % n == 0), default=1)


def check_species_sets(data: Prepared, names: Sequence[str]) -> None:
    """Refuse a species set that the data cannot stand for, before anything is trained."""
    with _naming(data.files):
        for name in names:
            for part, members in pretraining_stages(name):
                if part != "all":
                    check_species(data.table, members)
