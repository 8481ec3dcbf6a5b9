"""What the anchors of a set of sequences are like, and whether they hold beyond their own sequence."""

from __future__ import annotations

import numpy as np

from dnasweep.attribution.tables import Attributions


def summarise_anchors(found: Attributions) -> dict[str, float]:
    """Return numbers on anchors.

    Returns
    -------
    summary
        num; found (anchors that hold); empty (of these, those that need no token: the call stays
        whatever is left out); tokens (mean size of those that hold and need one), precision,
        coverage and lowest_bound (over the same); data_coverage (share of the other sequences that
        have these tokens at these places) and data_precision (of these, the share called alike; nan
        where there are none).
    """
    anchors = found.anchors
    if anchors is None:
        raise ValueError("these attributions have no anchors")
    sizes = anchors["tokens"].map(len)
    useful = anchors["found"] & (sizes > 0)
    called = dict(zip(found.sequences["sequence_id"], found.sequences["called"], strict=True))
    holders: dict[tuple[int, str], set[str]] = {}
    for name, start, token in zip(
        found.tokens["sequence_id"], found.tokens["start"], found.tokens["token"], strict=True
    ):
        holders.setdefault((int(start), str(token)), set()).add(name)
    num_others, alike = 0, 0
    for _, one in anchors[useful].iterrows():
        own = one["sequence_id"]
        places = zip(one["starts"], one["tokens"], strict=True)
        others = set.intersection(*(holders[int(s), str(t)] for s, t in places)) - {own}
        num_others += len(others)
        alike += sum(called[name] == called[own] for name in others)
    pairs = int(useful.sum()) * max(0, len(anchors) - 1)

    def mean(name: str) -> float:
        return float(anchors.loc[useful, name].mean()) if useful.any() else float("nan")

    return {
        "num": float(len(anchors)),
        "found": float(anchors["found"].sum()),
        "empty": float((anchors["found"] & (sizes == 0)).sum()),
        "tokens": float(sizes[useful].mean()) if useful.any() else float("nan"),
        "precision": mean("precision"),
        "coverage": mean("coverage"),
        "lowest_bound": float(anchors.loc[useful, "lower"].min()) if useful.any() else np.nan,
        "data_coverage": num_others / pairs if pairs else np.nan,
        "data_precision": alike / num_others if num_others else np.nan,
    }
