"""Tables of a variant job: one row per allele, and one row per binding site of an allele.

Every job has all columns; scores that were not requested are null. Models that do not call classes of sequences
have additional columns, see :mod:`dnasweep.tasks.allele_scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dnasweep.genomics.binding_sites import GAIN, LOSS, BindingSite
from dnasweep.genomics.output_effects import OutputEffects
from dnasweep.genomics.variant_effects import Background, Effects
from dnasweep.genomics.variant_settings import VariantConfig
from dnasweep.genomics.variants import PLACED

_INTEGERS = {"row": pa.int64(), "pos": pa.int64(), "given_pos": pa.int64(), "allele": pa.int32()}
_INTEGERS |= dict.fromkeys(("offset", "lead", "other_offset", "other_lead"), pa.int32())
WORK = pa.schema([(name, _INTEGERS.get(name, pa.large_string())) for name in PLACED])
"""The work list of a variant job. `row` is the line of the file, and `allele` the number of the
alternative allele in it, both from 1; `pos` is 1-based."""
SCORES = (
    "probability_ref",
    "probability_alt",
    "delta_probability",
    "log2_odds_ref",
    "log2_odds_alt",
    # alt - ref.
    "delta_log2_odds",
    # DNABERT's sign, ref - alt, and its diff, (alt - ref) x the larger probability.
    "dnabert_log_or",
    "dnabert_diff",
    # Change of log2 odds in the centred window compared with shuffled flanks; p is empirical.
    "background_mean",
    "background_sd",
    "z",
    "p_value",
    # Language model, alt over ref, nats.
    "llr",
)
KEPT = PLACED[:11]
VARIANTS = pa.schema(
    [
        *(
            pa.field(
                name,
                pa.string()
                if WORK.field(name).type == pa.large_string()
                else WORK.field(name).type,
            )
            for name in KEPT
        ),
        *(pa.field(name, pa.float64()) for name in SCORES),
        *(pa.field(name, pa.string()) for name in ("call", "sites_gained", "sites_lost")),
    ]
)
SITES = pa.schema(
    [
        *(VARIANTS.field(name) for name in KEPT[:8] if name != "id"),
        *((name, pa.string()) for name in ("motif", "name", "change")),
        *((name, pa.float64()) for name in ("ref_score", "alt_score", "ref_p", "alt_p")),
    ]
)
_KINDS = {"Float": pa.float64(), "Integer": pa.int64(), "String": pa.string()}


def schemas_of(columns: Mapping[str, Sequence[str]]) -> dict[str, pa.Schema]:
    """Return schemas by table name; a shard has a file `<name>.parquet` for each.

    Parameters
    ----------
    columns
        Additional columns of the model: type and description by name.
    """
    # An output called probability has the columns of a probability of classes, which it has not.
    others = [field for field in VARIANTS if field.name not in columns]
    own = [pa.field(name, _KINDS[kind]) for name, (kind, *_) in columns.items()]
    return {"variants": pa.schema([*others, *own]), "sites": SITES}


def work_list(placed: pd.DataFrame) -> pa.Table:
    """Return the work list of placed variants, in their order."""
    return pa.table({name: pa.array(placed[name], WORK.field(name).type) for name in WORK.names})


def to_tables(
    rows: pa.Table,
    config: VariantConfig,
    *,
    effects: Effects | None,
    ratios: np.ndarray | None,
    sites: Sequence[BindingSite] | None,
    outputs: OutputEffects | None = None,
    own: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, pa.Table]:
    """Return the tables of some rows of a work list.

    Parameters
    ----------
    rows
        Rows of a work list.
    config
        Settings of the job; its thresholds determine the calls.
    effects, ratios, sites
        Results for these rows; None if they were not requested.
    outputs, own
        Results of a model that does not call classes of sequences, and its columns.
    """
    schema = schemas_of(own or {})["variants"]
    columns: dict[str, Any] = {name: rows[name].cast(VARIANTS.field(name).type) for name in KEPT}
    columns |= _of_effects(effects, config) if effects is not None else {}
    if outputs is not None:
        columns |= {**outputs.columns, **_of_background(outputs.background)}
    if ratios is not None:
        columns["llr"] = ratios
    if sites is not None:
        columns |= {
            name: _joined(sites, change, len(rows))
            for name, change in (("sites_gained", GAIN), ("sites_lost", LOSS))
        }
    variants = {
        field.name: _column(columns.get(field.name), field.type, len(rows)) for field in schema
    }
    owners = pa.array([site.variant for site in sites or ()], pa.int64())
    located = {name: columns[name].take(owners) for name in SITES.names if name in KEPT}
    found = {
        name: pa.array([getattr(site, name) for site in sites or ()], SITES.field(name).type)
        for name in SITES.names
        if name not in KEPT
    }
    return {
        "variants": pa.table(variants, schema=schema),
        "sites": pa.table({**located, **found}, schema=SITES),
    }


def _of_effects(effects: Effects, config: VariantConfig) -> Mapping[str, Any]:
    highest = np.maximum(effects.probability_ref, effects.probability_alt)
    return {
        # The first six are fields or properties of `Effects`.
        **{name: getattr(effects, name) for name in SCORES[:6]},
        "dnabert_log_or": -effects.delta_log2_odds,
        "dnabert_diff": effects.delta_probability * highest,
        **_of_background(effects.background),
        "call": effects.calls(config.threshold, config.min_delta),
    }


def _of_background(background: Background) -> Mapping[str, Any]:
    return dict(zip(("background_mean", "background_sd", "z", "p_value"), background, strict=True))


def _column(values: Any, kind: pa.DataType, num_rows: int) -> Any:
    if values is None:
        return pa.nulls(num_rows, kind)
    if isinstance(values, np.ndarray):
        # nan means "not known" here, which is null in Parquet files.
        return pa.array(
            values.tolist() if values.dtype.kind == "U" else values, kind, from_pandas=True
        )
    return values


def _joined(sites: Sequence[BindingSite], change: str, num_rows: int) -> pa.Array:
    names: list[list[str]] = [[] for _ in range(num_rows)]
    for site in sites:
        if site.change == change and site.name not in names[site.variant]:
            names[site.variant].append(site.name)
    return pa.array([";".join(found) for found in names], pa.string())


def read_scores(folder: Path) -> pd.DataFrame:
    """Return the scores in the folder of a variant job, without columns that were not requested.

    Parameters
    ----------
    folder
        Folder of `variants.parquet`, written by a variant job.
    """
    return pd.read_parquet(folder / "variants.parquet").dropna(axis="columns", how="all")
