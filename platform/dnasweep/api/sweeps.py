"""Sweeps from Python: run one, open a finished one, or train a single model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import escape

from dnasweep.api.execution import Workplace
from dnasweep.api.files import data_of, scratch_folder
from dnasweep.api.model import Model
from dnasweep.api.options import make_options
from dnasweep.errors import InputError, NothingLeft
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.storage import Storage
from dnasweep.sweeps.summary import SUMMARY, find_summaries, read_table

_SHOWN = 10


class Sweep:
    """A finished sweep: its table, its tests, its report and its best model.

    Returned by :func:`sweep` and :func:`open_sweep`.

    Attributes
    ----------
    folder
        Folder of the report.
    summary
        Name, key, metric, axes, best trial and findings, as recorded by the sweep.
    """

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage, self.folder = storage, folder
        self.summary: dict[str, Any] = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))

    def __repr__(self) -> str:
        return (
            f"<dnasweep.Sweep {self.name!r} {self.key[:6]}: {len(self.table)} cells by "
            f"{self.metric}, in {self._storage.root}>"
        )

    @property
    def name(self) -> str:
        """Name of the sweep."""
        return str(self.summary["name"])

    @property
    def key(self) -> str:
        """The content key of the sweep: the same request has the same key."""
        return str(self.summary["key"])

    @property
    def metric(self) -> str:
        """Metric for selection and ranking."""
        return str(self.summary["metric"])

    @property
    def findings(self) -> list[str]:
        """The findings of the report, in sentences."""
        return list(self.summary["findings"])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per combination, best on validation first: means over seeds with their spread."""
        return self._table("")

    @cached_property
    def selected(self) -> pd.DataFrame:
        """The best combination of each group (tokenizer, species set...), with its test scores."""
        return self._table("selected")

    @cached_property
    def tests(self) -> pd.DataFrame:
        """One row per pair of selected combinations, or of one and the k-mer baseline: their difference
        on the test set with interval and p-value."""
        return self._table("pairwise")

    @cached_property
    def baseline(self) -> pd.DataFrame:
        """Test scores of the k-mer baseline."""
        return self._table("baseline")

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / f"{self.summary['stem']}.html"

    def _table(self, name: str) -> pd.DataFrame:
        return read_table(self.folder, str(self.summary["stem"]), name)

    def best(self) -> Model:
        """Return the winning model: of the combination in the first row, the seed that is best on validation.

        Raises
        ------
        NothingLeft
            If no trial of the sweep has finished, or the sweep selects no model.
        """
        key = self.summary.get("best")
        if not key:
            raise NothingLeft(
                "the sweep has selected no model", remedy="The table in its report shows why."
            )
        folder = self._storage.expect(ClassifierSpec.kind, str(key))
        return Model(folder / CHECKPOINT, name=f"best of {self.name} {self.key[:6]}")

    def _repr_html_(self) -> str:
        rows = self.table.head(_SHOWN).to_html(index=False, float_format="{:.4g}".format)
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.findings)
        return f"<p>{escape(repr(self)[1:-1])}</p>{rows}<ul>{said}</ul>"


