"""Options of a data set, and the configuration built from them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

from dnasweep.config.ranges import Between, Fraction, Range, Seed
from dnasweep.data.dataset_config import DECOY_RATE, DatasetConfig, DatasetFields, Identity

SimulatedRows = Annotated[int, Range(1, 1_000_000)]


@dataclass(frozen=True, kw_only=True)
class DataOptions(DatasetFields):
    """Where sequences come from."""

    split_fractions: tuple[Between, Between, Between] = (0.8, 0.1, 0.1)
    """Fractions of rows for training, validation and test, if the data give no splits."""
    split_identity: Identity = 0.8
    """Minimum identity of similar sequences, in splits and in the audit: 0.7 to 1."""
    simulated_rows: SimulatedRows = 240
    """Rows per species of the built-in data."""
    decoy_rate: Fraction = DECOY_RATE
    """Built-in data: frequency of promoter elements in negatives, at wrong positions, relative to promoters.
    With 0, k-mer counts separate the classes; with 1, only positions do."""
    data_seed: Seed = 0
    """Seed of simulation, generated negatives and splits."""

    @property
    def dataset(self) -> DatasetConfig:
        """The data set that these options describe."""
        return DatasetConfig(
            **{field.name: getattr(self, field.name) for field in fields(DatasetFields)},
            fractions=self.split_fractions,
            identity=self.split_identity,
            simulate_per_species=self.simulated_rows,
            decoy_rate=self.decoy_rate,
            seed=self.data_seed,
        )
