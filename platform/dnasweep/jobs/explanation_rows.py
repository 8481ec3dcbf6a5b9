"""The sequences of a comparison, read or simulated, and a selection of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.planted_elements import ISLAND_NAME
from dnasweep.data.reading import Reading
from dnasweep.data.simulate import simulate
from dnasweep.errors import InputError
from dnasweep.formats.paths import check_readable, user_path
from dnasweep.jobs.explanation_options import ComparisonOptions
from dnasweep.jobs.request import model_directory
from dnasweep.method_comparison.recovery import REQUIRED
from dnasweep.storage import Storage
from dnasweep.tracking.client import resolve_uri

BUILT_IN = "built-in"


class Chosen(NamedTuple):
    """Sequences to explain, and their known elements."""

    reading: Reading
    """The sequences, with the file and row of each."""
    elements: pd.DataFrame | None
    """True elements of all sequences; None if they are not known."""


def choose_rows(options: ComparisonOptions, classes: Sequence[str] = ()) -> Chosen:
    """Read or simulate the sequences of a comparison, and select some of them.

    Parameters
    ----------
    options
        Options of the command.
    classes
        Class names of the models, by which labels are read.

    Raises
    ------
    InputError
        For files that cannot be used.
    """
    if options.elements is not None and options.crop is not None:
        raise InputError(
            "elements have places in whole sequences, but crop cuts these",
            file=options.elements,
            remedy="Leave out --crop, or give cropped sequences, and the places in these.",
        )
    if options.data:
        reading = options.read_rows(classes)
        known = None if options.elements is None else read_elements(options.elements)
        rows = choose(reading.table["label"].to_numpy(), options.num_sequences, options.seed)
        table, origins = (frame.iloc[rows].reset_index(drop=True) for frame in reading[:2])
        return Chosen(Reading(table, origins, reading.rejected), known)
    for name in ("elements", "crop", "species"):
        if getattr(options, name) is not None:
            raise InputError(
                f"{name} is given without the sequences that it belongs to",
                remedy="Give the sequences with --data, or leave it out: for built-in sequences it is known.",
            )
    # Eight species.
    each = max(2, -(-options.num_sequences // 8))
    made = simulate(sequences_per_species=each, seed=options.data_seed)
    rows = choose(made.table["label"].to_numpy(), options.num_sequences, options.seed)
    table = made.table.iloc[rows].reset_index(drop=True)
    origins = pd.DataFrame({"file": BUILT_IN, "row": rows + 1})
    # A CpG island is a stretch of another composition, not a motif at a position.
    elements = made.elements[made.elements["element"] != ISLAND_NAME].reset_index(drop=True)
    return Chosen(Reading(table, origins, []), elements)


def class_names_of(options: ComparisonOptions) -> Sequence[str]:
    """Return the class names of the first model; empty if it does not predict classes of sequences.

    Parameters
    ----------
    options
        Options of the command.

    Raises
    ------
    InputError
        If another model has the same classes in another order, so one label would mean two classes.
    """
    from dnasweep.attribution.checks import check_model

    uri = resolve_uri(options.tracking_uri, Storage(options.storage).root)
    named: dict[str, Sequence[str]] = {}
    for model in options.model:
        with model_directory(model, uri) as directory:
            task = check_model(directory, target=options.target, reference=None).task
        named[model] = task.names if task.has_classes else ()
    first = named[options.model[0]]
    for model, names in named.items():
        if list(names) != list(first) and sorted(names) == sorted(first):
            raise InputError(
                f"its classes are numbered {', '.join(names)}, those of {options.model[0]} "
                f"{', '.join(first)}",
                file=model,
                remedy="Compare the explanations of these models one by one.",
            )
    return first


def choose(labels: NDArray[np.int8], num: int, seed: int) -> NDArray[np.int64]:
    """Choose rows, as far as possible equally many of each label, and return them in order.

    The choice depends only on labels, number and seed.

    Parameters
    ----------
    labels
        Label of each row (n,).
    num
        Number of rows to choose.
    seed
        Seed of the choice.
    """
    rng = np.random.default_rng(seed)
    waiting = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    taken: list[int] = []
    place = 0
    while len(taken) < min(num, len(labels)):
        taken += [int(rows[place]) for rows in waiting if place < len(rows)]
        place += 1
    return np.sort(np.array(taken[:num], np.int64))


def read_elements(path: str) -> pd.DataFrame:
    """Read the true elements of sequences.

    Raises
    ------
    InputError
        For a file that is missing, lacks a column, or has a position that is not a number.
    """
    file = user_path(path)
    check_readable(file, holds="elements")
    try:
        table = pd.read_csv(file, sep="\t" if ".tsv" in file.name else ",", dtype={"id": str})
    except (OSError, ValueError) as error:
        raise InputError(f"the file cannot be read: {error}", file=file) from error
    if missing := [name for name in REQUIRED if name not in table]:
        raise InputError(
            f"the table of elements has no column {', '.join(missing)}",
            file=file,
            remedy=f"Give columns {', '.join(REQUIRED)}; start from 0, end one past the last base.",
        )
    for name in ("start", "end"):
        numbers = pd.to_numeric(table[name], errors="coerce")
        wrong = (numbers.isna() | (numbers < 0) | (numbers % 1 != 0)).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(
                f"{name} is {table[name].iloc[row]!r}, not a position in a sequence",
                file=file,
                row=row + 2,
            )
        table[name] = numbers.astype(np.int64)
    return table.astype({"element": str})
