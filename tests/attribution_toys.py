"""Tables as an attribution job writes them, with attributions that were planted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from dnasweep.config import TokenizerConfig
from dnasweep.data.simulate import simulate
from dnasweep.tokens.tokenizers import fit


class ToyAttributions(NamedTuple):
    """The two tables of a job and its settings."""

    tokens: pd.DataFrame
    sequences: pd.DataFrame
    settings: dict[str, Any]


class Planted(NamedTuple):
    """Tables and what is known about them."""

    tables: ToyAttributions
    elements: pd.DataFrame
    """True elements of promoters, as the simulator gives them."""


def toy_tables(rows: Sequence[tuple], *, label: Sequence[int] | None = None) -> ToyAttributions:
    """Return tables of a few sequences: (id, sequence, [(start, end, phi), ...])."""
    tokens = [
        (name, index, sequence[start:end], start, end, phi, 0.01)
        for name, sequence, parts in rows
        for index, (start, end, phi) in enumerate(parts)
    ]
    columns = ["sequence_id", "token_index", "token", "start", "end", "phi", "standard_error"]
    frame = pd.DataFrame(tokens, columns=columns)
    labels = [1] * len(rows) if label is None else list(label)
    return _finish(frame, pd.DataFrame(
        {
            "sequence_id": [row[0] for row in rows],
            "species": "human",
            "label": labels,
            "sequence": [row[1] for row in rows],
        }
    ))  # fmt: skip


def planted_tables(
    tokenizer: str = "kmer-6",
    *,
    per_species: int = 120,
    species: Sequence[str] = ("human", "fruit_fly"),
    planted: Sequence[str] = ("human",),
    effect: float = 1.0,
    noise: float = 0.1,
    window: int = 300,
    seed: int = 0,
) -> Planted:
    """Return attributions of simulated sequences, normal noise but for the TATA boxes of promoters.

    Every token that shares a base with the true TATA box of a promoter of the `planted` species gets
    `effect` on top.
    """
    simulation = simulate(
        sequences_per_species=per_species, window=window, seed=seed, species=species
    )
    table = simulation.table
    dna = fit(TokenizerConfig.parse(tokenizer), table["sequence"].tolist())
    encoded = dna.encode(table["sequence"].tolist())
    counts = np.diff(encoded.offsets)
    row = np.repeat(np.arange(len(table)), counts)
    player = encoded.ends > 0
    index = np.arange(len(row)) - np.repeat(encoded.offsets[:-1], counts) - 1
    row, index = row[player], index[player]
    starts, ends, ids = encoded.starts[player], encoded.ends[player], encoded.ids[player]
    phi = np.random.default_rng([seed, 1]).normal(0, noise, len(row))
    boxes = simulation.elements[simulation.elements["element"] == "tata_box"].set_index("id")
    in_planted = table["species"].isin(list(planted)) & table["id"].isin(boxes.index)
    begin = table["id"].map(boxes["start"]).where(in_planted, 10**6).to_numpy(np.int64)[row]
    phi[(starts < begin + 8) & (ends > begin)] += effect
    tokens = pd.DataFrame(
        {
            "sequence_id": table["id"].to_numpy(object)[row],
            "token_index": index.astype(np.int32),
            "token": np.array(dna.tokens, object)[ids],
            "start": starts,
            "end": ends,
            "phi": phi,
            "standard_error": 0.01,
        }
    )
    columns = {"id": "sequence_id"}
    sequences = table[["id", "species", "label", "sequence"]].rename(columns=columns)
    return Planted(_finish(tokens, sequences), simulation.elements)


def shuffled(tables: ToyAttributions, seed: int = 0) -> ToyAttributions:
    """Return the same tables with both in another order."""
    return ToyAttributions(
        tables.tokens.sample(frac=1, random_state=seed),
        tables.sequences.sample(frac=1, random_state=seed + 1),
        tables.settings,
    )


def _finish(tokens: pd.DataFrame, sequences: pd.DataFrame) -> ToyAttributions:
    by_sequence = tokens.groupby("sequence_id")["phi"]
    total = sequences["sequence_id"].map(by_sequence.sum()).fillna(0).to_numpy()
    gap = 1e-7 * (1 + np.arange(len(sequences)) % 7)
    sequences = sequences.assign(
        row=np.arange(len(sequences)),
        label=sequences["label"].astype("int8"),
        num_tokens=sequences["sequence_id"].map(by_sequence.size()).fillna(0).astype("int32"),
        full=total - 1.0 + gap,
        empty=-1.0,
        gap=gap,
        num_evals=np.int32(200),
        mean_standard_error=0.01,
        probability=1 / (1 + np.exp(1.0 - total)),
        called=total >= 1.0,
    )
    settings = {"target": "promoter", "value": "log_odds", "estimator": "permutation"}
    return ToyAttributions(tokens, sequences, settings)
