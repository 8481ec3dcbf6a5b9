"""The background thread that carries spooled records to MLflow, in order and until they arrive."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from dnasweep.tracking.client import first_line, without_password
from dnasweep.tracking.replay import Replayer, is_refusal
from dnasweep.tracking.write_ahead_log import Record, WriteAheadLog, leftovers

log = logging.getLogger("dnasweep.tracking")

_WINDOW_RECORDS = 500
_GATHER_SECONDS = 0.2
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_TRIES_WHILE_ANSWERING = 4


class Uploader:
    """Ships the files that earlier processes left, oldest first, and then `own` as it grows."""

    def __init__(self, uri: str, experiment: str, spool: Path, own: WriteAheadLog) -> None:
        self.failure = ""
        self.rejected = 0
        self._own = own
        self._files = [*_adopted(spool, uri, own), own]
        self._shippers = {
            name: Replayer(uri, name, lock_path=spool / "runs.lock")
            for name in {str(file.header.get("experiment", experiment)) for file in self._files}
        }
        self._main = self._shippers[experiment]
        self._experiment = experiment
        self._changed = threading.Condition()
        self._urgent = False
        self._stopping = False
        self._thread = threading.Thread(target=self._ship_all, name="mlflow-spool", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Records not yet shipped."""
        return sum(file.pending for file in self._files)

    def run_id(self, key: str, timeout_s: float) -> str | None:
        """Return the run of `key` once it is known, waiting at most `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while key not in self._main.run_ids and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(min(left, 0.1))
        return self._main.run_ids.get(key)

    def wait_until_uploaded(self, timeout_s: float) -> int:
        """Wait until nothing is pending, at most `timeout_s`; return what is."""
        deadline = time.monotonic() + timeout_s
        self._hurry()
        with self._changed:
            while self.pending and self._thread.is_alive() and time.monotonic() < deadline:
                self._changed.wait(0.1)
        return self.pending

    def stop(self, timeout_s: float | None) -> int:
        """Ship on until all is done or something fails, then end; return what is pending."""
        self._stopping = True
        self._hurry()
        self._thread.join(timeout_s)
        pending = self.pending
        if not self._thread.is_alive():
            for file in self._files:
                file.close()
        return pending

    def _hurry(self) -> None:
        with self._changed:
            self._urgent = True
            self._changed.notify_all()

    def _wait(self, seconds: float) -> None:
        with self._changed:
            if not self._urgent:
                self._changed.wait(seconds)
            self._urgent = False

    def _ship_all(self) -> None:
        wait, tries = _FIRST_WAIT_SECONDS, 0
        for file in self._files:
            shipper = self._shippers[str(file.header.get("experiment", self._experiment))]
            while True:
                # Asked before reading: what was written between an empty read and the end would
                # else stay behind.
                last_look = self._stopping
                window = file.read()[:_WINDOW_RECORDS]
                if not window:
                    if file is not self._own or last_look:
                        break
                    self._wait(_GATHER_SECONDS)
                    continue
                error = self._ship(file, shipper, window, tries)
                if error is None:
                    wait, tries = _FIRST_WAIT_SECONDS, 0
                    continue
                tries += 1
                self.failure = first_line(error)
                if tries == 1:
                    log.info("MLflow does not take records at the moment: %s", self.failure)
                if self._stopping:
                    return
                self._wait(wait)
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _ship(
        self, file: WriteAheadLog, shipper: Replayer, window: list[tuple[Record, int]], tries: int
    ) -> Exception | None:
        """Send a window of records; return why it must be tried again, or None."""
        try:
            shipper.apply([record for record, _ in window])
        except Exception as error:
            hopeless = is_refusal(error) or (tries >= _TRIES_WHILE_ANSWERING and _answers(shipper))
            if not hopeless:
                return error
            if len(window) > 1:
                # One bad record must not hold back its neighbours.
                for entry in window:
                    failure = self._ship(file, shipper, [entry], tries)
                    if failure is not None:
                        return failure
                return None
            self._reject(file, window[0][0], first_line(error))
        file.mark_uploaded(window[-1][1], len(window))
        with self._changed:
            self._changed.notify_all()
        return None

    def _reject(self, file: WriteAheadLog, record: Record, reason: str) -> None:
        self.rejected += 1
        file.reject(record, reason)
        log.warning("MLflow refused a record (%s): %s", record.get("kind"), reason)


def _adopted(spool: Path, uri: str, own: WriteAheadLog) -> list[WriteAheadLog]:
    adopted = []
    for file in leftovers(spool, besides=own.path):
        # Older files have the whole URI.
        meant = without_password(str(file.header.get("uri", uri)))
        if file.pending and meant != without_password(uri):
            log.warning(
                "%d records for the MLflow store %s wait in %s",
                file.pending,
                meant,
                file.path,
            )
            file.close()
            continue
        adopted.append(file)
    return adopted


def _answers(shipper: Replayer) -> bool:
    try:
        shipper.client.search_experiments(max_results=1)
    except Exception:
        return False
    return True
