"""The report of motif discovery: one self-contained page, and a PNG logo a motif shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.motifs.high_regions import ABOVE_LEAST
from dnasweep.motifs.results import Motifs
from dnasweep.motifs.settings import MotifConfig
from dnasweep.report.attribution_findings import small
from dnasweep.report.drawing import panels, plain, png
from dnasweep.report.html import render, sortable
from dnasweep.report.motif_figures import logo, positions, shown_matrix
from dnasweep.report.motif_findings import motif_findings, warnings

PAGE = "motifs.html"
MAX_SHOWN = 12
"""Motifs with pictures: those of lowest p-value of enrichment, place or match."""
MATCH_Q = 0.25
"""Matches beside the best one are shown up to this adjusted p-value."""
LOGO_SIZE, PLACE_SIZE = (6.0, 1.6), (6.0, 2.2)


def write_report(
    directory: Path,
    found: Motifs,
    *,
    config: MotifConfig,
    settings: Mapping[str, Any],
    num_known: int,
    signed: bool,
    command: str = "",
) -> Path:
    """Write the page and its logos into a folder and return the page's path.

    Parameters
    ----------
    directory
        Where to write; it exists.
    found
        What discovery came to.
    config
        How motifs were sought.
    settings
        Of the attributions, and what else a reader wants to know, shown as given.
    num_known
        Known motifs they were compared with.
    signed
        Whether the attributions have a sign.
    """
    target = str(settings.get("target") or "the class")
    table = found.table()
    order = table[["p", "p_place", "match_p"]].min(axis=1).sort_values(kind="stable").index
    drawn = [_shown(found, int(i), table.iloc[int(i)], directory) for i in order[:MAX_SHOWN]]
    bases = found.data.bases
    page = directory / PAGE
    html = render(
        "motif_page.html.j2",
        title=f"Motifs of {target}",
        lead=(
            f"{len(bases.sequences):,} sequences, {int(found.data.positive.sum()):,} of {target} · "
            f"{settings.get('estimator', 'attributions')} · {config.method} · {bases.tss.statement}"
        ),
        warnings=warnings(found, num_known=num_known, signed=signed, config=config),
        findings=motif_findings(found, target=target),
        motifs=_table(_readable(table)),
        matches=_table(_matches(found.matches)),
        shown=drawn,
        more=len(table) > MAX_SHOWN,
        method=_method(config, signed=signed),
        command=command,
        settings={
            name.replace("_", " "): ", ".join(map(str, value))
            if isinstance(value, list | tuple)
            else str(value)
            for name, value in settings.items()
            if value is not None
        },
        files=sorted({*(path.name for path in directory.iterdir() if path.is_file())} - {PAGE}),
    )
    page.write_text(html, encoding="utf-8")
    return page


def _shown(found: Motifs, number: int, row: pd.Series, directory: Path) -> dict[str, Any]:
    pattern, test, bases = found.patterns[number], found.confirmed[number], found.data.bases
    low, high = bases.first, bases.first + bases.values.shape[1]
    drawing = logo(shown_matrix(pattern))
    (directory / f"logo-{number + 1}.png").write_bytes(png(drawing, size=LOGO_SIZE))
    caption = (
        f"{len(pattern.rows):,} instances; hits in {test.num_positive:,} of {row['of_positive']:,} "
        f"sequences of the class and {test.num_negative:,} of {row['of_negative']:,} others."
    )
    if row["match"]:
        caption += (
            f" Most like {row['match_name']} ({row['match']}), p = {_p(row['match_p'])}, "
            f"q = {_p(row['match_q'])}."
        )
    place = positions(test, low=low, high=high, known=bases.tss.known)
    return {
        "name": f"{pattern.name}: {pattern.consensus}"
        if pattern.name != pattern.consensus
        else pattern.name,
        "caption": caption,
        "figures": [
            {
                "title": "Logo",
                "caption": "Of the instances in the discovery part.",
                "picture": plain(drawing, size=LOGO_SIZE),
            },
            {
                "title": "Places",
                "caption": "Best hits of sequences of the confirmation part.",
                "picture": panels(place, size=PLACE_SIZE),
            },
        ],
    }


def _method(config: MotifConfig, *, signed: bool) -> list[str]:
    if config.method == "modisco":
        how = (
            "TF-MoDISco (Shrikumar et al. 2018, modisco-lite) over the sequences of the class in the "
            "discovery part: seqlets of high attribution, clustered and aligned on either strand. "
            "Patterns that speak against the class are left out."
        )
    else:
        rule = (
            "positive and a standard deviation above the mean of their sequence"
            if signed
            else f"above the mean of their sequence and {ABOVE_LEAST:g} times its least value"
        )
        kept = (
            f"kept where enriched there (hypergeometric, adjusted p at most {config.discovery_q:g})"
            if config.discovery_q < 1
            else "kept whether enriched there or not"
        )
        how = (
            f"DNABERT's find_motifs (Ji et al. 2021) over the discovery part: stretches of at least "
            f"{config.min_length} bases whose values are {rule}, in sequences of the class; their "
            f"words are {kept}, merged by alignment without gaps, and their places cut to "
            f"{config.window} bases. Motifs of fewer than {config.min_instances} instances are left "
            "out."
        )
    return [
        how,
        "Nothing that is tested here was found in the sequences it is tested in. A hit of a motif is "
        f"a place that words of random DNA would be as good as with probability {config.hit_p:g} at "
        "most, by the columns of its core: the stretch that tells most.",
        "Others differ from sequences of the class in what they are made of as well, GC content for "
        "one. Enrichment alone does not say that a protein binds.",
    ]


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "motif": table["motif"],
            "consensus": table["consensus"],
            "instances": table["num_instances"],
            "of class": _counts(table, "positive"),
            "others": _counts(table, "negative"),
            "p": table["p"],
            "q": table["q"],
            "place": [
                f"{first:+d} to {last:+d}".replace("-", "−")
                for first, last in zip(table["place_first"], table["place_last"], strict=True)
            ],
            "hits there": table["num_in_place"],
            "q of place": table["q_place"],
            "most like": [
                f"{name} ({match})" if match else "–"
                for name, match in zip(table["match_name"], table["match"], strict=True)
            ],
            "q of match": table["match_q"],
        }
    )


def _counts(table: pd.DataFrame, which: str) -> list[str]:
    pairs = zip(table[f"num_{which}"], table[f"of_{which}"], strict=True)
    return [f"{number:,} / {of:,}" for number, of in pairs]


def _matches(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the best match of each motif, and others that are worth a look."""
    named = {"match": "known motif", "match_name": "name"}
    shown = ~matches["motif"].duplicated() | (matches["q"] <= MATCH_Q)
    return matches[shown].rename(columns=named)


def _table(table: pd.DataFrame) -> dict[str, Any] | None:
    return sortable(table, title=str, text=_text)


def _p(value: float) -> str:
    if pd.isna(value):
        return "–"
    return f"{value:.3f}" if value >= 0.001 else small(value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    if name in ("p", "q") or name.startswith("q of"):
        return _p(value)
    return f"{int(value):,}".replace("-", "−")
