"""The findings of a marginalisation, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.synthetic.marginal_effects import MarginalEffects, largest
from dnasweep.synthetic.motif_names import NamedMotif
from dnasweep.tasks.texts import Texts


def finding(found: MarginalEffects, motifs: Sequence[NamedMotif], reads: str) -> str:
    """Return the finding in a sentence or two.

    Parameters
    ----------
    found
        Effects that were found.
    motifs
        One or two motifs.
    reads
        Model output that is measured, such as `log odds of promoter`.
    """
    alone = found.alone
    return Texts("marginal")(
        "verdict",
        first=motifs[0].name,
        second=motifs[1].name if len(motifs) > 1 else None,
        best=found.strongest,
        between=found.spacings,
        pairs=len(found.pairs) or len(alone),
        single=largest(alone, "effect"),
        reads=reads,
    )


def marginal_findings(
    found: MarginalEffects, motifs: Sequence[NamedMotif], reads: str
) -> Findings:
    """Return the findings: sentences, and the tested claims.

    Parameters
    ----------
    found, motifs, reads
        As for :func:`finding`.
    """
    pairs, verdicts, shown = found.pairs, [], []
    for _, rows in found.alone.groupby(["which", "strand"], sort=False):
        row = largest(rows, "effect")
        largest_of = "" if len(rows) == 1 else "the position of its largest effect, "
        where = f"at {largest_of}base {row['start']}"
        shown.append({**row.to_dict(), "where": where})
        claim = (
            f"{row['motif']} alone {where}, {'as given' if row['strand'] == 'F' else 'reversed'}"
        )
        verdicts.append(Verdict(claim, reads, row["effect"], row["q"], row["low"], row["high"]))
    if not pairs.empty:
        for orientation, rows in pairs.groupby("orientation", sort=False):
            row = largest(rows, "interaction")
            claim = f"interaction, {orientation}, spacing {row['spacing']} bases"
            verdicts.append(
                Verdict(claim, reads, row["interaction"], row["q"], row["low"], row["high"])
            )
    sentences = Texts("marginal").paragraphs(
        "findings",
        alone=shown,
        sure=0 if pairs.empty else int(np.sum(pairs["q"] < 0.05)),
        pairs=len(pairs),
        first=motifs[0].name,
        second=motifs[-1].name,
        reads=reads,
    )
    return Findings([finding(found, motifs, reads), *sentences], verdicts)
