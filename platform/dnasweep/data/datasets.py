"""A data set: sequences read or simulated, with negatives, in splits, and audited."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.audit import Audit, audit
from dnasweep.data.clustering import similar_pairs
from dnasweep.data.dataset_config import ANEW, DatasetConfig, catalogue_of
from dnasweep.data.fewer_rows import distinct_rows, fewer_rows
from dnasweep.data.findings import READ_AS, Finding, info
from dnasweep.data.label_checks import check_rare
from dnasweep.data.labels import ZERO_AND_ONE, Labels
from dnasweep.data.leak_policy import check_lengths, find_copies, rejected_copies
from dnasweep.data.negatives import generate_negatives
from dnasweep.data.profiles import with_profiles
from dnasweep.data.reading import read_rows
from dnasweep.data.simulate import simulate
from dnasweep.data.splits import resolve_method, split_table, told_of_splits
from dnasweep.data.table import SPLITS, check_table, crop_table, make_table
from dnasweep.data.twins import place_groups
from dnasweep.errors import InputError
from dnasweep.formats.rejects import RejectedRow, write_rejects

LABELS = "labels.json"
"""File that describes the labels of a data set; missing if they are 0 and 1."""
TWINS = "twins.parquet"
"""File of the rows with a twin in train, see :class:`~dnasweep.data.twins.Twins`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """Sequences with splits, labels and an audit."""

    table: pd.DataFrame
    """The sequences, as :mod:`dnasweep.data.table` defines them; every row has a split."""
    audit: Audit
    """Findings that could make results misleading."""
    elements: pd.DataFrame | None = None
    """True positions of promoter elements, if the data are simulated: id, element, start, end,
    strand."""
    labels: Labels = ZERO_AND_ONE
    """Description of the labels."""

    def write(self, folder: str | Path) -> None:
        """Write table, audit, elements, baseline scores and twins into a folder, created if missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.table.to_parquet(folder / "table.parquet", index=False)
        text = json.dumps(self.audit.to_json(), indent=2, allow_nan=False) + "\n"
        (folder / "audit.json").write_text(text, encoding="utf-8")
        if self.labels != ZERO_AND_ONE:
            named = json.dumps(self.labels.to_json(), indent=2) + "\n"
            (folder / LABELS).write_text(named, encoding="utf-8")
        self.audit.scores.to_parquet(folder / "baseline_scores.parquet", index=False)
        self.audit.twins.to_parquet(folder / TWINS, index=False)
        if self.elements is not None:
            self.elements.to_parquet(folder / "elements.parquet", index=False)

    @classmethod
    def read(cls, folder: str | Path) -> Dataset:
        """Read a data set written by :meth:`write`, and check its table again."""
        folder = Path(folder)
        path = folder / "table.parquet"
        if not path.is_file():
            raise InputError("there is no data set in this folder", file=folder)
        found = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
        scores = pd.read_parquet(folder / "baseline_scores.parquet")
        twins = pd.read_parquet(folder / TWINS)
        elements = folder / "elements.parquet"
        table = check_table(make_table(pd.read_parquet(path)), file=path)
        return cls(
            table=table,
            labels=_read_labels(folder / LABELS, table),
            audit=Audit.from_json(found, scores, twins),
            elements=pd.read_parquet(elements) if elements.exists() else None,
        )


def _read_labels(path: Path, table: pd.DataFrame) -> Labels:
    if path.is_file():
        return Labels.from_json(json.loads(path.read_text(encoding="utf-8")))
    # Without the file, labels are 0 and 1, or class numbers in a data set of an earlier version.
    return Labels.of_table(table)


def build_dataset(config: DatasetConfig, *, rejects: str | Path | None = None) -> Dataset:
    """Return the data set that a configuration describes.

    Sequences are read or simulated, negatives are added, copies are dropped, and the result is split and
    audited.

    Parameters
    ----------
    config
        Configuration of the data set.
    rejects
        File for bad rows that were left out, written if there are any.

    Raises
    ------
    InputError
        For input that cannot be used; see :func:`read_rows`, :func:`split_table` and
        :mod:`dnasweep.data.leak_policy`.
    """
    elements = None
    notes: tuple[Finding, ...] = ()
    labels = ZERO_AND_ONE
    if config.reads_files:
        table, _, groups, _, notes, labels = _screened(config, rejects)
    else:
        made = simulate(
            sequences_per_species=config.simulate_per_species,
            window=config.window,
            seed=config.seed,
            decoy_rate=config.decoy_rate,
        )
        table, elements, groups = made.table, made.elements, made.families
    method = resolve_method(table, config.split)
    dropped = 0
    if config.duplicates == "drop" or (config.duplicates == "auto" and method != "given"):
        first = distinct_rows(table)
        dropped = int((~first).sum())
        table = table[first].reset_index(drop=True)
        groups = None if groups is None else groups[first]
    # Equal simulated sequences of related species may be dropped, with their elements.
    if elements is not None:
        elements = elements[elements["id"].isin(table["id"])].reset_index(drop=True)
    if config.split_groups == "twins":
        if method == "given":
            raise InputError("split_groups is 'twins', but the data give the splits", remedy=ANEW)
        groups = place_groups(table, groups)
    if method == "given":
        table, groups, notes = _fewer(config, table, groups, notes)
    pairs = similar_pairs(table["sequence"].tolist(), identity=config.identity, seed=config.seed)
    given = set(table["split"]) if method == "given" else set(SPLITS)
    table = split_table(
        table,
        method=method,
        fractions=config.fractions,
        identity=config.identity,
        seed=config.seed,
        groups=groups,
        pairs=pairs,
    )
    notes = (*notes, *(info(READ_AS, line) for line in told_of_splits(table, given)))
    if method != "given" and config.train_rows is not None:
        table, _, notes = _fewer(config, table, None, notes)
        pairs = similar_pairs(
            table["sequence"].tolist(), identity=config.identity, seed=config.seed
        )
        if elements is not None:
            elements = elements[elements["id"].isin(table["id"])].reset_index(drop=True)
    found = audit(table, identity=config.identity, seed=config.seed, pairs=pairs, labels=labels)
    if dropped:
        what = f"{dropped:,} rows repeated an earlier one and were dropped"
        notes = (*notes, info("dropped-duplicates", what))
    findings = sorted((*found.findings, *notes), key=lambda finding: finding.level != "warning")
    found = dataclasses.replace(found, findings=tuple(findings))
    return Dataset(table=check_table(table), audit=found, elements=elements, labels=labels)


def _fewer(
    config: DatasetConfig,
    table: pd.DataFrame,
    groups: NDArray[np.int64] | None,
    notes: tuple[Finding, ...],
) -> tuple[pd.DataFrame, NDArray[np.int64] | None, tuple[Finding, ...]]:
    """Draw the requested number of training rows, and report it."""
    if config.train_rows is None:
        return table, groups, notes
    kept = fewer_rows(table, config.train_rows, config.seed)
    if kept.all():
        return table, groups, notes
    counts = [
        f"{int((kept & rows).sum()):,} of {int(rows.sum()):,} {name} rows"
        for name in ("train", "validation")
        if (rows := (table["split"] == name).to_numpy()).any()
    ]
    said = info(READ_AS, f"a draw of {' and '.join(counts)} is used, in proportion to the classes")
    rest = None if groups is None else groups[kept]
    return table[kept].reset_index(drop=True), rest, (*notes, said)


class _Gathered(NamedTuple):
    """Rows that were read, simulated or generated."""

    table: pd.DataFrame
    origins: pd.DataFrame
    groups: NDArray[np.int64] | None
    rejected: list[RejectedRow]
    notes: tuple[Finding, ...] = ()
    labels: Labels = ZERO_AND_ONE

    def keep(self, rows: NDArray[np.bool_]) -> _Gathered:
        groups = None if self.groups is None else self.groups[rows]
        table, origins = (f[rows].reset_index(drop=True) for f in (self.table, self.origins))
        return self._replace(table=table, origins=origins, groups=groups)


def _screened(config: DatasetConfig, rejects: str | Path | None) -> _Gathered:
    """Return the usable rows without copies, after writing the bad rows to a file."""
    gathered = _gather(config)
    if config.crop is not None:
        gathered = gathered._replace(table=crop_table(gathered.table, config.crop))
    if config.tracks and not config.unlabelled:
        made = with_profiles(*gathered[:2], config.tracks, config.bins, genome=config.genome)
        notes = (*gathered.notes, info(READ_AS, made.note))
        gathered = gathered._replace(table=made.table, labels=made.labels, notes=notes)
    rejected = gathered.rejected
    if config.leaks != "keep":
        if resolve_method(gathered.table, config.split) == "given":
            copies = find_copies(gathered.table, gathered.origins)
            if copies.error and config.leaks == "refuse" and not config.skip_bad_rows:
                raise copies.error
            rejected = [*rejected, *rejected_copies(gathered.table, gathered.origins, copies.rows)]
            gathered = gathered.keep(~copies.rows)
            gathered = gathered._replace(notes=(*gathered.notes, *copies.notes))
        check_lengths(gathered.table, gathered.origins)
    if rejected and rejects is not None:
        write_rejects(rejected, Path(rejects))
    return gathered


def _gather(config: DatasetConfig) -> _Gathered:
    table, origins, rejected, said, labels = read_rows(
        config.data,
        positives=config.positives,
        negatives=config.negatives,
        sequences=config.sequences,
        species=config.species,
        genome=config.genome,
        window=(config.first_base, config.last_base),
        skip_bad_rows=config.skip_bad_rows,
        min_bases=config.crop or 1,
        format=config.format,
        split_matters=config.split in ("auto", "given"),
        catalogue=catalogue_of(config),
        task=config.task,
        positive_label=config.positive_label,
        columns=config.columns._replace(where_present=config.unlabelled),
        require_labels=not (config.unlabelled or config.tracks),
    )
    if config.unlabelled:
        table, labels = make_table(table.assign(label=1)), Labels()
        said = (*said, f"labels are not read: all {len(table):,} rows are used for pretraining")
    check_rare(table, origins, labels)
    notes = tuple(info(READ_AS, line) for line in said)
    if config.generate_negatives == "none":
        return _Gathered(table, origins, None, rejected, notes, labels)
    if labels.task != "binary":
        raise InputError(
            f"--generate-negatives {config.generate_negatives} makes rows of the class 0, but the "
            f"labels are not of two classes ({labels.task})",
            remedy="Leave out --generate-negatives.",
        )
    promoters = table[table["label"] == 1].reset_index(drop=True)
    if promoters.empty:
        reason = "there are no promoters (label 1) for which to generate negatives"
        raise InputError(reason, remedy="Give promoters as --positives.")
    if num_negatives := int((table["label"] == 0).sum()):
        raise InputError(
            f"the data have {num_negatives:,} negatives (label 0) of their own, and "
            f"--generate-negatives {config.generate_negatives} is only for data that have none",
            remedy="Leave out --generate-negatives, or give only the positives.",
        )
    made = generate_negatives(
        promoters,
        config.generate_negatives,
        genome=config.genome,
        occupied=table,
        distance=config.negative_distance,
        seed=config.seed,
    )
    own = np.arange(len(table), dtype=np.int64)
    # A negative made from a promoter must be in the same split as the promoter.
    origin = np.where(made.parents >= 0, own[table["label"] == 1][made.parents], -1)
    nowhere = pd.DataFrame({"file": "", "row": 0}, index=made.table.index)
    return _Gathered(
        make_table(pd.concat([table, made.table], ignore_index=True)),
        pd.concat([origins, nowhere], ignore_index=True),
        np.concatenate([own, origin]),
        rejected,
        (*notes, *made.notes),
        labels,
    )
