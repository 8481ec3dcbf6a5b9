"""A small simulated genome: promoters with known elements at known positions, on both strands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.data.evolution import draw, mean_composition
from dnasweep.data.planted_elements import ELEMENTS
from dnasweep.data.simulate import Simulation, simulate
from dnasweep.data.species import resolve
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode, reverse_complement
from dnasweep.formats.paths import user_path
from dnasweep.plain import write_csv

BETWEEN = (700, 1700)
"""Minimum distance between promoters in bases, and maximum plus one."""
_LINE = 80
_BED = ["chrom", "start", "end", "name", "score", "strand"]


class SimulatedGenome(NamedTuple):
    """Records of a genome, with their promoters and elements."""

    records: dict[str, str]
    """Bases by record name."""
    promoters: pd.DataFrame
    """The promoters, in the order of the genome: the columns of a BED file, chrom, start (from 0),
    end (one past the last base), name, score, strand."""
    elements: pd.DataFrame
    """Elements of the promoters in the same columns, with the name of the element as name, and `promoter`,
    the name of the promoter."""

    def write(self, folder: str | Path) -> Path:
        """Write `genome.fa`, `promoters.bed` and `elements.bed`, and return the path of `genome.fa`.

        Parameters
        ----------
        folder
            Folder to write to; created if it does not exist.
        """
        target = user_path(folder)
        target.mkdir(parents=True, exist_ok=True)
        with (target / "genome.fa").open("w", encoding="ascii") as file:
            for name, bases in self.records.items():
                lines = (bases[i : i + _LINE] for i in range(0, len(bases), _LINE))
                file.write("\n".join([f">{name}", *lines, ""]))
        for name, table in (("promoters", self.promoters), ("elements", self.elements)):
            write_csv(table.iloc[:, :6], target / f"{name}.bed", sep="\t", header=False)
        return target / "genome.fa"


def simulate_genome(
    promoters: Mapping[str, int],
    *,
    window: int = 60,
    element: str = "tata_box",
    species: str = "fruit_fly",
    seed: int = 0,
) -> SimulatedGenome:
    """Return a genome of random DNA with promoters of :func:`~dnasweep.data.simulate.simulate` in it.

    Every promoter has the given element, and other elements with the frequencies of its species. Promoters
    are separated by 700 to 1699 bases with the composition of the species, which contain elements only by
    chance. A promoter is on either strand with equal probability.

    Parameters
    ----------
    promoters
        Number of promoters by record name.
    window
        Bases of a promoter; five sixths are upstream of the transcription start.
    element
        Element that every promoter contains.
    species
        Species of the promoters.
    seed
        Seed of all random choices.

    Raises
    ------
    InputError
        For a species or window that cannot be simulated, and an element that its promoters lack.

    Examples
    --------
    >>> made = simulate_genome({"chr1": 3}, seed=1)
    >>> len(made.promoters), sorted(made.promoters.columns)[:3]
    (3, ['chrom', 'end', 'name'])
    """
    rng = np.random.default_rng(seed)
    number = sum(promoters.values())
    drawn, ids = _with_element(number, window, element, species, seed)
    bases = drawn.table.set_index("id")["sequence"]
    composition = mean_composition((resolve(species),))
    left = iter(ids)
    records: dict[str, str] = {}
    rows: list[tuple[str, int, int, str, int, str]] = []
    places: dict[str, tuple[str, int, str, str]] = {}
    for chrom, count in promoters.items():
        parts: list[str] = []
        at = 0
        for name in (next(left) for _ in range(count)):
            gap = decode(draw(composition, 1, int(rng.integers(*BETWEEN)), rng)[0])
            strand = "+" if rng.random() < 0.5 else "-"
            whole = bases[name] if strand == "+" else reverse_complement(bases[name])
            parts += [gap, whole]
            at += len(gap)
            places[name] = (chrom, at, f"promoter-{len(rows) + 1}", strand)
            rows.append((chrom, at, at + window, f"promoter-{len(rows) + 1}", 0, strand))
            at += window
        parts.append(decode(draw(composition, 1, int(rng.integers(*BETWEEN)), rng)[0]))
        records[chrom] = "".join(parts)
    table = pd.DataFrame(rows, columns=_BED)
    return SimulatedGenome(records, table, _elements(drawn.elements, places, window))


def _with_element(
    number: int, window: int, element: str, species: str, seed: int
) -> tuple[Simulation, list[str]]:
    """Return simulated sequences, and the ids of the required number of promoters with an element."""
    often = max(
        (e.frequency_in(resolve(species)) for e in ELEMENTS if e.name == element), default=0
    )
    # Half of the sequences are promoters; simulate a few more than needed on average.
    drawn = round(2.4 * number / often) + 64 if often else 0
    while drawn and drawn < 20 * number / often + 1000:
        made = simulate(
            sequences_per_species=drawn, window=window, seed=seed, species=[species], decoy_rate=0
        )
        found = made.elements.loc[made.elements["element"] == element, "id"].unique()
        if len(found) >= number:
            return made, [str(name) for name in found[:number]]
        drawn *= 2
    raise InputError(
        f"promoters of {species} of {window} bases have no element {element!r}",
        remedy="Use tata_box or initiator, and a window of 60 bases or more.",
    )


def _elements(
    elements: pd.DataFrame, places: Mapping[str, tuple[str, int, str, str]], window: int
) -> pd.DataFrame:
    """Return elements of promoters with their positions in the genome."""
    rows = []
    known = elements[elements["id"].isin(list(places))]
    columns = (known[name].tolist() for name in ("id", "element", "start", "end", "strand"))
    for name, element, first, last, side in zip(*columns, strict=True):
        chrom, at, promoter, strand = places[name]
        start, end, shown = first, last, side
        if strand == "-":
            start, end = window - last, window - first
            shown = {"+": "-", "-": "+"}.get(side, side)
        rows.append((chrom, at + start, at + end, element, 0, shown, promoter))
    names = [*_BED, "promoter"]
    return pd.DataFrame(rows, columns=names).sort_values(
        ["chrom", "start", "end"], kind="stable", ignore_index=True
    )
