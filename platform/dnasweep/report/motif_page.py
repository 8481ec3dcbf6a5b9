"""The report of motif discovery: one self-contained page, and a PNG logo per motif shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import RenderableType

from dnasweep.motifs.discovery import DiscoveredMotifs
from dnasweep.motifs.discovery_data import MotifConfig, MotifData
from dnasweep.motifs.enriched_kmers import TIMES_MINIMUM
from dnasweep.motifs.motif_tests import Validation
from dnasweep.motifs.patterns import Pattern
from dnasweep.motifs.tomtom import FEW_TARGETS
from dnasweep.report.drawing import COLOURS, Drawing, ink
from dnasweep.report.files import write_page
from dnasweep.report.logos import letter_heights, motif_logo
from dnasweep.report.page import (
    Answer,
    Notice,
    Page,
    PageFigure,
    PageTable,
    Section,
    Text,
    findings_section,
)
from dnasweep.report.provenance import BEFORE, job_section, origin
from dnasweep.report.terminal import terminal_table
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.texts import Texts
from dnasweep.tasks.wording import ALPHA, minus

PAGE = "motifs.html"
MAX_SHOWN = 12
"""Number of motifs with figures: those with the lowest p-value of enrichment, position or match."""
MATCH_Q = 0.25
"""Besides the best match, matches up to this adjusted p-value are shown."""
BINS = 30
MAX_MATCHED, MAX_PLACED = 8, 5
"""Number of motifs named in a sentence."""
_GROUPS = {"labels": "the class", "output": "the higher half"}


def write_report(
    directory: Path,
    found: DiscoveredMotifs,
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
        Folder to write to; it must exist.
    found
        Results of the discovery.
    config
        Settings of motif discovery.
    settings
        Settings of the attributions and other facts for the reader, shown as given.
    num_known
        Number of known motifs that they were compared with.
    signed
        Whether the attributions have a sign.
    command
        Command line that recreates the page.
    """
    table, data, say = _placed(found.table()), found.data, _texts(found.data)
    explained = str(settings.get("target") or "the class")
    target = explained if data.contrast == "labels" else f"the half with the higher {explained}"
    told = motif_findings(found, target=target)
    warnings = say.paragraphs(
        "warnings",
        data=data,
        num_known=num_known,
        few_known=FEW_TARGETS,
        signed=signed,
        config=config,
    )
    best = _best(found.matches)
    rows = [_bits(pattern) for pattern in found.patterns]
    motifs = PageTable("motifs", _readable(table), say("motifs", match_q=MATCH_Q), logos=rows)
    sections = [
        findings_section(told.sentences, told.verdicts, say("reading")),
        Section("motifs", "Motifs", [motifs]),
        Section(
            "matches",
            "Known motifs",
            [PageTable("matches", best, say("matches", match_q=MATCH_Q))],
        ),
    ]
    if len(table):
        shown = Text([say("pictures", num=len(table), shown=MAX_SHOWN)])
        pictures = [shown, *_pictures(found, table, say)]
        sections.append(Section("pictures", "Logos and positions", pictures))
    sought = {"config": config, "signed": signed, "times_minimum": TIMES_MINIMUM}
    sections.append(Section("method", "Method", [Text(say.paragraphs("method", **sought))]))
    page = Page(
        title=f"Motifs of {explained}",
        lead=[
            *origin(settings),
            *say.paragraphs("lead", data=data, settings=settings, config=config, target=target),
        ],
        answer=_answer(table, target, say),
        notice=Notice(BEFORE, warnings),
        sections=sections,
    )
    beside = {path.name for path in directory.iterdir() if path.is_file()} - {PAGE}
    beside |= {f"{figure.name}.png" for figure in page.figures()}
    sections.append(job_section(settings, command=command, files=beside))
    return write_page(page, directory / PAGE)


def _answer(table: pd.DataFrame, target: str, say: Texts) -> Answer:
    """Return the result in the held-out sequences, and the next steps."""
    sure = table["q"] < ALPHA if len(table) else pd.Series(dtype=bool)
    best = table[sure].sort_values("p", kind="stable").head(MAX_PLACED).to_dict("records")
    return Answer(
        say(
            "verdict",
            num=len(table),
            enriched=int(sure.sum()),
            best=best,
            target=target,
            match_q=MATCH_Q,
        ),
        "yes" if best else "no" if len(table) else "open",
        steps=[("The motifs in MEME format, for other tools", "motifs.meme")],
    )


def motif_findings(found: DiscoveredMotifs, *, target: str) -> Findings:
    """Return the findings: sentences, and the tested claims; `target` is the name of the class."""
    data, table = found.data, _placed(found.table())
    matched = table[table["match_q"] < ALPHA].sort_values("match_p")
    placed = table[table["q_place"] < ALPHA].sort_values("p_place")
    sentences = _texts(data).paragraphs(
        "findings",
        num=len(table),
        enriched=(table["q"] < ALPHA).sum(),
        placed_num=len(placed),
        alpha=ALPHA,
        target=target,
        matched=matched.head(MAX_MATCHED).to_dict("records"),
        more=max(0, len(matched) - MAX_MATCHED),
        placed=placed.head(MAX_PLACED).to_dict("records"),
        sizes=[part.sum() for part in (data.discovery, ~data.discovery)],
        num_groups=data.num_clusters,
        match_q=MATCH_Q,
    )
    verdicts = [
        Verdict(
            f"{row['motif']} in more sequences of {target} than in others",
            "difference of shares",
            row["num_positive"] / row["of_positive"] - row["num_negative"] / row["of_negative"],
            row["q"],
        )
        for _, row in table.iterrows()
    ]
    return Findings(sentences, verdicts)


