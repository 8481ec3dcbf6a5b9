"""What motif discovery came to, and its files: MEME, Parquet and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dnasweep.motifs.confirmation import Confirmed, centres_of, confirm
from dnasweep.motifs.discovery_input import MotifData
from dnasweep.motifs.dnabert import find_enriched
from dnasweep.motifs.matching import KnownMotif, match
from dnasweep.motifs.modisco import find_modisco
from dnasweep.motifs.patterns import Pattern
from dnasweep.motifs.settings import MotifConfig

MEME_FILE, MOTIFS_FILE, INSTANCES_FILE, MATCHES_FILE, SUMMARY_FILE = (
    "motifs.meme",
    "motifs.parquet",
    "instances.parquet",
    "matches.parquet",
    "motifs.json",
)


class Motifs(NamedTuple):
    """Motifs, tests and matches."""

    patterns: list[Pattern]
    """Those of most instances first."""
    confirmed: list[Confirmed]
    """Of each what the confirmation part says."""
    matches: pd.DataFrame
    """See :func:`dnasweep.motifs.matching.match`."""
    data: MotifData
    """What they were sought in."""

    def table(self) -> pd.DataFrame:
        """Return a row a motif, with its counts, its tests and its best match."""
        positives = int(self.data.positive[~self.data.discovery].sum())
        negatives = int((~self.data.positive[~self.data.discovery]).sum())
        best = self.matches.drop_duplicates("motif").set_index("motif")
        rows = []
        for pattern, test in zip(self.patterns, self.confirmed, strict=True):
            matched = best.loc[pattern.name] if pattern.name in best.index else None
            rows.append(
                {
                    "motif": pattern.name,
                    "consensus": pattern.consensus,
                    "num_instances": len(pattern.rows),
                    "num_words": len(pattern.words),
                    "num_positive": test.num_positive,
                    "of_positive": positives,
                    "num_negative": test.num_negative,
                    "of_negative": negatives,
                    "p": test.p_value,
                    "q": test.q_value,
                    "place_first": test.place[0],
                    "place_last": test.place[1],
                    "num_in_place": test.num_in_place,
                    "p_place": test.p_place,
                    "q_place": test.q_place,
                    "match": "" if matched is None else matched["match"],
                    "match_name": "" if matched is None else matched["match_name"],
                    "match_p": np.nan if matched is None else matched["p"],
                    "match_q": np.nan if matched is None else matched["q"],
                }
            )
        return pd.DataFrame(rows, columns=list(MOTIF_COLUMNS))

    def instances(self) -> pd.DataFrame:
        """Return a row an instance: motif, sequence_id, start (base), end, strand, centre (position
        of the core's centre)."""
        begins = (~np.isnan(self.data.bases.values)).argmax(axis=1)
        ids = self.data.bases.sequences["sequence_id"].to_numpy(object)
        parts = [
            pd.DataFrame(
                {
                    "motif": pattern.name,
                    "sequence_id": ids[pattern.rows],
                    "start": pattern.starts - begins[pattern.rows],
                    "end": pattern.starts - begins[pattern.rows] + pattern.width,
                    "strand": np.where(pattern.reverse, "-", "+"),
                    "centre": centres_of(pattern, self.data.bases.first),
                }
            )
            for pattern in self.patterns
        ]
        columns = ["motif", "sequence_id", "start", "end", "strand", "centre"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


MOTIF_COLUMNS = (
    *("motif", "consensus", "num_instances", "num_words"),
    *("num_positive", "of_positive", "num_negative", "of_negative", "p", "q"),
    *("place_first", "place_last", "num_in_place", "p_place", "q_place"),
    *("match", "match_name", "match_p", "match_q"),
)


def discover(
    data: MotifData, config: MotifConfig, known: Sequence[KnownMotif], *, signed: bool
) -> Motifs:
    """Find motifs in one part of the sequences, test them in the other, and look them up.

    Parameters
    ----------
    data
        Sequences and values.
    config
        How to find and test.
    known
        Motifs to compare with.
    signed
        Whether the values have a sign; attention has none.
    """
    find = find_modisco if config.method == "modisco" else find_enriched
    patterns = find(data, config, signed=signed)
    matches = match(
        [one.name for one in patterns], [one.matrix[one.core] for one in patterns], known
    )
    return Motifs(patterns, confirm(patterns, data, hit_p=config.hit_p), matches, data)


def write_files(found: Motifs, folder: Path, summary: Mapping[str, Any]) -> None:
    """Write `motifs.meme`, `motifs.parquet`, `instances.parquet`, `matches.parquet` and
    `motifs.json` into a folder."""
    (folder / MEME_FILE).write_text(to_meme(found.patterns), encoding="utf-8")
    found.table().to_parquet(folder / MOTIFS_FILE, index=False)
    found.instances().to_parquet(folder / INSTANCES_FILE, index=False)
    found.matches.to_parquet(folder / MATCHES_FILE, index=False)
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
