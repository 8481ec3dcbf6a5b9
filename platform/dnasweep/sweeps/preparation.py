"""From options to a data set and a recipe, with every check that is possible before training."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dnasweep.config import PmiConfig, TuningConfig
from dnasweep.data.audit import Audit
from dnasweep.data.catalogue import Catalogue
from dnasweep.data.columns import Unlabelled
from dnasweep.data.dataset_config import catalogue_of
from dnasweep.data.label_checks import check_labels
from dnasweep.data.labels import ZERO_AND_ONE, Labels
from dnasweep.data.species_sets import pretraining_stages, species_set
from dnasweep.data.table import check_species
from dnasweep.errors import InputError
from dnasweep.stages.dataset import Rows, load_dataset, obtain_dataset, rows_of
from dnasweep.stages.recipe import Recipe
from dnasweep.storage import Storage
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.training_options import Precision, TrainingOptions
from dnasweep.tasks.registry import task_of

OTHER_FAMILIES_SEED = 1_000_000
"""Added to the seed of the built-in data to simulate pretraining sequences from other families."""
OTHER_FAMILIES_FRACTIONS = (0.9, 0.05, 0.05)
"""Split fractions of these rows, none of which is used for testing."""


@dataclass(frozen=True)
class Prepared:
    """A data set that a sweep or a job reads."""

    key: str
    """Key of the data set."""
    folder: Path
    """Its folder."""
    table: pd.DataFrame
    """Its rows."""
    audit: Audit
    """What the leak audit found."""
    files: tuple[str, ...] = ()
    """The files that it was read from, as named in the options."""
    catalogue: Catalogue | None = None
    """Catalogue of known species; None: that of the platform."""
    labels: Labels = ZERO_AND_ONE
    """Description of its labels."""

    def members(self, name: str) -> tuple[str, ...]:
        """Return those species of the rows that belong to a set."""
        return species_set(name, self.species, self.catalogue)

    @property
    def species(self) -> tuple[str, ...]:
        """Species of the rows."""
        return tuple(sorted(s for s in self.table["species"].unique() if s))

    @property
    def source(self) -> str:
        """Source of the rows for pretraining, in words."""
        if self.files:
            return " ".join(self.files)
        promoters = int((self.table["label"] > 0).sum())
        return f"{len(self.table):,} simulated sequences of other families, {promoters:,} of them promoters"


def prepare_data(storage: Storage, options: DataOptions) -> Prepared:
    """Read or simulate the data set that options describe, split it and audit it."""
    files = (*options.data, *options.positives, *options.negatives)
    with _name_files(files):
        key, folder = obtain_dataset(storage, options.dataset)
        data = _loaded(storage, key, folder, options, files)
        check_labels(data.table, data.labels)
    return data


def _loaded(
    storage: Storage, key: str, folder: Path, options: DataOptions, files: tuple[str, ...]
) -> Prepared:
    found = load_dataset(storage, key)
    return Prepared(
        key, folder, found.table, found.audit, files, catalogue_of(options), found.labels
    )


@contextlib.contextmanager
def _name_files(files: Sequence[str]) -> Iterator[None]:
    """Add the file names to errors about all rows together, which name no file."""
    try:
        yield
    except InputError as error:
        if error.file is not None or not files:
            raise
        raise InputError(
            error.reason, file=", ".join(files), row=error.row, remedy=error.remedy
        ) from error


def prepare_pretraining(
    storage: Storage,
    options: DataOptions,
    files: tuple[str, ...],
    *,
    simulated: int = 0,
    positives_only: bool = False,
) -> Prepared | None:
    """Read or simulate the data set for pretraining; return None if it is the main data set.

    All options except the files are those of the main data set.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    options
        Options of the main data set.
    files
        The files to pretrain on.
    simulated
        Without files: number of sequences per species to simulate from other families, in addition
        to the built-in data. 0: none.
    positives_only
        Whether only rows of class 1 are read, so any labels in the files must be valid.
    """
    if not files and not simulated:
        return None
    if not files:
        if options.dataset.reads_files:
            raise InputError(
                f"pretrain_rows is {simulated!r} with data",
                remedy="They are simulated for the built-in data alone; name files to pretrain on "
                "with --pretrain-data.",
            )
        other = dataclasses.replace(
            options,
            simulated_rows=simulated,
            data_seed=(options.data_seed + OTHER_FAMILIES_SEED) % 2**63,
            split_fractions=OTHER_FAMILIES_FRACTIONS,
        )
        try:
            key, folder = obtain_dataset(storage, other.dataset)
        except InputError as error:
            raise InputError(
                f"{simulated} simulated sequences per species are too few: {error.reason}",
                remedy="Give more --pretrain-rows, or 0 to pretrain on the training rows.",
            ) from error
        return _loaded(storage, key, folder, options, files)
    other = dataclasses.replace(
        options,
        data=files,
        positives=(),
        negatives=(),
        sequences=(),
        generate_negatives="none",
        # The genome of the labelled rows; the pretraining rows may come from no genome.
        tracks=(),
        task="auto" if options.tracks else options.task,
    )
    with _name_files(files):
        try:
            key, folder = obtain_dataset(storage, other.dataset)
        except InputError as error:
            # Masked language modelling needs no labels; if the rows have none, all of them are
            # used.
            if positives_only and not isinstance(error, Unlabelled):
                raise
            config = dataclasses.replace(other.dataset, unlabelled=True)
            key, folder = obtain_dataset(storage, config)
        return _loaded(storage, key, folder, options, files)


def make_recipe(
    data: Prepared,
    options: TrainingOptions,
    *,
    target: str = "all",
    pretraining: Prepared | None = None,
    targets: Sequence[str] = (),
    validated: bool = True,
    pmi_table: tuple[str, int] | None = None,
    precision: Precision = "fp32",
) -> Recipe:
    """Return what all cells have in common, with budgets in bases instead of epochs.

    Parameters
    ----------
    data
        The data set.
    options
        Options of the model and its training.
    target
        Species set that classifiers are trained and evaluated on.
    pretraining
        Another data set to pretrain on.
    targets
        Names of the targets, if targets are an axis. An epoch of fine-tuning is then one pass over
        a target of mean size, so every model reads the same number of bases.
    validated
        Whether models are chosen on validation, which requires validation rows.
    pmi_table
        Key and k of a given PMI table.
    precision
        Arithmetic of the forward and backward pass.

    Raises
    ------
    InputError
        If a target has no rows in a split that is needed.
    """
    widths = data.table["sequence"].str.len().to_numpy()
    epoch = float(
        np.mean(
            [
                widths[_rows_of_target(data, name, validated).train].sum()
                for name in targets or (target,)
            ]
        )
    )
    source = (pretraining or data).table
    # Only if one of two classes is the positive one.
    labels = (pretraining or data).labels
    positives = options.pretrain_on == "positives" and task_of(labels).has_positives
    read = rows_of(source, (), positives_only=positives).train
    bases = float(source["sequence"].iloc[read].str.len().sum())
    return Recipe(
        dataset=data.key,
        species=data.species,
        target=target,
        model=options.model_config(),
        masking=options.masking_config(),
        pmi=PmiConfig(variant=options.pmi, min_count=options.pmi_min_count),
        pmi_table=pmi_table,
        pretraining=options.pretraining(bases, precision=precision),
        finetuning=options.finetuning(epoch, precision=precision),
        pretraining_dataset=pretraining.key if pretraining else None,
        pretraining_species=pretraining.species if pretraining else (),
        pretrain_on_positives=positives,
        classification=options.classification_config(),
        tuning=TuningConfig.parse(options.tuning),
        catalogue=data.catalogue,
    )


def _rows_of_target(data: Prepared, target: str, validated: bool) -> Rows:
    members = () if target == "all" else data.members(target)
    rows = rows_of(data.table, members)
    if not all(map(len, rows if validated else (rows.train, rows.test))):
        raise InputError(
            f"target {target!r} has {len(rows.train)} training, {len(rows.validation)} "
            f"validation and {len(rows.test)} test rows",
            remedy="Give a --target that the data has, or another --split.",
        )
    return rows


def check_species_sets(data: Prepared, names: Sequence[str]) -> None:
    """Refuse a species set for which the data have no rows or too few."""
    with _name_files(data.files):
        for name in names:
            for part, members in pretraining_stages(name, data.species, data.catalogue):
                if part != "all":
                    check_species(data.table, members)
