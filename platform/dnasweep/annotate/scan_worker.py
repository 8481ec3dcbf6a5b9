"""What a genome scan does with a shard of its tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from dnasweep.annotate.scan_settings import ScanConfig
from dnasweep.errors import InputError
from dnasweep.genome.store import StoredGenome
from dnasweep.language.alphabet import digits, normalise, other_strand
from dnasweep.language.overlaps import encode_windows
from dnasweep.language.tokenizers import DnaTokenizer
from dnasweep.model.capacity import capacity
from dnasweep.model.checkpoint import load_classifier
from dnasweep.model.many_rows import forward_of, rows_a_batch
from dnasweep.model.mesh import Precision
from dnasweep.model.predict import token_logits
from dnasweep.storage import Storage

SCHEMA = pa.schema(
    [
        ("chrom", pa.dictionary(pa.int32(), pa.string())),
        ("start", pa.int64()),
        ("forward", pa.float32()),
        ("reverse", pa.float32()),
    ]
)
"""Log odds (nats) of the target in each window, shown each strand; nan where it was not."""


class ScanWorker:
    """Reads windows of a stored genome with one model, which is loaded once.

    Batches are cut within a tile, so that a number depends neither on shards nor on who computes.

    Parameters
    ----------
    storage
        Where genome and model are artefacts.
    models
        The kind of artefact that models are.
    settings
        Of the scan: those of :class:`ScanConfig`, and `genome`, `model`, `target` (a class's
        index) and `precision`.
    batch_size
        Windows a forward pass; None: by their tokens.
    device
        `cpu` or `cuda`.
    """

    def __init__(
        self,
        *,
        storage: str,
        models: str,
        settings: Mapping[str, Any],
        batch_size: int | None = None,
        device: str = "cpu",
    ) -> None:
        place = Storage(storage)
        directory = place.find(models, settings["model"])
        if directory is None:
            raise InputError(
                "the model is not there any more", file=place.place(models, settings["model"])
            )
        self._genome = StoredGenome(place, settings["genome"])
        self._config = ScanConfig(**{f.name: settings[f.name] for f in fields(ScanConfig)})
        self._target: int = settings["target"]
        self._precision: Precision = settings["precision"]
        self._batch_size = batch_size
        self._tokenizer = DnaTokenizer.load(directory)
        self._device = torch.device(device)
        self._model = load_classifier(directory)
        torch.nn.Module.to(self._model, self._device).eval()
        self._forward = forward_of(self._model, self._precision)
        self._held = capacity(self._model.config.to_dict())

    def rehearse(self, rows: pa.Table) -> None:
        """Score the first windows and make sure that they are numbers."""
        row = rows.slice(0, 1).to_pylist()[0]
        self.score(row["chrom"], row["first"], min(2, row["number"]))

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the windows of a shard's tiles in order, and how many there are."""
        parts = []
        read = 0
        for done, row in enumerate(rows.to_pylist(), start=1):
            name, first, number = row["chrom"], row["first"], row["number"]
            forward, reverse = self.score(name, first, number)
            starts = np.arange(first, first + number, dtype=np.int64) * self._config.stride
            parts.append(
                pa.table(
                    [
                        pa.DictionaryArray.from_arrays(np.zeros(number, np.int32), [name]),
                        starts,
                        forward,
                        reverse,
                    ],
                    schema=SCHEMA,
                )
            )
            read += int((~np.isnan(forward) | ~np.isnan(reverse)).sum())
            progress(done)
        table = pa.concat_tables(parts).unify_dictionaries()
        return {"windows": table}, {"num_windows": len(table), "num_read": read}

    def score(
        self, name: str, first: int, number: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the log odds of a run of windows on either strand, (number,) each."""
        width, stride = self._config.window, self._config.stride
        low = first * stride
        # The last window reaches over the next one's start: what belongs to others is read too.
        text = normalise(self._genome.fetch(name, low, low + (number - 1) * stride + width))
        starts = np.arange(number, dtype=np.int64) * stride
        unknown = np.concatenate([[0], np.cumsum(digits(text) == 4)])
        share = (unknown[starts + width] - unknown[starts]) / width
        rows = np.flatnonzero(share <= self._config.max_unknown)
        found = [np.full(number, np.nan, np.float32) for _ in range(2)]
        if self._config.strands != "reverse":
            found[0][rows] = self._log_odds(text, starts[rows])
        if self._config.strands != "forward":
            found[1][rows] = self._log_odds(other_strand(text), len(text) - width - starts[rows])
        return found[0], found[1]

    def _log_odds(self, text: str, starts: NDArray[np.int64]) -> NDArray[np.float32]:
        if len(starts) == 0:
            return np.empty(0, np.float32)
        ids, offsets = encode_windows(self._tokenizer, text, starts, self._config.window)
        if (most := np.diff(offsets).max()) > self._held:
            raise InputError(
                f"a window of {self._config.window:,} bases has {most:,} tokens, the model holds "
                f"{self._held:,}",
                remedy="Use the --window that the model was trained on.",
            )
        logits = token_logits(
            self._model,
            ids,
            offsets,
            pad_id=self._tokenizer.pad_id,
            batch_size=self._batch_size or rows_a_batch(int(most), self._device),
            place=self._device,
            dtype=self._precision,
            forward=self._forward,
        )
        others = [i for i in range(logits.shape[1]) if i != self._target]
        odds = (logits[:, self._target] - logits[:, others].logsumexp(1)).numpy()
        if not np.isfinite(odds).all():
            raise InputError(
                "the model's log odds are not finite",
                remedy="Use --precision fp32, or another model.",
            )
        return odds.astype(np.float32)
