"""Split rows into train, validation and test, with similar rows in the same split."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.clustering import SimilarPairs, cluster_rows, similar_pairs
from dnasweep.data.same_dna import chromosomes_of, first_readings, locus_groups
from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError

SplitMethod = Literal["auto", "given", "chromosome", "cluster", "random"]
_ENOUGH = 8
_ALTERNATE = r"_[A-Z0-9]+_(?:ALT|FIX|RANDOM|HAP\d+)$"
"""End of the names that UCSC gives to alternate loci, patches and unplaced parts of a chromosome."""
SPLIT_METHODS: tuple[SplitMethod, ...] = get_args(SplitMethod)


def resolve_method(table: pd.DataFrame, method: str) -> str:
    """Return the method that `auto` stands for: `given` if any row names its split, else `cluster`."""
    if method not in SPLIT_METHODS:
        raise InputError(
            f"split method {method!r} is not known", remedy=f"Use {', '.join(SPLIT_METHODS)}."
        )
    if method != "auto":
        return method
    return "given" if (table["split"] != "").any() else "cluster"


def check_fractions(fractions: Sequence[float]) -> None:
    """Raise `InputError` unless these are three positive numbers that add up to 1."""
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(
            f"split fractions are {fractions!r}",
            remedy="Give three positive numbers for train, validation and test that add up to 1, such "
            "as --split-fractions 0.8 0.1 0.1.",
        )


def split_table(
    table: pd.DataFrame,
    *,
    method: str = "auto",
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    identity: float = 0.8,
    seed: int = 0,
    groups: NDArray[np.int64] | None = None,
    pairs: SimilarPairs | None = None,
) -> pd.DataFrame:
    """Return the table with every row in train, validation or test; rows and order are unchanged.

    Parameters
    ----------
    table
        Sequences.
    method
        `cluster`: sequences similar at `identity`, directly or through others, stay together, and
        so do rows whose coordinates share a base. `random`: only equal sequences stay together. Sequences
        are compared on both strands. Both are stratified by label and species.
        `chromosome`: whole chromosomes of a species stay together, with their alternate loci
        (`chr6_GL000256v2_alt`). `given`: the splits that
        the rows name; if validation or test is missing, it is taken from train by `cluster`. Given
        few-shot sets stay unchanged; they need a test split, but no validation.
        `auto`: `given` if any row names a split, otherwise `cluster`.
    fractions
        Fractions of rows for train, validation and test; their sum is 1. They are met as closely
        as the clusters allow.
    identity
        Minimum identity of similar sequences, 0.7 to 1.
    seed
        Seed of the assignment.
    groups
        (rows,) rows with the same number also stay together; negative for no group. Not for `given`.
    pairs
        The result of :func:`similar_pairs` for these rows and this identity, if already computed.

    Raises
    ------
    InputError
        For a method that does not fit the table, or too few rows for three splits.
    """
    method = resolve_method(table, method)
    check_fractions(fractions)
    rng = np.random.default_rng(seed)
    shares = np.asarray(fractions, dtype=np.float64)
    if method == "given":
        return _given(table, shares, identity, rng, pairs)
    kept = [] if groups is None else [groups]
    # A new split dissolves few-shot sets.
    table = table.assign(shots=pd.Series(pd.NA, index=table.index, dtype="Int64"))
    if method == "chromosome":
        units = _chromosomes(table, kept)
    else:
        if method == "random":
            pairs = similar_pairs(table["sequence"].tolist(), identity=1.0)
        else:
            kept.append(locus_groups(table))
            if pairs is None:
                pairs = similar_pairs(table["sequence"].tolist(), identity=identity, seed=seed)
        units = cluster_rows(len(table), pairs, groups=kept)
    _check_groups(table, units)
    return _finished(table, np.array(SPLITS, dtype=object)[_assign(table, units, shares, rng)])


def told_of_splits(table: pd.DataFrame, given: Collection[str]) -> list[str]:
    """Return messages about splits that were not given and are taken from the training rows.

    Parameters
    ----------
    table
        Rows with splits.
    given
        The splits that the data name.
    """
    made = {name: int((table["split"] == name).sum()) for name in SPLITS if name not in given}
    told = " and ".join(f"{num:,} {name}" for name, num in made.items() if num)
    return (
        [f"{told} rows are taken from the training rows, because none are given"] if told else []
    )


def _check_groups(table: pd.DataFrame, units: NDArray[np.int64]) -> None:
    """Raise `InputError` if rows that stay together form fewer than three groups."""
    num_groups = int(units.max()) + 1
    if num_groups >= len(SPLITS) or len(units) < len(SPLITS):
        return
    remedy = "Give more distinct rows."
    if np.count_nonzero(first_readings(table["sequence"])) >= len(SPLITS):
        remedy = (
            "Give rows that are less similar or from other loci. With a --split-identity closer to 1, fewer "
            "sequences stay together; with --split random, only equal ones do."
        )
    raise InputError(
        f"{len(units):,} rows leave none for one of the splits: rows that are similar, overlap on the "
        f"genome or were made from one another stay together, in {num_groups} group(s)",
        remedy=remedy,
    )


def _finished(
    table: pd.DataFrame,
    splits: NDArray[np.object_],
    needed: Sequence[str] = SPLITS,
) -> pd.DataFrame:
    counts = {name: int((splits == name).sum()) for name in needed}
    missing = [name for name, count in counts.items() if count == 0]
    if missing:
        # With fewer rows per class, a split is empty whatever the fractions.
        larger = ", or larger shares with --split-fractions, such as 0.5 0.25 0.25"
        raise InputError(
            f"{len(table)} different rows leave none for {' and '.join(missing)}",
            remedy=f"Give more rows{larger if len(table) >= _ENOUGH else ''}.",
        )
    return table.assign(split=pd.Series(splits, index=table.index).astype("str"))


def _given(
    table: pd.DataFrame,
    shares: NDArray[np.float64],
    identity: float,
    rng: np.random.Generator,
    pairs: SimilarPairs | None,
) -> pd.DataFrame:
    splits = table["split"].to_numpy(dtype=object).copy()
    unnamed = int((splits == "").sum())
    if unnamed:
        raise InputError(
            f"{unnamed:,} of {len(table):,} rows have no split (first id {table['id'][splits == ''].iloc[0]!r})",
            remedy="Give one for every row, or split anew with --split cluster.",
        )
    if not (splits == "train").any():
        raise InputError(
            "the given splits have no training rows",
            remedy="Add a train file, or split anew with --split cluster.",
        )
    if table["shots"].notna().any():
        if not (splits == "test").any():
            raise InputError(
                "few-shot sets are given without a test set",
                remedy="Put a test file beside their folders, or give one as well.",
            )
        return _finished(table, splits, ("train", "test"))
    needed = np.array([name == "train" or not (splits == name).any() for name in SPLITS])
    if needed[1:].any():
        rows = np.flatnonzero(splits == "train")
        loci = locus_groups(table)
        if pairs is None:
            pairs = similar_pairs(table["sequence"].iloc[rows].tolist(), identity=identity)
            units = cluster_rows(len(rows), pairs, groups=[loci[rows]])
        else:
            units = cluster_rows(len(table), pairs, groups=[loci])[rows]
        parts = np.where(needed, shares, 0)
        assigned = _assign(table.iloc[rows], units, parts / parts.sum(), rng)
        splits[rows] = np.array(SPLITS, dtype=object)[assigned]
    return _finished(table, splits)


def _chromosomes(table: pd.DataFrame, groups: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    if (table["chrom"] == "").any():
        raise InputError(
            f"{int((table['chrom'] == '').sum()):,} rows have no chromosome",
            remedy="Use --split cluster.",
        )
    names = chromosomes_of(table).str.replace(_ALTERNATE, "", regex=True)
    codes = pd.factorize(names)[0].astype(np.int64)
    units = cluster_rows(len(table), None, groups=[codes, *groups])
    if units.max() < 2:
        raise InputError(
            f"there are only {units.max() + 1} chromosomes to split by",
            remedy="Use --split cluster.",
        )
    return units


def _assign(
    table: pd.DataFrame,
    units: NDArray[np.int64],
    shares: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return the split (0 train, 1 validation, 2 test) of each row, keeping units together.

    Units are processed in random order. Each draws its split with probability proportional to the remaining
    room there for its labels and species, as from an urn, so large clusters get into the test set as often
    as small ones, and quotas are met exactly if all units are single rows.
    """
    strata = pd.factorize(table["label"].astype("str") + "\t" + table["species"])[0]
    num_units, num_strata = int(units.max()) + 1, int(strata.max()) + 1
    sizes = np.zeros((num_strata, 3))
    for stratum, count in enumerate(np.bincount(strata)):
        sizes[stratum] = _quota(int(count), shares, rng)
    room = sizes.copy()
    order = np.argsort(units, kind="stable")
    bounds = np.searchsorted(units[order], np.arange(num_units + 1))
    result = np.zeros(len(table), dtype=np.int64)
    dice = rng.random(num_units)
    for unit in rng.permutation(num_units):
        rows = order[bounds[unit] : bounds[unit + 1]]
        kinds, counts = np.unique(strata[rows], return_counts=True)
        here = room[kinds]
        weights = np.where((here >= counts[:, None]).all(axis=0), counts @ here, 0.0)
        if weights.sum() > 0:
            choice = int(np.searchsorted(np.cumsum(weights) / weights.sum(), dice[unit], "right"))
        else:
            # If it fits nowhere completely, choose the split that it overfills least relative to its size.
            choice = int(np.argmax((counts @ here) / np.maximum(shares, 1e-9) * (shares > 0)))
            choice = choice if shares[choice] > 0 else 0
        room[kinds, choice] -= counts
        result[rows] = choice
    return result


def _quota(
    count: int, shares: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return whole numbers that add up to `count` in the given proportions, with random ties."""
    exact = count * shares
    whole = np.floor(exact + 1e-9)
    left = count - int(whole.sum())
    by_rest = np.lexsort((rng.random(3), whole - exact))
    whole[by_rest[:left]] += 1
    return whole
