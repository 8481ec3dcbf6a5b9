"""The background thread that uploads the records of the write-ahead log to MLflow, in order."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from dnasweep.tracking.client import first_line, without_password
from dnasweep.tracking.replay import Replayer, is_refusal
from dnasweep.tracking.write_ahead_log import Record, WriteAheadLog, leftovers

log = logging.getLogger("dnasweep.tracking")

_BATCH_RECORDS = 500
_GATHER_SECONDS = 0.2
_FIRST_PAUSE_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 30.0
_TRIES_WHILE_ANSWERING = 4
"""Number of failed attempts after which a record is rejected if the store answers other
requests."""


class Uploader:
    """Uploads the files that earlier processes left, oldest first, and then `own` as it grows.

    Parameters
    ----------
    uri
        Absolute tracking URI.
    experiment
        Name of the MLflow experiment.
    folder
        Folder of the log files.
    own
        Log file of this process, in that folder.
    """

    def __init__(self, uri: str, experiment: str, folder: Path, own: WriteAheadLog) -> None:
        self.failure = ""
        """Why the last upload failed."""
        self.rejected = 0
        """Number of records that MLflow refused permanently."""
        self._own = own
        self._files = [*_adopt(folder, uri, own), own]
        self._experiment = experiment
        self._replayers = {
            name: Replayer(uri, name, lock_path=folder / "runs.lock")
            for name in map(self._experiment_of, self._files)
        }
        self._changed = threading.Condition()
        self._urgent = False
        self._stopping = False
        self._thread = threading.Thread(
            target=self._upload_all, name="mlflow-uploader", daemon=True
        )
        self._thread.start()

    @property
    def pending(self) -> int:
        """Number of records not uploaded yet, including those of earlier processes."""
        return sum(file.pending for file in self._files)

    def wait_until_uploaded(self, timeout_s: float) -> int:
        """Wait at most `timeout_s` until no record is pending; return the number pending."""
        deadline = time.monotonic() + timeout_s
        self._hurry()
        with self._changed:
            while self.pending and self._thread.is_alive() and time.monotonic() < deadline:
                self._changed.wait(0.1)
        return self.pending

    def stop(self, timeout_s: float | None) -> int:
        """Upload until all is done or an upload fails, then end; return the number pending."""
        self._stopping = True
        self._hurry()
        self._thread.join(timeout_s)
        pending = self.pending
        if not self._thread.is_alive():
            for file in self._files:
                file.close()
        return pending

    def _experiment_of(self, file: WriteAheadLog) -> str:
        return str(file.header.get("experiment", self._experiment))

    def _hurry(self) -> None:
        with self._changed:
            self._urgent = True
            self._changed.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if not self._urgent:
                self._changed.wait(seconds)
            self._urgent = False

    def _upload_all(self) -> None:
        pause, tries = _FIRST_PAUSE_SECONDS, 0
        for file in self._files:
            replayer = self._replayers[self._experiment_of(file)]
            while True:
                # This is checked before reading: otherwise a record written between an empty read
                # and the request to stop would be left behind.
                last_read = self._stopping
                batch = file.read()[:_BATCH_RECORDS]
                if not batch:
                    if file is not self._own or last_read:
                        break
                    self._pause(_GATHER_SECONDS)
                    continue
                error = self._upload(file, replayer, batch, tries)
                if error is None:
                    pause, tries = _FIRST_PAUSE_SECONDS, 0
                    continue
                tries += 1
                self.failure = first_line(error)
                if tries == 1:
                    log.info("MLflow does not take records at the moment: %s", self.failure)
                if self._stopping:
                    return
                self._pause(pause)
                pause = min(pause * 2, _MAX_PAUSE_SECONDS)

    def _upload(
        self, file: WriteAheadLog, replayer: Replayer, batch: list[tuple[Record, int]], tries: int
    ) -> Exception | None:
        """Send a batch of records; return the error if it must be retried, else None."""
        try:
            replayer.apply([record for record, _ in batch])
        except Exception as error:
            hopeless = is_refusal(error) or (
                tries >= _TRIES_WHILE_ANSWERING and replayer.store_answers()
            )
            if not hopeless:
                return error
            if len(batch) > 1:
                # One bad record must not delay the others.
                for entry in batch:
                    failure = self._upload(file, replayer, [entry], tries)
                    if failure is not None:
                        return failure
                return None
            record, reason = batch[0][0], first_line(error)
            self.rejected += 1
            file.reject(record, reason)
            log.warning("MLflow refused a record (%s): %s", record.get("kind"), reason)
        file.mark_uploaded(batch[-1][1], len(batch))
        with self._changed:
            self._changed.notify_all()
        return None


def _adopt(folder: Path, uri: str, own: WriteAheadLog) -> list[WriteAheadLog]:
    """Take over the log files of earlier processes that are meant for this store."""
    adopted = []
    for file in leftovers(folder, besides=own.path):
        # Files of earlier versions contain the whole URI.
        meant = without_password(str(file.header.get("uri", uri)))
        if file.pending and meant != without_password(uri):
            log.warning(
                "%d records for the MLflow store %s wait in %s", file.pending, meant, file.path
            )
            file.close()
            continue
        adopted.append(file)
    return adopted