def sweep(
    data: Any = None,
    axes: Mapping[str, Sequence[Any]] | None = None,
    *,
    name: str = "sweep",
    storage: str | Path = "runs",
    address: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Sweep:
    """Train and compare every combination of the axes, and return the comparison.

    Stored results are not computed again: the same call resumes after an interruption, and costs nothing
    once everything has been computed.

    Parameters
    ----------
    data
        Files or folders, or a table with columns `sequence` and `label` (and `split`, `species`).
        Default: built-in simulated promoters.
    axes
        Values of each axis, by its name: `tokenizer`, `species_set` (to pretrain on, `none` for
        random weights), `learning_rate`, `seed`, `checkpoint`, `masking`, `preset`, `warmup`,
        `weight_decay`, `dropout`, `tuning`. Default: the axes of `dnasweep tokenizer-grid`.
    name
        Name of the sweep and of its MLflow experiment.
    storage
        Storage root: a folder or s3://bucket/folder.
    address
        Ray cluster to train on: `auto`, HOST:PORT, or `local` for workers on this machine. Default:
        this process, one trial after the other.
    progress
        Whether to print progress to standard error.
    options
        Other options of `dnasweep tokenizer-grid`, such as `metric`, `finetune_epochs`, `search`.

    Raises
    ------
    InputError
        For any mistake that can be detected before training.

    Examples
    --------
    >>> found = dnasweep.sweep("promoters.csv", {"tokenizer": ["kmer-6", "bpe-512"]})  # doctest: +SKIP
    >>> found.table, found.best()  # doctest: +SKIP
    """
    from dnasweep.stages.recipe import Cell
    from dnasweep.sweeps.axes import SweepOptions
    from dnasweep.workflows.sweep import run_sweep

    if unknown := [axis for axis in axes or {} if axis not in Cell.__dataclass_fields__]:
        raise InputError(
            f"there is no axis {unknown[0]!r}",
            remedy=f"Use {', '.join(Cell.__dataclass_fields__)}.",
        )
    given = {axis: _listed(values) for axis, values in (axes or {}).items()}
    # Values of axes are checked in the same way as options.
    known = {field.name for field in fields(SweepOptions)}
    make_options(SweepOptions, {f"{axis}s": v for axis, v in given.items() if f"{axis}s" in known})
    with (
        Workplace(storage, address, options.pop("tracking_uri", None), progress=progress) as place,
        scratch_folder() as scratch,
    ):
        asked = make_options(
            SweepOptions,
            {
                **options,
                **place.options,
                "data": data_of(data, scratch),
                "checkpoints": options.get("checkpoints", given.get("checkpoint")),
            },
        )
        wanted = asked.axes | given
        executor = place.sweep_executor()
        found = run_sweep(name, wanted, asked, place.console, executor=executor)
        assert found is not None
        return open_sweep(storage, name=name)


def train(
    data: Any = None,
    *,
    tokenizer: str = "kmer-6",
    pretrain: str = "all",
    checkpoint: str | Path | None = None,
    learning_rate: float = 3e-4,
    seed: int = 0,
    storage: str | Path = "runs",
    **options: Any,
) -> Model:
    """Train one classifier, and return the model of its best epoch on validation.

    Parameters
    ----------
    data
        Files or folders, or a table with columns `sequence` and `label` (and `split`, `species`).
        Default: built-in simulated promoters.
    tokenizer
        `kmer-K`, `kmer-K-overlap`, `bpe-SIZE`, `wordpiece-SIZE` or `char`.
    pretrain
        Species set whose training rows the encoder is first pretrained on, such as `all`, `human` or
        `mammals`; `none` starts from random weights.
    checkpoint
        Folder or name of a pretrained model to start from instead, with its own tokenizer.
    learning_rate
        Peak learning rate.
    seed
        Seed of the head's initial weights, of dropout and of the order of rows.
    storage
        Storage root.
    options
        Options of :func:`sweep`: `address`, `progress`, `finetune_epochs`, `preset` and others.

    Raises
    ------
    InputError
        For any mistake that can be detected before training.
    """
    from dnasweep.sweeps.axes import SweepOptions

    axes: dict[str, Sequence[Any]] = {
        "tokenizer": [tokenizer],
        "species_set": [pretrain],
        "learning_rate": [learning_rate],
        "seed": [seed],
    }
    if checkpoint is not None:
        # The checkpoint's tokenizer replaces the default ones.
        axes |= {"tokenizer": SweepOptions.tokenizers, "checkpoint": [str(checkpoint)]}
    return sweep(data, axes, name=options.pop("name", "train"), storage=storage, **options).best()


def open_sweep(storage: str | Path = "runs", *, name: str | None = None) -> Sweep:
    """Return the latest finished sweep in a storage, or the latest with a given name.

    Parameters
    ----------
    storage
        Storage root of the sweep.
    name
        Name of the sweep, such as `tokenizer-grid`, or the first characters of its key.

    Raises
    ------
    InputError
        If there is no such sweep; the message lists those that exist.
    """
    store = Storage(storage)
    folders = find_summaries(store)
    fitting = [
        found
        for found in (Sweep(store, folder) for folder in folders)
        if name is None or found.name == name or (len(name) >= 4 and found.key.startswith(name))
    ]
    if not fitting:
        there = {f"{found.name} {found.key[:6]}" for found in (Sweep(store, f) for f in folders)}
        raise InputError(
            f"there is no finished sweep{'' if name is None else f' called {name!r}'}",
            file=store.root,
            remedy=f"There are: {', '.join(sorted(there))}." if there else "Run one first.",
        )
    return max(fitting, key=lambda found: found.summary["created"])


def _listed(values: Any) -> list[Any]:
    several = isinstance(values, Sequence) and not isinstance(values, str)
    return list(values) if several or hasattr(values, "tolist") else [values]
