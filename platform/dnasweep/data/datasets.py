"""A data set: sequences read or simulated, with negatives, in splits, and audited."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.audit import Audit, Finding, audit
from dnasweep.data.clustering import similar_pairs
from dnasweep.data.negatives import NegativeKind, generate_negatives
from dnasweep.data.reading import read_located
from dnasweep.data.screening import LeakPolicy, check_lengths, copy_faults, find_copies
from dnasweep.data.simulate import simulate
from dnasweep.data.species import SPECIES
from dnasweep.data.splits import SplitMethod, check_fractions, resolve_method, split_table
from dnasweep.data.table import check_table, crop_table, make_table
from dnasweep.errors import InputError
from dnasweep.formats.recognition import READ_AS, Format
from dnasweep.formats.rejects import RejectedRow, write_rejects


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetConfig:
    """Where sequences come from and how they are split."""

    data: tuple[str, ...] = ()
    """Files or folders of labelled sequences; with none, promoters are simulated."""
    positives: tuple[str, ...] = ()
    """Files of promoters (label 1), where classes come in files of their own."""
    negatives: tuple[str, ...] = ()
    """Files of negatives (label 0)."""
    genome: str | None = None
    """FASTA of the genome that coordinates refer to."""
    species: str | None = None
    """Species of rows that name none."""
    format: Format = "auto"
    """Format of the files; auto: by the name and the content of each."""
    first_base: int = -300
    """First base of the window around a transcription start (0), for coordinates."""
    last_base: int = 300
    """Last base of that window."""
    generate_negatives: Literal["none"] | NegativeKind = "none"
    """Makes one negative for each promoter; data that have negatives are refused."""
    negative_distance: int | None = None
    """Bases between a negative cut from the genome and every other row that has coordinates, the
    window where these are transcription starts; None: 600, or fewer where there is no room."""
    split: SplitMethod = "auto"
    """How rows are split; `auto` keeps given splits and otherwise keeps similar rows together."""
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Fractions of rows for train, validation and test, where they are not given."""
    identity: float = 0.8
    """Smallest identity of sequences that count as alike."""
    duplicates: Literal["auto", "keep", "drop"] = "auto"
    """Rows with sequence, label and species of an earlier row: `auto` keeps them in given splits,
    so that published scores can be compared with, and drops them otherwise."""
    leaks: LeakPolicy = "refuse"
    """What gives the answer away: sequences that stand in two given splits, on either strand, rows
    that overlap across them by their coordinates, and classes that the length alone tells apart.
    `refuse` ends; `drop` leaves the copies out of train, and out of
    validation where they are in test, so that the test rows stay as published; `keep` goes on with
    the audit's warnings."""
    crop: int | None = None
    """Central bases to cut every sequence to; shorter ones are bad rows."""
    skip_bad_rows: bool = False
    """Goes on with the good rows where there are bad ones; copies across given splits are bad rows
    where leaks would be refused."""
    simulate_per_species: int = 300
    """Simulated sequences a species, promoters and negatives together."""
    window: int = 300
    """Bases a simulated sequence."""
    seed: int = 0
    """Seeds simulation, negatives and splits."""

    def __post_init__(self) -> None:
        if self.generate_negatives != "none" and not self.reads_files:
            raise InputError(
                f"generate_negatives is {self.generate_negatives!r} without data",
                remedy="Simulated data have negatives of their own; give promoters with --positives.",
            )
        if self.crop is not None and (self.crop < 1 or not self.reads_files):
            raise InputError(
                f"crop is {self.crop!r}" + ("" if self.reads_files else " without data"),
                remedy="Use 1 base or more, of data from files; simulated ones have one length.",
            )
        for name in ("seed", "negative_distance"):
            if (getattr(self, name) or 0) < 0:
                raise InputError(f"{name} is {getattr(self, name)!r}", remedy="Use 0 or more.")
        check_fractions(self.fractions)
        if not 0.7 <= self.identity <= 1:
            raise InputError(
                f"identity is {self.identity!r}",
                remedy="Use a fraction from 0.7 to 1 as --split-identity.",
            )
        if self.first_base > 0 or self.last_base < 0:
            raise InputError(
                f"first_base and last_base are {self.first_base} and {self.last_base}",
                remedy="The window must hold the transcription start, base 0: use a --first-base of at "
                "most 0 and a --last-base of at least 0.",
            )

    @property
    def reads_files(self) -> bool:
        """Whether sequences come from files."""
        return bool(self.data or self.positives or self.negatives)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """Sequences in their splits and what is known about them."""

    table: pd.DataFrame
    """The sequences, as `genome.table` defines them; every row has a split."""
    audit: Audit
    """What could mislead."""
    elements: pd.DataFrame | None = None
    """True places of promoter elements, where the data are simulated: id, element, start, end,
    strand."""

    def write(self, folder: str | Path) -> None:
        """Write table, audit, elements and baseline scores into a folder that exists or is made."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.table.to_parquet(folder / "table.parquet", index=False)
        text = json.dumps(self.audit.to_json(), indent=2, allow_nan=False) + "\n"
        (folder / "audit.json").write_text(text, encoding="utf-8")
        self.audit.scores.to_parquet(folder / "baseline_scores.parquet", index=False)
        if self.elements is not None:
            self.elements.to_parquet(folder / "elements.parquet", index=False)

    @classmethod
    def read(cls, folder: str | Path) -> Dataset:
        """Read what :meth:`write` wrote; the table is checked again."""
        folder = Path(folder)
        path = folder / "table.parquet"
        if not path.is_file():
            raise InputError("there is no data set in this folder", file=folder)
        found = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
        scores = pd.read_parquet(folder / "baseline_scores.parquet")
        elements = folder / "elements.parquet"
        return cls(
            table=check_table(make_table(pd.read_parquet(path)), file=path),
            audit=Audit.from_json(found, scores),
            elements=pd.read_parquet(elements) if elements.exists() else None,
        )


def build_dataset(config: DatasetConfig, *, rejects: str | Path | None = None) -> Dataset:
    """Return the data set a configuration describes: read or simulate, add negatives, split, audit.

    Parameters
    ----------
    config
        What to build.
    rejects
        Where to write rows that were left out as bad, where there are any.

    Raises
    ------
    InputError
        For input that cannot be used; see :func:`read_sequences`, :func:`split_table` and
        :mod:`dnasweep.data.screening`.
    """
    elements = None
    notes: tuple[Finding, ...] = ()
    if config.reads_files:
        table, _, groups, _, notes = _screened(config, rejects)
    else:
        made = simulate(
            sequences_per_species=config.simulate_per_species,
            window=config.window,
            seed=config.seed,
            species=tuple(SPECIES),
        )
        table, elements, groups = made.table, made.elements, made.families
    method = resolve_method(table, config.split)
    table, groups, dropped = _unique(table, groups, config.duplicates, method)
    # Simulated copies of two relatives may be equal and dropped; elements follow their rows.
    if elements is not None:
        elements = elements[elements["id"].isin(table["id"])].reset_index(drop=True)
    sequences = table["sequence"].tolist()
    pairs = similar_pairs(sequences, identity=config.identity, seed=config.seed)
    table = split_table(
        table,
        method=method,
        fractions=config.fractions,
        identity=config.identity,
        seed=config.seed,
        groups=groups,
        pairs=pairs,
    )
    found = audit(table, identity=config.identity, seed=config.seed, pairs=pairs)
    if dropped:
        what = f"{dropped:,} rows repeated an earlier one and were dropped"
        notes = (*notes, Finding(level="info", code="dropped-duplicates", message=what))
    findings = sorted((*found.findings, *notes), key=lambda finding: finding.level != "warning")
    found = dataclasses.replace(found, findings=tuple(findings))
    return Dataset(table=check_table(table), audit=found, elements=elements)


class _Gathered(NamedTuple):
    """Rows read and made."""

    table: pd.DataFrame
    places: pd.DataFrame
    groups: NDArray[np.int64] | None
    faults: list[RejectedRow]
    notes: tuple[Finding, ...] = ()

    def keep(self, rows: NDArray[np.bool_]) -> _Gathered:
        groups = None if self.groups is None else self.groups[rows]
        table, places = (f[rows].reset_index(drop=True) for f in (self.table, self.places))
        return self._replace(table=table, places=places, groups=groups)


def _screened(config: DatasetConfig, rejects: str | Path | None) -> _Gathered:
    """Return the rows to go on with, with the bad rows written and the copies left out."""
    gathered = _gather(config)
    if config.crop is not None:
        gathered = gathered._replace(table=crop_table(gathered.table, config.crop))
    faults = gathered.faults
    if config.leaks != "keep":
        if resolve_method(gathered.table, config.split) == "given":
            copies = find_copies(gathered.table, gathered.places)
            if copies.error and config.leaks == "refuse" and not config.skip_bad_rows:
                raise copies.error
            faults = [*faults, *copy_faults(gathered.table, gathered.places, copies.rows)]
            gathered = gathered.keep(~copies.rows)
            gathered = gathered._replace(notes=(*gathered.notes, *copies.notes))
        check_lengths(gathered.table, gathered.places)
    if faults and rejects is not None:
        write_rejects(faults, Path(rejects))
    return gathered


def _gather(config: DatasetConfig) -> _Gathered:
    notes: list[Finding] = []
    table, places, faults = read_located(
        config.data,
        positives=config.positives,
        negatives=config.negatives,
        species=config.species,
        genome=config.genome,
        window=(config.first_base, config.last_base),
        skip_bad_rows=config.skip_bad_rows,
        shortest=config.crop or 1,
        format=config.format,
        split_matters=config.split in ("auto", "given"),
        say=lambda line: notes.append(Finding(level="info", code=READ_AS, message=line)),
    )
    if config.generate_negatives == "none":
        return _Gathered(table, places, None, faults, tuple(notes))
    promoters = table[table["label"] == 1].reset_index(drop=True)
    if promoters.empty:
        reason = "there is no promoter (label 1) to make negatives for"
        raise InputError(reason, remedy="Give promoters as --positives.")
    if num_negatives := int((table["label"] == 0).sum()):
        raise InputError(
            f"the data have {num_negatives:,} negatives (label 0) of their own, and "
            f"--generate-negatives {config.generate_negatives} makes them for data that have none",
            remedy="Leave --generate-negatives out, or give the positives alone.",
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
    # A negative made out of a promoter must not end up on the other side of a split from it.
    origin = np.where(made.parents >= 0, own[table["label"] == 1][made.parents], -1)
    nowhere = pd.DataFrame({"file": "", "row": 0}, index=made.table.index)
    return _Gathered(
        make_table(pd.concat([table, made.table], ignore_index=True)),
        pd.concat([places, nowhere], ignore_index=True),
        np.concatenate([own, origin]),
        faults,
        (*notes, *made.notes),
    )


def _unique(
    table: pd.DataFrame, groups: NDArray[np.int64] | None, duplicates: str, method: str
) -> tuple[pd.DataFrame, NDArray[np.int64] | None, int]:
    """Drop repeated rows where that is wanted; returns the number dropped."""
    if duplicates == "keep" or (duplicates == "auto" and method == "given"):
        return table, groups, 0
    kept = ~table.duplicated(["sequence", "label", "species"]).to_numpy()
    rest = None if groups is None else groups[kept]
    return table[kept].reset_index(drop=True), rest, int((~kept).sum())
