"""Class names that `datasets` writes into Parquet and Arrow files, in which cells are class numbers."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa

_KEY = b"huggingface"


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the class names of each column that the schema declares as classes (`ClassLabel`).

    Parameters
    ----------
    schema
        Schema of the file.
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
    """Return cells with class numbers replaced by names; -1 becomes empty, other cells stay unchanged.

    Parameters
    ----------
    cells
        The cells, as text.
    names
        Names of classes 0, 1, ...
    """
    return cells.replace({"-1": "", **{str(i): name for i, name in enumerate(names)}})
