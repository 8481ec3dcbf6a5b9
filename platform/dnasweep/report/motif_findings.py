"""What a report of motifs says in words."""

from __future__ import annotations

import pandas as pd

from dnasweep.motifs.matching import FEW_TARGETS
from dnasweep.motifs.results import Motifs
from dnasweep.motifs.settings import MotifConfig
from dnasweep.tasks.wording import ALPHA, p_text


def warnings(found: Motifs, *, num_known: int, signed: bool, config: MotifConfig) -> list[str]:
    """Return what a reader has to know before anything else."""
    told = []
    if not found.data.bases.tss.known:
        told.append(
            "Where transcription starts is not known for windows of this length, so positions count "
            "from the first base. Give --tss-index."
        )
    if num_known < FEW_TARGETS:
        told.append(
            f"The file of known motifs holds {num_known}. Tomtom's p-values rest on all columns of "
            f"such a file; with fewer than {FEW_TARGETS} motifs they depend much on which they are."
        )
    if config.method == "modisco" and found.data.effects is None:
        told.append(
            "TF-MoDISco compares seqlets by what each of the four bases would contribute. These "
            "attributions know only the base that is there; the others were given 0. Attributions "
            "by in_silico_mutagenesis know all four."
        )
    if not signed:
        told.append(
            "Attention says where the model looks, not which class that speaks for: a motif found by "
            "it may belong to either class."
        )
    return told


def motif_findings(found: Motifs, *, target: str) -> list[str]:
    """Return the sentences, most important first."""
    data, table = found.data, found.table()
    sizes = [int(part.sum()) for part in (data.discovery, ~data.discovery)]
    parts = (
        f"Sequences: motifs were found in {sizes[0]:,} sequences and tested in {sizes[1]:,} others; "
        f"sequences that are alike stayed together ({data.num_clusters:,} groups)."
    )
    if table.empty:
        return [
            "Motifs: none was found. There may be too few sequences, or nothing that stretches of "
            "high values share.",
            parts,
        ]
    enriched = table[table["q"] < ALPHA]
    placed = table[table["q_place"] < ALPHA]
    matched = table[table["match_q"] < ALPHA]
    told = [
        f"Motifs: {len(table):,} found; in sequences they were not found in, {len(enriched):,} are "
        f"enriched in {target} (adjusted p below {ALPHA}) and {len(placed):,} keep their place."
    ]
    if len(matched):
        best = matched.sort_values("match_p").head(8)
        told.append(
            "Known motifs: "
            + "; ".join(_matched(row) for _, row in best.iterrows())
            + (f"; and {len(matched) - len(best):,} more." if len(matched) > len(best) else ".")
        )
    else:
        told.append("Known motifs: none is like one that was found (adjusted p below 0.05).")
    if len(placed):
        best = placed.sort_values("p_place").head(5)
        told.append(
            "Places: "
            + "; ".join(
                f"{row['motif']} ({_span(row)}, {row['num_in_place']:,} of {row['num_positive']:,} "
                f"hits, adjusted {p_text(row['q_place'])}{_like(row)})"
                for _, row in best.iterrows()
            )
            + "."
        )
    return [*told, parts]


def _like(row: pd.Series) -> str:
    if not row["match"]:
        return ""
    return f"; most like {row['match_name']}, {row['match']}, q = {row['match_q']:.2g}"


def _matched(row: pd.Series) -> str:
    return (
        f"{row['motif']} is like {row['match_name']} ({row['match']}, p = {row['match_p']:.1e}, "
        f"q = {row['match_q']:.1e}; {row['num_positive']:,} of {row['of_positive']:,} "
        f"against {row['num_negative']:,} of {row['of_negative']:,}, adjusted {p_text(row['q'])})"
    )


def _span(row: pd.Series) -> str:
    return f"{row['place_first']:+d} to {row['place_last']:+d}".replace("-", "−")
