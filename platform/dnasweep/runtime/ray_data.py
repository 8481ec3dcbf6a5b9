"""Ray Data for jobs: silent, unordered, with errors that a user can fix as rows."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any

from dnasweep.errors import InputError


def configure() -> Any:
    """Set the options that Ray Data copies into each new dataset, and return them."""
    import ray.data

    for logger in ("ray.data", "ray.data._internal"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    # A tolerated error would drop a block silently.
    context.max_errored_blocks = 0
    return context


def error_text(error: InputError) -> str:
    """Return an error as text for the column `error`; Ray keeps only tracebacks."""
    return json.dumps((error.reason, error.file, error.row, error.remedy))


@contextlib.contextmanager
def streamed(dataset: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """Yield the rows of a dataset as they arrive, without their column `error`.

    Raises
    ------
    InputError
        The error of the first row that has one.
    """
    batches: Any = iter(
        dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
    )

    def rows() -> Iterator[dict[str, Any]]:
        for batch in batches:
            for row in batch.to_pylist():
                if error := row.pop("error"):
                    reason, file, place, remedy = json.loads(error)
                    raise InputError(reason, file=file, row=place, remedy=remedy)
                yield row

    # Otherwise the garbage collector might close it after Ray has ended, which would start Ray
    # again.
    with contextlib.closing(batches):
        yield rows()
