"""What a table must hold before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError


def check_classes(table: pd.DataFrame) -> None:
    """Raise `InputError` unless every split holds two classes or more, all labelled 0, 1, ...

    Few-shot sets may come without a validation split.
    """
    if (table["label"] < 0).any():
        first = table["id"][table["label"] < 0].iloc[0]
        raise InputError(
            f"the row {first!r} has no label", remedy="Give each row a label of 0, 1, ..."
        )
    classes = sorted(table["label"].unique().tolist())
    if len(classes) < 2:
        made = ", or have negatives made with --generate-negatives" if classes == [1] else ""
        raise InputError(
            f"all {len(table):,} rows have the label {classes[0] if classes else 'none'}",
            remedy=f"Give rows of both classes{made}.",
        )
    if classes != list(range(len(classes))):
        raise InputError(
            f"the labels are {', '.join(map(str, classes))}", remedy="Number the classes 0, 1, ..."
        )
    few_shot = bool(table["shots"].notna().any())
    for split in SPLITS:
        if split == "validation" and few_shot and not (table["split"] == split).any():
            continue
        labels = table["label"][table["split"] == split]
        if labels.nunique() < 2:
            raise InputError(
                f"the {split} split has {len(labels):,} rows of {labels.nunique()} class(es)",
                remedy="Give more rows, or larger shares with --split-fractions, such as 0.5 0.25 "
                "0.25; given splits need rows of both classes, or --split cluster.",
            )


def check_species(table: pd.DataFrame, species: Sequence[str]) -> None:
    """Raise `InputError` unless training has rows of `species`, of two of them where these are many."""
    train = table[table["split"] == "train"]
    present = set(train["species"].unique()) & set(species)
    wanted = ", ".join(species)
    held = ", ".join(sorted(s for s in train["species"].unique() if s)) or "no named species"
    if not present:
        raise InputError(
            f"there are no training rows of {wanted}; the data hold {held}",
            remedy="Choose species sets the data hold, or name the species with --species.",
        )
    if len(species) > 1 and len(present) < 2:
        raise InputError(
            f"of {wanted} the training rows hold only {next(iter(present))}",
            remedy="Name that species instead of the set, or add data of the others.",
        )
