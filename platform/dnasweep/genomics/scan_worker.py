"""The worker of a genome scan, which scores the windows of one shard of tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dnasweep.genomics.genome_store import StoredGenome
from dnasweep.genomics.scan_plan import ScanConfig
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.storage import Storage
from dnasweep.tokens.alphabet import digits, normalise, other_strand

SCHEMA = pa.schema(
    [
        ("chrom", pa.dictionary(pa.int32(), pa.string())),
        ("start", pa.int64()),
        ("forward", pa.float32()),
        ("reverse", pa.float32()),
    ]
)
"""Log odds (nats) of the target in each window on each strand; nan if it was not read."""
BLOCK_TILES, BLOCK_BASES = 4, 1 << 21
"""Maximum number of tiles, and of bases of their windows, computed together: enough to fill batches, with
little memory."""
Floats = NDArray[np.float32]


class WindowRun(NamedTuple):
    """Consecutive windows on the grid of a record."""

    chrom: str
    """The record."""
    first: int
    """Index of the first window."""
    number: int
    """Number of windows."""


class ScanWorker:
    """Scores windows of a stored genome with one model, which is loaded once.

    Parameters
    ----------
    storage
        Root of the storage with the genome and the model.
    models
        Kind of artefact that the model is stored as.
    settings
        Settings of the scan: those of :class:`ScanConfig`, and `genome`, `model`, `target` (name of
        a class) and `precision`.
    batch_rows
        Windows per forward pass; None: chosen by their number of tokens.
    device
        `cpu` or `cuda`.
    """

    def __init__(
        self,
        *,
        storage: str,
        models: str,
        settings: Mapping[str, Any],
        batch_rows: int | None = None,
        device: str = "cpu",
    ) -> None:
        store = Storage(storage)
        self._genome = StoredGenome(store, settings["genome"])
        self._config = ScanConfig(**{f.name: settings[f.name] for f in fields(ScanConfig)})
        self._values = SequenceValues(
            store.expect(models, settings["model"]),
            target=settings["target"],
            batch_rows=batch_rows,
            device=device,
            precision=settings["precision"],
        )

    def smoke_test(self, rows: pa.Table) -> None:
        """Score the first windows and check that the scores are finite."""
        (run,) = runs_of(rows.slice(0, 1))
        self.score([run._replace(number=min(2, run.number))])

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the windows of the tiles in a shard, in order, and their number."""
        parts = []
        read = 0
        runs = runs_of(rows)
        max_bases = max((run.number for run in runs), default=1) * self._config.window
        size = max(1, min(BLOCK_TILES, BLOCK_BASES // max_bases))
        for start in range(0, len(runs), size):
            some = runs[start : start + size]
            for run, (forward, reverse) in zip(some, self.score(some), strict=True):
                starts = np.arange(run.first, run.first + run.number, dtype=np.int64)
                chrom = pa.DictionaryArray.from_arrays(np.zeros(run.number, np.int32), [run.chrom])
                columns = [chrom, starts * self._config.stride, forward, reverse]
                parts.append(pa.table(columns, schema=SCHEMA))
                read += int((~np.isnan(forward) | ~np.isnan(reverse)).sum())
            progress(start + len(some))
        table = pa.concat_tables(parts).unify_dictionaries()
        return {"windows": table}, {"num_windows": len(table), "num_read": read}

    def score(self, runs: Sequence[WindowRun]) -> list[tuple[Floats, Floats]]:
        """Return the log odds of runs of windows on either strand, (number,) each.

        All windows are batched together; a value depends only on its window.
        """
        found = [(_unread(run.number), _unread(run.number)) for run in runs]
        targets, rows, owners = [], [], []
        for run, strands in zip(runs, found, strict=True):
            for strand, windows, tokens in self._encode(run):
                targets.append((strands[strand], windows))
                rows.append(tokens)
                owners.append(run)
        if not rows:
            return found
        ids = np.concatenate([one for one, _ in rows])
        counts = np.concatenate([np.diff(offsets) for _, offsets in rows])
        ends = np.cumsum([len(offsets) - 1 for _, offsets in rows])

        def name(row: int) -> str:
            part = int(np.searchsorted(ends, row, side="right"))
            run, windows = owners[part], targets[part][1]
            window = run.first + int(windows[row - ends[part]])
            start = window * self._config.stride
            return f"the window {run.chrom}:{start + 1:,}-{start + self._config.window:,}"

        offsets = np.concatenate([[0], np.cumsum(counts)])
        odds = self._values.of_tokens(ids, offsets, name=name)
        done = 0
        for part, windows in targets:
            part[windows] = odds[done : (done := done + len(windows))]
        return found

    def _encode(
        self, run: WindowRun
    ) -> Iterator[tuple[int, NDArray[np.int64], tuple[NDArray[np.int32], NDArray[np.int64]]]]:
        """Yield the number of each strand that is read, its windows with enough known bases, and tokens."""
        width, stride = self._config.window, self._config.stride
        low = run.first * stride
        # The last windows extend into the next tile, so its first bases are also read.
        high = low + (run.number - 1) * stride + width
        text = normalise(self._genome.fetch(run.chrom, low, high))
        starts = np.arange(run.number, dtype=np.int64) * stride
        unknown = np.concatenate([[0], np.cumsum(digits(text) == 4)])
        share = (unknown[starts + width] - unknown[starts]) / width
        windows = np.flatnonzero(share <= self._config.max_unknown)
        if len(windows) == 0:
            return
        tokenizer, starts = self._values.tokenizer, starts[windows]
        if self._config.strands != "reverse":
            yield 0, windows, tokenizer.encode_windows(text, starts, width)
        if self._config.strands != "forward":
            reverse_starts = len(text) - width - starts
            yield 1, windows, tokenizer.encode_windows(other_strand(text), reverse_starts, width)


def runs_of(tiles: pa.Table) -> list[WindowRun]:
    """Return the tiles of a plan as runs of windows."""
    columns = (tiles[name].to_pylist() for name in WindowRun._fields)
    return [WindowRun(*cells) for cells in zip(*columns, strict=True)]


def _unread(number: int) -> Floats:
    return np.full(number, np.nan, np.float32)
