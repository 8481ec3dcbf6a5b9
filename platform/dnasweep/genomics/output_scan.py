"""A scan by a model of bases, bins or numbers: each window predicts the bases at its centre.

Windows overlap, so every base except those at the ends of a record is read with bases on either side.
A base gets its prediction from the one window whose centre contains it. The centre is `stride` bases wide; in
the first and last windows it extends to the end of the record. Predictions are not averaged over windows, so
they are not blurred by predictions at the edges of windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dnasweep.genomics.genome_store import StoredGenome
from dnasweep.genomics.output_values import OutputValues
from dnasweep.genomics.scan_plan import ScanConfig
from dnasweep.genomics.scan_worker import WindowRun, runs_of
from dnasweep.storage import Storage
from dnasweep.tokens.alphabet import digits, normalise, other_strand

SCHEMA = pa.schema(
    [
        ("chrom", pa.dictionary(pa.int32(), pa.string())),
        # First base of the centre of the window.
        ("start", pa.int64()),
        ("values", pa.list_(pa.float32())),
    ]
)
"""One row per window that was read; predictions are flattened from (places, outputs, strands)."""
BASES_AT_ONCE = 1 << 19
"""Number of bases of windows computed together: enough to fill batches, with little memory."""


class Centre(NamedTuple):
    """The part of a window whose predictions are used."""

    first: int
    """First place (base, bin or whole window) of the centre."""
    last: int
    """One past the last place of the centre."""
    start: int
    """Base of the record at which the first place begins."""


def centre_of(config: ScanConfig, width: int, index: int, num_windows: int) -> Centre:
    """Return the places at the centre of a window; the centres of a record's windows do not overlap.

    Parameters
    ----------
    config
        Settings of the windows.
    width
        Width of a place in bases: 1 for bases, more for bins, and the window if it is predicted as a whole.
    index, num_windows
        Number of the window in its record, and number of windows in the record.
    """
    window, stride = config.window, min(config.window, config.stride)
    begin = index * config.stride
    if width == window:
        return Centre(0, 1, begin + (window - stride) // 2)
    # Bins begin where those of the next window do.
    before = (window - stride) // 2 // width * width
    low = 0 if index == 0 else before
    high = window if index == num_windows - 1 else before + stride
    return Centre(low // width, high // width, begin + low)


class OutputScanWorker:
    """Predicts the outputs of windows of a stored genome with one model, which is loaded once.

    Parameters
    ----------
    storage
        Root of the storage with the genome and the model.
    models
        Kind of artefact that the model is stored as.
    settings
        Settings of the scan: those of :class:`~dnasweep.genomics.scan_plan.ScanConfig`, and `genome`,
        `model`, `outputs` (numbers of the outputs that are kept), `width` (bases of a place) and
        `precision`.
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
        self._outputs, self._width = list(settings["outputs"]), int(settings["width"])
        self._values = OutputValues(
            store.expect(models, settings["model"]),
            batch_rows=batch_rows,
            device=device,
            precision=settings["precision"],
        )

    def smoke_test(self, rows: pa.Table) -> None:
        """Predict the first windows and check that the predictions are finite."""
        (run,) = runs_of(rows.slice(0, 1))
        list(self._windows(run._replace(number=min(2, run.number))))

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return what the windows of a shard's tiles say, and how many there are."""
        chroms: list[str] = []
        starts: list[int] = []
        values: list[NDArray[np.float32]] = []
        runs = runs_of(rows)
        for done, run in enumerate(runs, start=1):
            for start, own in self._windows(run):
                chroms.append(run.chrom)
                starts.append(start)
                values.append(own)
            progress(done)
        offsets = np.concatenate([[0], np.cumsum([len(own) for own in values])])
        flat = np.concatenate([np.empty(0, np.float32), *values])
        lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(flat))
        chrom = pa.array(chroms, pa.string()).dictionary_encode()
        table = pa.table([chrom.cast(SCHEMA.field("chrom").type), starts, lists], schema=SCHEMA)
        windows = sum(run.number for run in runs)
        return {"windows": table}, {"num_windows": windows, "num_read": len(table)}

    def _windows(self, run: WindowRun) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield, of each window that is read, where its centre begins and what it says there, flat."""
        width, stride = self._config.window, self._config.stride
        total = self._config.num_windows(self._genome.lengths[run.chrom])
        at_once = max(1, BASES_AT_ONCE // width)
        for low in range(run.first, run.first + run.number, at_once):
            number = min(at_once, run.first + run.number - low)
            begin = low * stride
            text = normalise(
                self._genome.fetch(run.chrom, begin, begin + (number - 1) * stride + width)
            )
            unknown = np.concatenate([[0], np.cumsum(digits(text) == 4)])
            starts = np.arange(number) * stride
            share = (unknown[starts + width] - unknown[starts]) / width
            kept = np.flatnonzero(share <= self._config.max_unknown).tolist()
            windows = [text[i * stride : i * stride + width] for i in kept]
            names = [f"{run.chrom}:{(low + i) * stride + 1:,}" for i in kept]
            strands = self._strands(windows, names)
            for i, *own in zip(kept, *strands, strict=True):
                centre = centre_of(self._config, self._width, low + i, total)
                part = np.stack([one[centre.first : centre.last] for one in own], axis=-1)
                yield centre.start, part.astype(np.float32).ravel()

    def _strands(
        self, windows: Sequence[str], names: Sequence[str]
    ) -> Iterator[list[NDArray[np.float64]]]:
        """Yield what is predicted of windows on each strand that is read, in the order of the genome."""

        def name(row: int) -> str:
            return f"the window that begins at {names[row]}"

        if self._config.strands != "reverse":
            found = self._values.predicted(windows, name=name)
            yield [one[:, self._outputs] for one in found]
        if self._config.strands != "forward":
            found = self._values.predicted([other_strand(one) for one in windows], name=name)
            yield [one[::-1, self._outputs] for one in found]
