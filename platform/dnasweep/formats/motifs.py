"""Motifs from a file, MEME or JASPAR, ready to scan with on either strand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.formats.files import read_bytes
from dnasweep.formats.jaspar import read_jaspar
from dnasweep.formats.meme import is_meme, read_meme
from dnasweep.formats.motif_matrix import Matrix
from dnasweep.formats.paths import user_path

SITES, PSEUDOCOUNT = 20.0, 0.1
"""A pseudocount over as many sites, as FIMO takes them where a motif does not say its own."""

STEPS = 1000
"""Steps of the distribution of scores, as in MEME."""


class Motif(NamedTuple):
    """A motif as log odds against bases of equal frequency."""

    id: str
    """Such as MA0108.3; its name where it has no other."""
    name: str
    """Such as TBP."""
    forward: Any
    """Log2 odds, a `lightmotif.ScoringMatrix`."""
    reverse: Any
    """Those of the other strand."""
    width: int
    """Bases."""
    lowest: float
    """Score of the least likely word."""
    highest: float
    """Score of the likeliest."""
    grain: float
    """Steps in which the library knows the distribution of scores."""

    def p_value(self, score: float) -> float:
        """Return how probable it is that one position of random DNA scores as high."""
        if score == float("-inf"):
            return 1.0
        # At a score itself the library tells how probable higher ones are: 0 for the best word.
        return float(self.forward.pvalue(score - self.grain))

    def threshold(self, p_value: float) -> float:
        """Return the least score of at most this p-value; infinity where no word has it."""
        low, high = self.lowest, self.highest + self.grain
        if self.p_value(self.highest) > p_value:
            return float("inf")
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (low, middle) if self.p_value(middle) <= p_value else (middle, high)
        return high


def read_motifs(path: str | Path) -> list[Motif]:
    """Read the motifs of a MEME or JASPAR file, gzip or not.

    Raises
    ------
    InputError
        For a file of another kind, one that is damaged or one without motifs.
    """
    return [motif_of(one) for one in read_matrices(path)]


def read_matrices(path: str | Path) -> list[Matrix]:
    """Read the motifs of a MEME or JASPAR file, gzip or not, as shares of bases.

    Raises
    ------
    InputError
        As :func:`read_motifs`.
    """
    path = user_path(path)
    text = read_bytes(path, holds="motifs").decode("utf-8", "replace")
    if is_meme(text):
        found = read_meme(text, path)
    elif text.lstrip().startswith(">"):
        found = read_jaspar(text, path)
    else:
        raise InputError(
            "is neither a MEME nor a JASPAR file of motifs",
            file=path,
            remedy="Give one as https://jaspar.elixir.no/downloads has them, in MEME format; of "
            "MEME and STREME the text file, not HTML or XML.",
        )
    if not found:
        raise InputError("the file holds no motif", file=path)
    return found


def motif_of(found: Matrix) -> Motif:
    """Return a motif, ready to scan with."""
    probabilities = found.probabilities[:, [0, 1, 3, 2]]
    mixed = (SITES * probabilities + PSEUDOCOUNT / 4) / (SITES + PSEUDOCOUNT)
    logs = np.log2(4 * mixed)
    forward = scoring_matrix(logs)
    low, high = float(logs.min(1).sum()), float(logs.max(1).sum())
    reverse = forward.reverse_complement()
    grain = (high - low) / STEPS
    return Motif(found.id, found.name, forward, reverse, len(logs), low, high, grain)


def scoring_matrix(logs: NDArray[np.float64]) -> Any:
    """Return log odds, (width, bases A C T G), as a matrix that refuses unknown bases."""
    import lightmotif

    columns = {base: logs[:, i].tolist() for i, base in enumerate("ACTG")}
    return lightmotif.ScoringMatrix({**columns, "N": [float("-inf")] * len(logs)})