def _texts(data: MotifData) -> Texts:
    return Texts("motifs", group=_GROUPS[data.contrast])


def motif_table(table: pd.DataFrame) -> RenderableType:
    """Return the motifs with the best matches to known ones, for the terminal."""
    best = table.sort_values("match_p").head(MAX_SHOWN)
    shown = _readable(_placed(best)).drop(columns=["motif", "p", "num_in_place", "q_place"])
    left = ["consensus", "most like"]
    return terminal_table("Motifs, best matches to known ones first", shown, left=left)


def _placed(table: pd.DataFrame) -> pd.DataFrame:
    """Add the position of most instances of each motif, as text."""
    ends = zip(table["place_first"], table["place_last"], strict=True)
    return table.assign(place=[minus(f"{first:+d} to {last:+d}") for first, last in ends])


def _pictures(found: DiscoveredMotifs, table: pd.DataFrame, say: Texts) -> list[Text | PageFigure]:
    order = table[["p", "p_place", "match_p"]].min(axis=1).sort_values(kind="stable").index
    bases, group = found.data.bases, _GROUPS[found.data.contrast]
    low, high = bases.first, bases.first + bases.values.shape[1]
    blocks: list[Text | PageFigure] = []
    for number in map(int, order[:MAX_SHOWN]):
        row, pattern, test = table.iloc[number], found.patterns[number], found.validations[number]
        logo = motif_logo(_core(pattern))
        places = hit_positions(test, low=low, high=high, known=bases.tss.known, group=group)
        about = say("motif", row=row, num_instances=len(pattern.rows), match_q=MATCH_Q)
        name = ": ".join(dict.fromkeys([pattern.name, pattern.consensus]))
        blocks += [
            Text([about], soft=True, heading=name),
            PageFigure("Logo", "Instances in the discovery part.", logo, f"logo-{number + 1}"),
            PageFigure(
                "Positions", "Best hits in the sequences of the confirmation part.", places
            ),
        ]
    return blocks


def _core(pattern: Pattern) -> np.ndarray:
    """Return the most informative columns of a motif, and two on either side."""
    return pattern.matrix[max(0, pattern.core.start - 2) : pattern.core.stop + 2]


def _bits(pattern: Pattern) -> list[list[float]]:
    """Return the heights of the letters in a motif's logo."""
    return [
        [round(float(bits), 2) for bits in column] for column in letter_heights(_core(pattern))
    ]


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "motif": table["motif"],
            "consensus": table["consensus"],
            "num_instances": table["num_instances"],
            "of class": _counts(table, "positive"),
            "others": _counts(table, "negative"),
            "p": table["p"],
            "q": table["q"],
            "place": table["place"],
            "num_in_place": table["num_in_place"],
            "q_place": table["q_place"],
            "most like": [
                f"{name} ({match})" if match and q <= MATCH_Q else "no known motif"
                for name, match, q in zip(
                    table["match_name"], table["match"], table["match_q"], strict=True
                )
            ],
            "match_q": table["match_q"],
        }
    )


def _counts(table: pd.DataFrame, which: str) -> list[str]:
    pairs = zip(table[f"num_{which}"], table[f"of_{which}"], strict=True)
    return [f"{number:,} / {of:,}" for number, of in pairs]


def _best(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the best match of each motif, and other notable matches."""
    shown = ~matches["motif"].duplicated() | (matches["q"] <= MATCH_Q)
    return matches[shown].rename(columns={"match": "known motif", "match_name": "name"})


def hit_positions(test: Validation, *, low: int, high: int, known: bool, group: str) -> Drawing:
    """Plot the positions of the best hits in the confirmation part; the usual position is shaded.

    Parameters
    ----------
    test
        Test of one motif.
    low, high
        First position of the windows, and the one past their last.
    known
        Whether positions count from the transcription start.
    group
        Name of the sequences that motifs are sought in.
    """
    bins = np.linspace(low, high, BINS + 1).tolist()
    origin = "the transcription start" if known else "the first one"

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvspan(
            test.interval[0], test.interval[1] + 1, color=COLOURS[4], alpha=0.25, linewidth=0
        )
        axes.hist(test.centres, bins=bins, color=COLOURS[0], alpha=0.85, label=f"of {group}")
        axes.hist(
            test.negative_centres,
            bins=bins,
            histtype="step",
            color=COLOURS[1],
            linestyle="--",
            linewidth=1.5,
            label="others",
        )
        if known:
            axes.axvline(0, color=ink(axes), linewidth=0.8, linestyle=":")
        axes.set_xlim(low, high)
        axes.set_xlabel(f"centre of the hit, bases from {origin}")
        axes.set_ylabel("sequences")
        axes.legend(fontsize=8, loc="upper left")

    return Drawing(draw, (6.0, 2.2))
