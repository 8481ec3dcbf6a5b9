"""Motifs as named by users: a name from a file or the built-in set, or bases in IUPAC letters."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from Bio.Data.IUPACData import ambiguous_dna_values
from numpy.typing import NDArray

from dnasweep.data.planted_elements import allowed_bases
from dnasweep.errors import InputError
from dnasweep.formats.motif_matrix import Motif
from dnasweep.motifs.known import built_in_motifs

LETTERS = {"".join(sorted(bases)): letter for letter, bases in ambiguous_dna_values.items()}
"""IUPAC letter by its bases in sorted order."""
LIKELY = 0.5
"""A base is in the consensus if its frequency is at least this fraction of the most frequent one's."""
NAME, BASES = "name:", "bases:"
"""Prefixes that mark a text as a name or as bases."""


class NamedMotif(NamedTuple):
    """A motif to insert into sequences."""

    name: str
    """Name shown on pages."""
    consensus: str
    """Consensus in IUPAC letters."""
    probabilities: NDArray[np.float64]
    """Frequencies of A, C, G and T at each base, (width, 4)."""

    @property
    def width(self) -> int:
        """Width in bases."""
        return len(self.probabilities)

    @property
    def title(self) -> str:
        """The name, followed by the consensus if it differs."""
        return self.name if self.name == self.consensus else f"{self.name} ({self.consensus})"


def find_motif(
    text: str,
    known: Sequence[Motif],
    *,
    file: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> NamedMotif:
    """Return the motif that a user's text refers to.

    Parameters
    ----------
    text
        Name or accession of a known motif, or IUPAC letters; a prefix `name:` or `bases:` decides.
    known
        Motifs from a file, which take precedence over the built-in ones.
    file
        Path of the file, for messages.
    say
        Called with a sentence that states how the text was read.

    Raises
    ------
    InputError
        For an unknown name, with suggestions of similar names, and for a text that is both a name and
        bases.
    """
    bare = text.removeprefix(NAME).removeprefix(BASES).strip()
    letters = bare.upper().replace("U", "T")
    named = None if text.startswith(BASES) else _named(bare, known, file)
    is_bases = bool(letters) and set(letters) <= set(ambiguous_dna_values) - {"X"}
    if text.startswith(NAME):
        is_bases = False
    if named is not None and is_bases and named.consensus == letters:
        # The accession of a built-in motif is its consensus, so the text is unambiguous.
        named = None
    if named is not None and is_bases:
        raise InputError(
            f"{bare!r} is bases, and a motif of this name is known ({named.consensus})",
            remedy=f"Give {NAME}{bare} or {BASES}{bare}.",
        )
    if named is not None:
        source = file if file is not None and any(_is(bare, one) for one in known) else "built in"
        say(f"motif {named.title}: {named.width} bases, {source}")
        return named
    if is_bases:
        allowed = allowed_bases(letters)
        say(f"motif {letters}: {len(letters)} bases as given")
        return NamedMotif(letters, letters, allowed / allowed.sum(axis=1, keepdims=True))
    names = [name for one in (*known, *built_in_motifs()) for name in _names(one)]
    near = difflib.get_close_matches(bare, names, n=3, cutoff=0.4)
    raise InputError(
        f"{bare!r} is neither bases in IUPAC letters nor a motif that is known",
        file=file,
        remedy=f"Did you mean {' or '.join(map(repr, near))}?"
        if near
        else "Give bases, such as TATAWAWR, or a file of motifs with --motifs.",
    )


def consensus_of(probabilities: NDArray[np.float64]) -> str:
    """Return IUPAC letters for all bases at least half as frequent as the most frequent one.

    Parameters
    ----------
    probabilities
        Frequencies of A, C, G and T, (width, 4).

    Examples
    --------
    >>> consensus_of(np.array([[0.9, 0.02, 0.05, 0.03], [0.48, 0.02, 0.02, 0.48]]))
    'AW'
    """
    likely = probabilities >= LIKELY * probabilities.max(axis=1, keepdims=True)
    return "".join(LETTERS["".join(np.array(list("ACGT"))[row])] for row in likely)


def _named(text: str, known: Sequence[Motif], file: str | None) -> NamedMotif | None:
    for motifs, source in ((known, file), (built_in_motifs(), "the built-in motifs")):
        found = [one for one in motifs if _is(text, one)]
        exact = [one for one in found if text in (one.id, one.name)]
        found = exact or found
        if len(found) > 1:
            raise InputError(
                f"there are {len(found)} motifs {text!r} in {source}",
                remedy=f"Give an accession: {', '.join(one.id for one in found[:5])}.",
            )
        if found:
            (one,) = found
            return NamedMotif(one.name, consensus_of(one.probabilities), one.probabilities)
    return None


def _is(text: str, motif: Motif) -> bool:
    return text.lower() in {name.lower() for name in _names(motif)}


def _names(motif: Motif) -> tuple[str, ...]:
    """Return the names of a motif: accession, name, and the name without the part in brackets."""
    return motif.id, motif.name, motif.name.partition(" (")[0]
