"""A training that takes no step for too long is ended, and says where it was."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from dnasweep.runtime.training.watchdog import Watch

SECONDS = 0.3
LONG = 60


class Ended:
    """What a watch has done."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.left = threading.Event()

    def watch(self, seconds: float = SECONDS) -> Watch:
        return Watch(seconds, self.messages.append, leave=self.left.set)


def test_a_training_that_stops_stepping_ends_and_tells_where_it_was() -> None:
    ended = Ended()

    def hang_here() -> None:
        assert ended.left.wait(LONG)

    with ended.watch() as watch:
        watch.beat()
        hang_here()
    (message,) = ended.messages
    assert message.startswith("no step for 0.3 s, in wait (threading.py:")
    assert "hang_here (test_watchdog.py:" in message


@pytest.mark.parametrize("seconds", [SECONDS, 0.0])
def test_nothing_is_watched_before_the_first_step_nor_after_the_last(seconds: float) -> None:
    ended = Ended()
    with ended.watch(seconds) as watch:
        time.sleep(3 * SECONDS)
        watch.beat()
    time.sleep(3 * SECONDS)
    assert not ended.left.is_set()
    assert ended.messages == []


def test_signs_of_life_keep_it_alive() -> None:
    ended = Ended()
    with ended.watch(10.0) as watch:
        for _ in range(20):
            watch.beat()
            time.sleep(0.02)
    assert not ended.left.is_set()


def test_zero_waits_for_ever() -> None:
    ended = Ended()
    with ended.watch(0.0) as watch:
        watch.beat()
        assert not ended.left.wait(3 * SECONDS)


def test_the_process_ends_even_where_nobody_listens_to_its_report() -> None:
    code = (
        "import time\n"
        "from dnasweep.runtime.training.watchdog import Watch\n"
        "def tell(message): raise ConnectionError\n"
        "with Watch(0.2, tell) as watch:\n"
        "    watch.beat()\n"
        "    time.sleep(60)\n"
    )
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=LONG)
    assert done.returncode == 1
    assert time.monotonic() - begun < 50
