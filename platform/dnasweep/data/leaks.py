"""Identical or similar rows in two splits, in two species, or with two labels.

A sequence and its reverse complement are the two strands of the same molecule. Rows with overlapping
coordinates share DNA, however different their sequences look. The audit warns of such rows;
:mod:`.leak_policy` decides which rows are refused or dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.clustering import SimilarPairs, cluster_rows
from dnasweep.data.findings import Finding, info, warning
from dnasweep.data.same_dna import Molecules, SharedDna, pair_strands, row_loci

Rows = NDArray[np.bool_]


def find_leaks(table: pd.DataFrame, pairs: SimilarPairs, identity: float) -> Iterator[Finding]:
    """Yield findings about validation rows that are also in train, and test rows that are in either.

    `exact` counts equal sequences and `near` sequences of at least the given identity, including equal
    ones, both on either strand; `overlap` counts rows that overlap on the genome. A row counts only if it
    matches a row of the other split directly, not through a third row.

    Parameters
    ----------
    table
        Sequences in their splits.
    pairs
        The result of :func:`similar_pairs` for these rows and this identity.
    identity
        Minimum identity of similar sequences.
    """
    shared = SharedDna.of(table)
    splits = table["split"].to_numpy()
    for split, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        here, there = splits == split, splits == other
        exact, forward = shared.either_strand(here, there), shared.same_strand(here, there)
        near, near_forward = _similar(pairs, shared.molecules, here, there)
        found = [("exact", f"are also in {other}", exact, exact & ~forward)]
        if (near & ~exact).any():
            reverse = (near | exact) & ~(near_forward | forward)
            how = f"are at least {identity:.0%} identical to a row in {other}"
            found.append(("near", how, near | exact, reverse))
        overlap = shared.overlapping(here, there)
        how = f"overlap rows of {other} on the genome"
        found.append(("overlap", how, overlap, np.zeros_like(here)))
        for kind, how, rows, reverse in found:
            if rows.any():
                first = table["id"].iloc[int(rows.argmax())]
                message = f"{rows.sum():,} {split} rows {how}{_of_reverse(reverse.sum())}"
                yield warning(f"{kind}-leak", f"{message} (first {first})")


def _of_reverse(number: int) -> str:
    return f", {number:,} of them on the other strand" if number else ""


def _similar(
    pairs: SimilarPairs, molecules: Molecules, here: Rows, there: Rows
) -> tuple[Rows, Rows]:
    """Return which rows `here` are similar to a row `there`: on either strand, and on the same strand."""
    # Pairs connect first copies; molecule numbers extend them to all copies.
    first, second = molecules.molecule[pairs.first], molecules.molecule[pairs.second]
    # Whether one member of the similar pair is on its canonical strand and the other is not.
    reverse = pairs.reverse ^ molecules.reverse[pairs.first] ^ molecules.reverse[pairs.second]
    one, other = np.concatenate([first, second]), np.concatenate([second, first])
    reverse = np.concatenate([reverse, reverse]).astype(np.int64)
    either = one[np.isin(other, molecules.molecule[there])]
    as_read = [
        2 * one[np.isin(2 * other + (reverse ^ strand), molecules.reading[there])] + strand
        for strand in (0, 1)
    ]
    return (
        here & np.isin(molecules.molecule, either),
        here & np.isin(molecules.reading, np.concatenate(as_read)),
    )


def find_duplicates(table: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding about rows that repeat the sequence of an earlier row."""
    molecules = pair_strands(table["sequence"])
    copies = int(pd.Series(molecules.molecule).duplicated().sum())
    if copies:
        reverse = copies - int(pd.Series(molecules.reading).duplicated().sum())
        message = f"{copies:,} of {len(table):,} rows repeat the sequence of an earlier row"
        yield info("duplicates", message + _of_reverse(reverse))


def find_relatives(table: pd.DataFrame, pairs: SimilarPairs, identity: float) -> Iterator[Finding]:
    """Yield a finding about similar sequences of different species, a warning if they are in different splits.

    Parameters
    ----------
    table
        Sequences in their splits.
    pairs
        The result of :func:`similar_pairs` for these rows and this identity.
    identity
        Minimum identity of similar sequences.
    """
    frame = pd.DataFrame(
        {
            "cluster": cluster_rows(len(table), pairs),
            "species": table["species"].to_numpy(),
            "split": table["split"].to_numpy(),
        }
    )
    clusters = frame.groupby("cluster").agg(
        species=("species", "nunique"), split=("split", "nunique"), rows=("split", "size")
    )
    shared = clusters[clusters["species"] > 1]
    if len(shared):
        apart = int((shared["split"] > 1).sum())
        yield (warning if apart else info)(
            "across-species",
            f"{shared['rows'].sum():,} rows are at least {identity:.0%} identical to a row of another "
            f"species; of their {len(shared):,} clusters {f'{apart:,}' if apart else 'none'} "
            "straddle splits",
        )


def find_shared_chromosomes(table: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding about test rows on chromosomes that also occur in train, if rows have chromosomes.

    This is not a leak, but published splits by chromosome avoid it, since neighbouring loci share genes,
    isochores and repeats.
    """
    loci = row_loci(table.reset_index(drop=True))
    splits = table["split"].reset_index(drop=True).loc[loci.index]
    held, trained = loci["chrom"][splits == "test"], loci["chrom"][splits == "train"]
    shared = held.isin(trained.unique())
    if shared.any():
        chromosomes = held[shared].nunique()
        yield info(
            "shared-chromosomes",
            f"{shared.sum():,} of {len(held):,} test rows lie on a chromosome that rows of train lie "
            f"on too ({chromosomes:,} chromosome{'s' * (chromosomes > 1)}); --split chromosome keeps "
            "chromosomes whole",
        )


def find_conflicting_labels(table: pd.DataFrame) -> Iterator[Finding]:
    """Yield findings about sequences with several labels, on the same strand and on opposite strands."""
    table = table[table["label"] >= 0]
    if table.empty:
        return
    molecules = pair_strands(table["sequence"])
    labels = table["label"].reset_index(drop=True)
    read = (labels.groupby(molecules.reading).transform("nunique") > 1).to_numpy()
    either = (labels.groupby(molecules.molecule).transform("nunique") > 1).to_numpy()
    # A sequence that conflicts with itself is not reported again for its other strand.
    reverse = either & ~np.isin(molecules.molecule, molecules.molecule[read])
    if read.any():
        number, first = len(np.unique(molecules.reading[read])), table["id"].iloc[read.argmax()]
        yield warning(
            "conflicting-labels",
            f"{number:,} sequences have more than one label (first {first})",
        )
    if reverse.any():
        number = len(np.unique(molecules.molecule[reverse]))
        yield warning(
            "conflicting-strands",
            f"{number:,} sequences have one label and their reverse complements another (first "
            f"{table['id'].iloc[reverse.argmax()]}): what reads both strands cannot tell them apart",
        )
