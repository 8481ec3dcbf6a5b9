"""Effects of variants on predicted numbers, signals and classes of bases.

Windows are as in :mod:`dnasweep.genomics.variant_effects`: both alleles, both strands, a centred window and
shifted ones. Predictions for their bases are aligned: bases before a variant by their distance from its first
base, bases after it by their distance from its end, and the bases of the alleles side by side. Like the
windows, the alignment treats each strand as if it were the given genome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.genomics.allele_windows import Allele, Window, numbered, windows_of
from dnasweep.genomics.variant_effects import Background, against_background, shuffled_contexts
from dnasweep.genomics.variant_settings import VariantConfig
from dnasweep.tasks.allele_scores import AlleleOutputs

if TYPE_CHECKING:
    from dnasweep.genomics.output_values import OutputValues

Floats = NDArray[np.float64]


class OutputEffects(NamedTuple):
    """Scores of variants by column of their table, and a comparison of the first output with shuffled flanks."""

    columns: Mapping[str, Sequence[Any]]
    """Values by column, each of shape (variants,)."""
    background: Background
    """Change of the first output in the centred window compared with shuffled flanks; nan without shuffles."""


def score_outputs(
    alleles: Sequence[Allele],
    values: OutputValues,
    config: VariantConfig,
    outputs: Sequence[int],
    *,
    names: Sequence[str] = (),
    distance: int | None = None,
) -> OutputEffects:
    """Return the effects of alleles; all windows of the call are computed together, each once.

    Parameters
    ----------
    alleles
        The variants.
    values
        The model.
    config
        Windows, and number of shuffles, which are used only for numbers predicted for whole sequences.
    outputs
        Numbers of the outputs to score.
    names
        Names of the alleles in messages. Default: their numbers.
    distance
        Number of bases on either side of a variant whose predictions are compared; None for whole windows.
    """
    read: list[tuple[Allele, list[tuple[Window, Window]]]] = []
    shuffled: list[list[tuple[Window, Window]]] = []
    for allele in alleles:
        drawn = shuffled_contexts(allele, num=config.backgrounds, seed=config.seed)
        for is_reverse in (False, True):
            real, *others = (
                one.reverse_complement() if is_reverse else one for one in (allele, *drawn)
            )
            read.append((real, windows_of(real, window=config.window, shifts=config.shifts)))
            shuffled.append(
                [pair for one in others for pair in windows_of(one, window=config.window)]
            )
    groups = [own + more for (_, own), more in zip(read, shuffled, strict=True)]
    texts = [one.text for group in groups for pair in group for one in pair]
    per_group = len(texts) // max(1, len(groups))

    def name(row: int) -> str:
        allele = row // per_group // 2
        return names[allele] if names else numbered(allele)

    found = values.predicted(texts, name=name)
    columns: dict[str, list[Any]] = {}
    changes = np.zeros((len(alleles), 2, 1 + config.backgrounds))
    task = values.task
    for number, allele in enumerate(alleles):
        strands = []
        for strand in (0, 1):
            group = 2 * number + strand
            real, windows = read[group]
            own = found[group * per_group : (group + 1) * per_group]
            predicted = list(zip(own[::2], own[1::2], strict=True))
            changes[number, strand] = [
                alt.mean(0)[outputs[0]] - ref.mean(0)[outputs[0]]
                for ref, alt in (predicted[0], *predicted[len(windows) :])
            ]
            strands.append(
                _aligned(real, windows, predicted[: len(windows)], allele, "+-"[strand], distance)
            )
        scores = task.allele_scores({i: task.names[i] for i in outputs}, strands)
        for column, value in scores.items():
            columns.setdefault(column, []).append(value)
    means = changes.mean(1)
    return OutputEffects(columns, against_background(means[:, 0], means[:, 1:]))


def _aligned(
    real: Allele,
    windows: Sequence[tuple[Window, Window]],
    predicted: Sequence[tuple[Floats, Floats]],
    given: Allele,
    strand: Any,
    distance: int | None,
) -> AlleleOutputs:
    """Return the aligned predictions for one strand.

    Parameters
    ----------
    real
        The variant on this strand.
    windows, predicted
        Windows of the tile, and the predictions at their positions.
    given
        The variant on the forward strand.
    strand
        Strand of the sequence.
    distance
        As in :func:`score_outputs`.
    """
    lengths = (len(real.ref), len(real.alt))
    most, reach = max(lengths), max(one.upstream for pair in windows for one in pair)
    end = max(len(one.text) - one.upstream + most for pair in windows for one in pair)
    width = predicted[0][0].shape[1]
    places = []
    # Bases counted from the first base of the variant, for both alleles together.
    offsets = np.arange(-reach, end)
    for which, length in enumerate(lengths):
        total, count = np.zeros((len(offsets), width)), np.zeros(len(offsets))
        for pair, of_pair in zip(windows, predicted, strict=True):
            window, own = pair[which], of_pair[which]
            bases = np.arange(len(window.text)) - window.upstream
            index = np.where(bases < length, bases, bases + most - length) + reach
            # A bin has the same prediction for all of its bases.
            total[index] += own[_bins_of(len(window.text), len(own))]
            count[index] += 1
        with np.errstate(invalid="ignore", divide="ignore"):
            places.append(np.where(count[:, None] > 0, total / count[:, None], np.nan))
    inside = (offsets >= 0) & (offsets < most)
    lacks = [inside & (offsets >= length) for length in lengths]
    # Positions in the reference: bases missing there are assigned to the last base of its allele.
    length = lengths[0]
    in_ref = np.where(offsets < most, np.minimum(offsets, length - 1), offsets - (most - length))
    centred = windows[0][0]
    position = in_ref + centred.upstream
    bins = np.full(len(offsets), -1, np.int64)
    known = (position >= 0) & (position < len(centred.text))
    bins[known] = _bins_of(len(centred.text), len(predicted[0][0]))[position[known]]
    at = in_ref
    if strand == "-":
        # The same base counted from the first base of the variant on the forward strand.
        at = len(given.context) - 1 - (real.offset + in_ref) - given.offset
    if distance is not None:
        for one in places:
            one[np.abs(at) > distance] = np.nan
    return AlleleOutputs(
        ref=np.mean([ref.mean(0) for ref, _ in predicted], 0),
        alt=np.mean([alt.mean(0) for _, alt in predicted], 0),
        ref_places=places[0],
        alt_places=places[1],
        ref_lacks=lacks[0],
        alt_lacks=lacks[1],
        bins=bins,
        at=at.astype(np.int64),
        strand=strand,
    )


def _bins_of(bases: int, bins: int) -> NDArray[np.int64]:
    """Return the bin of each base of a window, as defined by the model."""
    return ((np.arange(bases) + 1) * bins - 1) // bases
