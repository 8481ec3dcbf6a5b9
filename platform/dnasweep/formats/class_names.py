"""Names of classes that `datasets` writes into Parquet and Arrow files, whose cells hold their numbers."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa

_KEY = b"huggingface"


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the names of the classes by column, of the columns that a file says are classes (`ClassLabel`).

    Parameters
    ----------
    schema
        That of the file.
    """
    try:
        features = json.loads((schema.metadata or {})[_KEY])["info"]["features"]
        told = {
            name: list(map(str, feature["names"]))
            for name, feature in features.items()
            if feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}
    return {name: names for name, names in told.items() if len(set(names)) == len(names)}


def name_classes(cells: pd.Series, names: list[str]) -> pd.Series:
    """Return cells with the name of a class where they hold its number; -1 is none, others stay.

    Parameters
    ----------
    cells
        Text.
    names
        Names of the classes 0, 1, ...
    """
    return cells.replace({"-1": "", **{str(i): name for i, name in enumerate(names)}})
