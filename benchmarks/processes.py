"""Work shared out among processes of one thread each, as a job's actors share it on one machine."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Self

import torch

_work: Callable[[Any], Any]


class Processes:
    """Processes that wait for parts of the work.

    Parameters
    ----------
    start
        Called once in each process; returns what is called for every part.
    number
        Processes.
    """

    def __init__(self, start: Callable[[], Callable[[Any], Any]], number: int) -> None:
        self._pool = ProcessPoolExecutor(
            number, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(start,)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def __call__(self, parts: Sequence[Any]) -> list[Any]:
        """Return the results of parts, in their order."""
        return list(self._pool.map(_do, parts))


def in_parts(work: Sequence[Any], number: int, size: int = 1) -> list[Sequence[Any]]:
    """Return at least `number` parts of like length, each a multiple of `size`."""
    step = max(1, len(work) // (number * size)) * size
    return [work[i : i + step] for i in range(0, len(work), step)]


def _begin(start: Callable[[], Callable[[Any], Any]]) -> None:
    global _work
    torch.set_num_threads(1)
    _work = start()


def _do(part: Any) -> Any:
    return _work(part)
