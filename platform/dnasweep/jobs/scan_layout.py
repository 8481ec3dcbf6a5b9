"""The results of a scan, which depend on the model: the probability of a class, or tracks of outputs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dnasweep.attribution.checks import ModelFacts
from dnasweep.errors import InputError
from dnasweep.genomics.scan_plan import PeakConfig, ScanConfig, TrackConfig
from dnasweep.jobs.scan_options import ScanOptions
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.tasks.task import Task

MERGE_GAP, MIN_LENGTH = 100, 50
"""Default settings for peaks of a probability."""


class ScanLayout(NamedTuple):
    """Windows, track and peaks of a scan."""

    config: ScanConfig
    """How windows are laid out and read."""
    track: TrackConfig
    """How windows become a track."""
    peaks: PeakConfig | None
    """Settings of peak calling; None: no peaks are called."""
    outputs: tuple[int, ...] = ()
    """Numbers of the outputs that have tracks; empty: there is one track, the probability of a class."""
    width: int = 0
    """Number of bases covered by an output: 1 for bases, more for bins, the window for numbers."""


def layout_of(options: ScanOptions, model: ModelFacts, directory: Path) -> ScanLayout:
    """Return the layout of a scan by a model.

    Parameters
    ----------
    options
        Options of the command.
    model
        The model.
    directory
        Its directory.

    Raises
    ------
    InputError
        For options that do not apply to such a model.
    """
    window = _window(options, model, directory)
    if not model.task.has_calls:
        return _of_outputs(options, model, window)
    if options.combine == "apart":
        raise InputError(
            "strands can be kept apart only for models that predict per base, but this model classifies "
            "sequences",
            remedy="Use --combine mean or max, or --strands forward and --strands reverse.",
        )
    _check_share(options.threshold)
    stride = max(1, window // 4) if options.stride is None else options.stride
    gap, least = options.merge_gap, options.min_length
    return ScanLayout(
        _config(options, window, stride),
        TrackConfig(per=options.per, combine=options.combine or "mean"),
        PeakConfig(
            threshold=_threshold(directory, model, options),
            merge_gap=MERGE_GAP if gap is None else gap,
            min_length=MIN_LENGTH if least is None else least,
        ),
    )


def _of_outputs(options: ScanOptions, model: ModelFacts, window: int) -> ScanLayout:
    task = model.task
    for name, given in (
        ("--annotations", options.annotations),
        ("--tss", options.tss is not None),
        ("--picture", options.picture is not None),
    ):
        if given:
            raise InputError(
                f"{name} is for peaks of a class of sequences, but the model {task.predicts} "
                f"{', '.join(task.names)}",
                remedy=f"Leave out {name}, and compare the tracks with deepTools or bedtools.",
            )
    if model.place is not None:
        raise InputError(
            f"the target is {model.target!r}, but a scan covers all bases of the genome",
            remedy=f"Name only the class or track: --target {model.target.rpartition('@')[0]}.",
        )
    if task.scan_threshold is not None:
        _check_share(options.threshold)
    width = _width(window, task)
    config = _config(options, window, _stride(options.stride, window, task, width))
    threshold = task.scan_threshold if options.threshold is None else options.threshold
    return ScanLayout(
        config,
        TrackConfig(
            per="window", combine=options.combine or ("apart" if task.stranded else "mean")
        ),
        None
        if threshold is None
        else PeakConfig(
            threshold=threshold,
            merge_gap=options.merge_gap or 0,
            min_length=options.min_length or 1,
        ),
        tuple([model.names.index(model.target)] if model.target else task.wanted),
        width,
    )


def _window(options: ScanOptions, model: ModelFacts, directory: Path) -> int:
    """Return the bases per window: those that are requested, or the median training length."""
    if options.window is not None:
        return options.window
    if model.lengths is None:
        raise InputError(
            "the model does not contain the length of the sequences that it was trained on",
            file=directory,
            remedy="Give this length in bases as --window.",
        )
    return model.lengths.median


def _config(options: ScanOptions, window: int, stride: int) -> ScanConfig:
    return ScanConfig(
        window=window,
        stride=stride,
        strands=options.strands,
        max_unknown=options.max_unknown,
    )


def _width(window: int, task: Task) -> int:
    """Return the number of bases that each output of the model covers in a window."""
    if not task.place:
        return window
    if window % task.places:
        least = max(1, window // task.places) * task.places
        raise InputError(
            f"a window of {window:,} bases cannot be divided into {task.places} bins of equal width",
            remedy=f"Use a multiple of {task.places} as --window, such as {least}.",
        )
    return 1 if task.places == 1 else window // task.places


def _stride(stride: int | None, window: int, task: Task, width: int) -> int:
    if not task.place:
        return max(1, window // 4) if stride is None else stride
    if stride is None:
        return max(width, window // 2 // width * width)
    if stride % width or stride > window:
        raise InputError(
            f"--stride is {stride:,}, but windows of {window:,} bases have {task.place}s of {width:,}",
            remedy=f"Use a multiple of {width:,} up to {window:,}, so that every {task.place} is in "
            "the centre of one window.",
        )
    return stride


def _check_share(threshold: float | None) -> None:
    if threshold is not None and threshold > 1:
        raise InputError(
            f"--threshold is {threshold:g}, but probabilities are at most 1",
            remedy="Use a number above 0, up to 1.",
        )


def _threshold(directory: Path, model: ModelFacts, options: ScanOptions) -> float:
    if options.threshold is not None:
        return options.threshold
    return model.task.call_threshold(read_config(directory), model.names.index(model.target))
