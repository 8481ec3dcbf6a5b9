"""Negatives for promoters: shuffled, partly replaced, or cut from elsewhere in the genome."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.findings import Finding, warning
from dnasweep.data.regions import NoRoom, cut_regions
from dnasweep.data.table import make_table
from dnasweep.errors import InputError

NegativeKind = Literal[
    "segment-shuffle", "substitution", "dinucleotide-shuffle", "random-region", "gc-matched"
]
NEGATIVE_KINDS: tuple[NegativeKind, ...] = get_args(NegativeKind)
"""The generators by name; the last two need coordinates and a genome."""

USUAL_DISTANCES = (600, 300, 150, 75, 0)
"""Default distances in bases from positives; the first with enough room is used."""


class Negatives(NamedTuple):
    """Generated rows, one for each promoter."""

    table: pd.DataFrame
    """The rows, label 0, as :mod:`dnasweep.data.table` defines them."""
    parents: NDArray[np.int64]
    """(rows,) index of the promoter from which each row is derived, -1 for regions of the genome."""
    notes: tuple[Finding, ...] = ()
    """Findings about how the rows were generated."""


def segment_shuffle(sequence: str, rng: np.random.Generator) -> str:
    """Return a promoter in which 8 of 25 segments are permuted and shuffled internally.

    Negatives of Hadad et al.: of the 24-base segments of a 600-base promoter, 8 are chosen at random; the
    other 17 stay unchanged, and base composition is preserved. In other windows, segments have a 25th of
    the length (at most 24 bases), and the same fraction of them is shuffled. Remaining bases at the end
    stay unchanged.
    """
    letters = np.frombuffer(sequence.encode("ascii"), dtype=np.uint8).copy()
    size = min(24, max(1, len(letters) // 25))
    num = len(letters) // size
    # All segments are candidates; if the first eight were used, every negative would keep its core.
    chosen = rng.choice(num, size=min(num, max(2, round(num * 8 / 25))), replace=False)
    segments = letters[: num * size].reshape(num, size)
    segments[chosen] = rng.permuted(segments[rng.permutation(chosen)], axis=1)
    return letters.tobytes().decode("ascii")


def substitute_segments(sequence: str, rng: np.random.Generator) -> str:
    """Return a promoter with 12 of 20 pieces replaced by random bases (DeePromoter, Oubounyt 2019).

    The new bases are A, C, G and T with equal probability, so the G+C fraction moves towards one
    half, which the audit shows. Remaining bases at the end form another piece, which is kept.
    """
    letters = np.frombuffer(sequence.encode("ascii"), dtype=np.uint8).copy()
    size = len(letters) // 20
    if size == 0:
        raise InputError(
            f"a sequence of {len(letters)} bases cannot be cut into 20 pieces",
            remedy="Use longer windows, or --generate-negatives dinucleotide-shuffle.",
        )
    segments = letters[: 20 * size].reshape(20, size)
    replaced = rng.permutation(20)[8:]
    bases = np.frombuffer(b"ACGT", dtype=np.uint8)
    segments[replaced] = bases[rng.integers(0, 4, (len(replaced), size))]
    return letters.tobytes().decode("ascii")


def dinucleotide_shuffle(sequence: str, rng: np.random.Generator) -> str:
    """Return a uniformly drawn sequence with exactly the same dinucleotides, ends fixed.

    A random Eulerian walk (Altschul and Erickson 1985, Mol. Biol. Evol. 2:526): the last exits of
    all letters except the final one are drawn until they form a tree into it; the other exits are shuffled.
    """
    if len(sequence) < 3:
        return sequence
    exits: dict[str, list[str]] = {letter: [] for letter in sequence}
    for here, there in pairwise(sequence):
        exits[here].append(there)
    final = sequence[-1]
    inner = [letter for letter in exits if letter != final]
    while True:
        last = {letter: int(rng.integers(len(exits[letter]))) for letter in inner}
        reached = {final}
        for _ in inner:
            reached |= {a for a in inner if exits[a][last[a]] in reached}
        if len(reached) == len(exits):
            break
    for letter, targets in exits.items():
        tail = [targets.pop(last[letter])] if letter in last else []
        exits[letter] = [targets[i] for i in rng.permutation(len(targets))] + tail
    walk = [sequence[0]]
    steps = {letter: iter(targets) for letter, targets in exits.items()}
    for _ in range(len(sequence) - 1):
        walk.append(next(steps[walk[-1]]))
    return "".join(walk)


_BY_SEQUENCE: dict[str, Callable[[str, np.random.Generator], str]] = {
    "segment-shuffle": segment_shuffle,
    "substitution": substitute_segments,
    "dinucleotide-shuffle": dinucleotide_shuffle,
}


def generate_negatives(
    promoters: pd.DataFrame,
    kind: str,
    *,
    genome: str | Path | None = None,
    occupied: pd.DataFrame | None = None,
    distance: int | None = None,
    seed: int = 0,
) -> Negatives:
    """Return one negative for each promoter, of the same length, species, chromosome and split.

    A negative made from the sequence of a promoter depends only on that row and the seed, not on
    other rows; it has the chromosome of its promoter, but no coordinates.

    Parameters
    ----------
    promoters
        A table of promoters; chrom, start and end are required for negatives cut from a genome.
    kind
        One of `NEGATIVE_KINDS`.
    genome
        FASTA of the genome, for `random-region` and `gc-matched`.
    occupied
        Other rows that regions of the genome must not overlap; rows without coordinates are ignored.
    distance
        Minimum distance in bases between a region and every promoter and occupied row; None for the first
        of `USUAL_DISTANCES` for which the genome has enough room.
    seed
        Seed of the generator.

    Raises
    ------
    InputError
        For an unknown kind, no promoters, or a genome that is missing or has too little room.
    """
    if kind not in NEGATIVE_KINDS:
        raise InputError(
            f"negatives {kind!r} are not known", remedy=f"Use {', '.join(NEGATIVE_KINDS)}."
        )
    if promoters.empty:
        raise InputError("there are no promoters for which to generate negatives")
    promoters = promoters.reset_index(drop=True)
    common: dict[str, Any] = {
        "id": promoters["id"] + f":{kind}",
        "label": 0,
        "species": promoters["species"],
        "split": promoters["split"],
    }
    if kind in _BY_SEQUENCE:
        make = _BY_SEQUENCE[kind]
        made = [
            make(sequence, np.random.default_rng([seed, zlib.crc32(name.encode())]))
            for name, sequence in zip(promoters["id"], promoters["sequence"], strict=True)
        ]
        table = make_table({**common, "sequence": made, "chrom": promoters["chrom"]})
        return Negatives(table, np.arange(len(promoters), dtype=np.int64))
    if genome is None:
        raise InputError(
            f"negatives {kind!r} are cut from a genome", remedy="Give its FASTA with --genome."
        )
    if occupied is None:
        occupied = promoters
    regions, kept = _cut(promoters, kind, Path(genome), occupied, distance, seed)
    notes: tuple[Finding, ...] = ()
    if distance is None and kept < USUAL_DISTANCES[0]:
        what = (
            f"the genome has no room for negatives {USUAL_DISTANCES[0]} bases from every positive: "
            f"they keep {kept}; --negative-distance {USUAL_DISTANCES[0]} refuses instead"
        )
        notes = (warning("near-negatives", what),)
    table = make_table(regions.assign(**common))
    return Negatives(table, np.full(len(table), -1, dtype=np.int64), notes)


def _cut(
    promoters: pd.DataFrame,
    kind: str,
    genome: Path,
    occupied: pd.DataFrame,
    distance: int | None,
    seed: int,
) -> tuple[pd.DataFrame, int]:
    """Cut regions from the genome, at the requested distance or the first default one with enough room."""
    asked = USUAL_DISTANCES if distance is None else (distance,)
    smaller = (one for one in USUAL_DISTANCES if one < asked[-1])
    refusal: NoRoom | None = None
    for one in (*asked, *smaller):
        try:
            found = cut_regions(
                promoters,
                genome,
                occupied=occupied,
                distance=one,
                seed=seed,
                match_gc=kind == "gc-matched",
            )
        except NoRoom as error:
            # The refusal for the smallest distance is the most informative.
            refusal = error if one in asked else refusal
            continue
        if one in asked:
            return found, one
        room = f", or --negative-distance {one}"
        break
    else:
        room = ""
    assert refusal is not None, "without a refusal regions were returned"
    remedy = f"Use --generate-negatives dinucleotide-shuffle, which needs no room{room}."
    raise InputError(refusal.reason, file=genome, remedy=remedy) from refusal
