"""Checks for options of a sweep that do not apply to the labels of the data."""

from __future__ import annotations

from dnasweep.errors import InputError
from dnasweep.sweeps.axes import FewShotOptions, SweepOptions
from dnasweep.tasks.task import Task


def check_options_of_task(options: SweepOptions, task: Task) -> None:
    """Refuse options that do not apply to the task.

    Parameters
    ----------
    options
        Options of the command.
    task
        Task to learn.

    Raises
    ------
    InputError
        For the first such option.
    """
    if not task.has_classes:
        _check_without_classes(options, task)
    _check_whole_rows(options, task)


def _check_without_classes(options: SweepOptions, task: Task) -> None:
    """Refuse options for classes if the rows have no classes."""
    wrong = {
        "--keep auroc": options.keep == "auroc" and "auroc" not in task.metrics,
        "--class-weights": options.class_weights != "none" and not task.has_weights,
        "--label-smoothing": options.label_smoothing > 0 and not task.has_weights,
    }
    if isinstance(options, FewShotOptions) and task.place:
        raise InputError(
            f"shots are rows with a class or a number each, and the labels are of places in a sequence "
            f"({task.name})",
            remedy="Use `dnasweep tokenizer-grid`.",
        )
    for option, given in wrong.items():
        if given:
            raise InputError(
                f"{option} is for classes, but the labels are not classes ({task.name})",
                remedy="Leave it out.",
            )


def _check_whole_rows(options: SweepOptions, task: Task) -> None:
    """Refuse windows and the reverse strand for tasks whose labels do not describe whole rows."""
    if options.windows != "none" and not task.reads_windows:
        raise InputError(
            f"--windows is {options.windows}, which averages over windows, but the labels are of "
            f"positions in a sequence ({task.name})",
            remedy="Leave it out, and cut the sequences, with their labels, or use --crop.",
        )
    strands = options.augment_reverse_complement or options.average_reverse_complement
    if strands and not task.reads_other_strand:
        raise InputError(
            f"the labels are of the strand that is given ({task.name}), and not of its reverse "
            "complement",
            remedy="Leave --augment-reverse-complement and --average-reverse-complement out.",
        )
