"""Variant scores of models without sequence classes: numbers, signals, classes of bases.

Classes of bases are scored as in SpliceAI (Jaganathan et al. 2019, Cell 176): the largest gain and
the largest loss of a class among the bases around a variant, with their positions. Signals are
scored by the log2 fold change of the total and the Jensen-Shannon distance between the profiles,
as in ChromBPNet, and by the largest change in a bin. Variants are ranked by the first column of
their kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.tasks.influence import Floats

LARGEST = "largest_change"


class AlleleColumn(NamedTuple):
    """A column of variant scores."""

    kind: Literal["Float", "Integer", "String"]
    """Type in VCF terms."""
    text: str
    """Description of its values."""
    unit: str = ""
    """Unit of a change, in words."""


class AlleleOutputs(NamedTuple):
    """Predictions of a model on one strand with each allele, averaged over the windows."""

    ref: Floats
    """Predictions with REF for the whole windows: the mean over their positions, (outputs,)."""
    alt: Floats
    ref_places: Floats
    """Predictions with REF for each base, (bases, outputs), aligned between the alleles: nan
    outside all windows and for bases that the allele lacks."""
    alt_places: Floats
    ref_lacks: NDArray[np.bool_]
    """Whether REF lacks a base, (bases,)."""
    alt_lacks: NDArray[np.bool_]
    bins: NDArray[np.int64]
    """Bin of each base in the centred window, (bases,); -1 outside this window."""
    at: NDArray[np.int64]
    """Position of each base relative to the first base of the variant, in genome direction."""
    strand: Literal["+", "-"]
    """The strand that the model has read."""


Columns = Mapping[str, AlleleColumn]
Scores = dict[str, Any]


def number_columns(names: Sequence[str]) -> Columns:
    """Return the columns of variant scores for numbers."""
    found = {
        f"delta_{name}": AlleleColumn("Float", f"Change of {name}, ALT - REF", f"change of {name}")
        for name in names
    }
    for allele in ("ref", "alt"):
        found |= {
            f"{allele}_{name}": AlleleColumn("Float", f"{name} with {allele.upper()}")
            for name in names
        }
    return found


def number_scores(names: Mapping[int, str], strands: Sequence[AlleleOutputs]) -> Scores:
    """Return the variant scores for numbers: means over the strands.

    Parameters
    ----------
    names
        Names of the outputs by number.
    strands
        Predictions on each strand.
    """
    ref, alt = _whole(strands)
    found: Scores = {}
    for i, name in names.items():
        found |= {f"ref_{name}": ref[i], f"alt_{name}": alt[i], f"delta_{name}": alt[i] - ref[i]}
    return found


def signal_columns(names: Sequence[str]) -> Columns:
    """Return the columns of variant scores for signals."""
    found: dict[str, AlleleColumn] = {}
    for name in names:
        found |= {
            f"log2_fold_change_{name}": AlleleColumn(
                "Float",
                f"log2 of the total signal of {name}, ALT over REF",
                f"log2 fold change of {name}",
            )
        }
    for name in names:
        found |= {
            f"ref_{name}": AlleleColumn("Float", f"Mean signal of {name} with REF"),
            f"alt_{name}": AlleleColumn("Float", f"Mean signal of {name} with ALT"),
            f"jsd_{name}": AlleleColumn(
                "Float", f"Jensen-Shannon distance between the profiles of {name}, base 2"
            ),
            f"bin_delta_{name}": AlleleColumn(
                "Float", f"Largest change of a bin of {name}, ALT - REF"
            ),
            f"bin_at_{name}": AlleleColumn(
                "Integer", "Middle of that bin, bases from the variant"
            ),
        }
    return found


def signal_scores(names: Mapping[int, str], strands: Sequence[AlleleOutputs]) -> Scores:
    """Return the scores for signals: mean totals and distances of both strands, bin of either.

    Parameters
    ----------
    names, strands
        As for :func:`number_scores`.
    """
    ref, alt = _whole(strands)
    binned = [_bins(one) for one in strands]
    found: Scores = {}
    for i, name in names.items():
        distances = [_distance(one[0][:, i], one[1][:, i]) for one in binned]
        best, where = 0.0, 0
        for change, at in ((alts[:, i] - refs[:, i], at) for refs, alts, at in binned):
            largest = int(np.abs(change).argmax())
            if abs(change[largest]) > abs(best):
                best, where = float(change[largest]), int(at[largest])
        found |= {
            f"log2_fold_change_{name}": float(np.log2(alt[i] / ref[i])),
            f"ref_{name}": ref[i],
            f"alt_{name}": alt[i],
            f"jsd_{name}": float(np.mean(distances)),
            f"bin_delta_{name}": best,
            f"bin_at_{name}": where,
        }
    return found


def class_columns(names: Sequence[str]) -> Columns:
    """Return the columns of variant scores for classes of bases."""
    found = {
        LARGEST: AlleleColumn(
            "Float",
            "The gain or loss of largest size, losses negative",
            "change of a class's probability",
        )
    }
    for name in names:
        for change in ("gain", "loss"):
            found |= {
                f"{change}_{name}": AlleleColumn(
                    "Float", f"Largest {change} of the probability of {name} at a base"
                ),
                f"{change}_at_{name}": AlleleColumn("Integer", "Where, bases from the variant"),
                f"{change}_strand_{name}": AlleleColumn("String", "The strand of that base"),
            }
    return found


def class_scores(names: Mapping[int, str], strands: Sequence[AlleleOutputs]) -> Scores:
    """Return the scores for classes of bases, from the strand with the largest change.

    A base that an allele lacks has probability 0 with this allele.

    Parameters
    ----------
    names, strands
        As for :func:`number_scores`.
    """
    found: Scores = {LARGEST: 0.0}
    for i, name in names.items():
        for change, sign in (("gain", 1.0), ("loss", -1.0)):
            best, at, strand = 0.0, 0, strands[0].strand
            for one in strands:
                ref = np.where(one.ref_lacks, 0.0, one.ref_places[:, i])
                alt = np.where(one.alt_lacks, 0.0, one.alt_places[:, i])
                size = np.nan_to_num(sign * (alt - ref))
                where = int(size.argmax())
                if size[where] > best:
                    best, at, strand = float(size[where]), int(one.at[where]), one.strand
            found |= {
                f"{change}_{name}": best,
                f"{change}_at_{name}": at,
                f"{change}_strand_{name}": strand,
            }
            if best > abs(found[LARGEST]):
                found[LARGEST] = sign * best
    return found


def _whole(strands: Sequence[AlleleOutputs]) -> tuple[Floats, Floats]:
    """Return predictions for whole windows with REF and ALT, averaged over strands, (outputs,)."""
    return np.mean([one.ref for one in strands], 0), np.mean([one.alt for one in strands], 0)


def _bins(one: AlleleOutputs) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return the means of bins with REF and ALT, (bins, outputs), and the middles of the bins."""
    found = []
    for number in np.unique(one.bins[one.bins >= 0]):
        inside = one.bins == number
        ref, alt = (x[inside & ~np.isnan(x[:, 0])] for x in (one.ref_places, one.alt_places))
        if len(ref) and len(alt):
            found.append((ref.mean(0), alt.mean(0), round(float(one.at[inside].mean()))))
    refs, alts, at = zip(*found, strict=True)
    return np.array(refs), np.array(alts), np.array(at, np.int64)


def _distance(one: Floats, other: Floats) -> float:
    """Return the Jensen-Shannon distance between two profiles, base 2."""
    from scipy.spatial.distance import jensenshannon

    # For equal profiles, rounding may give the square root of a number slightly below 0.
    return float(np.nan_to_num(jensenshannon(one, other, base=2.0)))
