"""Motif discovery from end to end, and its files: MEME, Parquet and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dnasweep.formats.motif_matrix import Motif
from dnasweep.motifs.discovery_data import MotifConfig, MotifData
from dnasweep.motifs.enriched_kmers import find_enriched
from dnasweep.motifs.modisco import find_modisco
from dnasweep.motifs.motif_tests import Validation, centres_of, validate
from dnasweep.motifs.patterns import Pattern
from dnasweep.motifs.tomtom import match

SUMMARY_FILE = "motifs.json"
MOTIF_COLUMNS = (
    *("motif", "consensus", "num_instances", "num_words"),
    *("num_positive", "of_positive", "num_negative", "of_negative", "p", "q"),
    *("place_first", "place_last", "num_in_place", "p_place", "q_place"),
    *("match", "match_name", "match_p", "match_q"),
)


class DiscoveredMotifs(NamedTuple):
    """Motifs, their tests and their matches."""

    patterns: list[Pattern]
    """The motifs, sorted by decreasing number of instances."""
    validations: list[Validation]
    """Tests of each motif in the held-out set."""
    matches: pd.DataFrame
    """Matching known motifs; see :func:`dnasweep.motifs.tomtom.match`."""
    data: MotifData
    """The sequences."""

    def table(self) -> pd.DataFrame:
        """Return one row per motif, with its counts, its tests and its best match."""
        positives = int(self.data.positive[~self.data.discovery].sum())
        negatives = int((~self.data.positive[~self.data.discovery]).sum())
        best = self.matches.drop_duplicates("motif").set_index("motif")
        nothing = {"match": "", "match_name": "", "p": np.nan, "q": np.nan}
        rows = []
        for pattern, test in zip(self.patterns, self.validations, strict=True):
            matched = best.loc[pattern.name] if pattern.name in best.index else nothing
            counts = test.num_positive, positives, test.num_negative, negatives
            rows.append(
                (
                    *(pattern.name, pattern.consensus, len(pattern.rows), len(pattern.kmers)),
                    *(*counts, test.p_value, test.q_value, *test.interval),
                    *(test.num_in_interval, test.p_interval, test.q_interval),
                    *(matched[name] for name in nothing),
                )
            )
        return pd.DataFrame(rows, columns=list(MOTIF_COLUMNS))

    def instances(self) -> pd.DataFrame:
        """Return one row per instance: motif, sequence_id, start (base), end, strand, and centre
        (position of the core's centre)."""
        first_columns = (~np.isnan(self.data.bases.values)).argmax(axis=1)
        ids = self.data.bases.sequences["sequence_id"].to_numpy(object)
        columns = ["motif", "sequence_id", "start", "end", "strand", "centre"]
        parts = []
        for pattern in self.patterns:
            starts = pattern.starts - first_columns[pattern.rows]
            cells = (
                *(pattern.name, ids[pattern.rows], starts, starts + pattern.width),
                np.where(pattern.reverse, "-", "+"),
                centres_of(pattern, self.data.bases.first),
            )
            parts.append(pd.DataFrame(dict(zip(columns, cells, strict=True))))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def discover(
    data: MotifData, config: MotifConfig, known: Sequence[Motif], *, signed: bool
) -> DiscoveredMotifs:
    """Find motifs in the discovery set, test them in the held-out set, and compare them with known ones.

    Parameters
    ----------
    data
        Sequences and values.
    config
        Settings of discovery and tests.
    known
        The motifs to compare with.
    signed
        Whether values can be negative; attention cannot.
    """
    find = find_modisco if config.method == "modisco" else find_enriched
    patterns = find(data, config, signed=signed)
    cores = [one.matrix[one.core] for one in patterns]
    matches = match([one.name for one in patterns], cores, known)
    return DiscoveredMotifs(patterns, validate(patterns, data, hit_p=config.hit_p), matches, data)


def write_files(found: DiscoveredMotifs, folder: Path, summary: Mapping[str, Any]) -> None:
    """Write `motifs.meme`, `motifs.parquet`, `instances.parquet`, `matches.parquet` and
    `motifs.json` into a folder.

    Parameters
    ----------
    found
        The motifs.
    folder
        Folder to write to.
    summary
        Contents of `motifs.json`.
    """
    (folder / "motifs.meme").write_text(to_meme(found.patterns), encoding="utf-8")
    found.table().to_parquet(folder / "motifs.parquet", index=False)
    found.instances().to_parquet(folder / "instances.parquet", index=False)
    found.matches.to_parquet(folder / "matches.parquet", index=False)
    text = json.dumps(dict(summary), indent=2, sort_keys=True)
    (folder / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8")


def to_meme(patterns: Sequence[Pattern]) -> str:
    """Return the motifs' cores in MEME format."""
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    lines += ["Background letter frequencies", "A 0.25 C 0.25 G 0.25 T 0.25", ""]
    for pattern in patterns:
        rows = pattern.matrix[pattern.core]
        lines.append(f"MOTIF {pattern.name} {pattern.consensus}")
        lines.append(
            f"letter-probability matrix: alength= 4 w= {len(rows)} nsites= {len(pattern.rows)} E= 0"
        )
        lines += [" ".join(f"{share:.6f}" for share in row) for row in rows]
        lines.append("")
    return "\n".join(lines)
