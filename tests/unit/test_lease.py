"""A lock of files alone: one holder, whoever dies, sleeps or comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from dnasweep.storage import lease as lease_module
from dnasweep.storage.lease import Lease, LockLost
from filelock import Timeout

QUICK = {"heartbeat_s": 0.05, "expiry_s": 0.4}
HOLDER = """
import sys, time
from pathlib import Path
from dnasweep.storage.lease import Lease
with Lease(Path(sys.argv[1]), heartbeat_s=0.05, expiry_s=float(sys.argv[2])) as lease:
    print("held", flush=True)
    for line in sys.stdin:
        lease.confirm()
        print("still held", flush=True)
"""
COUNTER = """
import sys
from pathlib import Path
from dnasweep.storage.lease import Lease
folder, count = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(int(sys.argv[3])):
    with Lease(folder):
        value = int(count.read_text())
        count.write_text(str(value + 1))
"""


def holder(folder: Path, expiry_s: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), str(expiry_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_has_it_and_the_next_gets_it(tmp_path: Path) -> None:
    one, two = Lease(tmp_path / "l"), Lease(tmp_path / "l")
    with one:
        one.confirm()
        with pytest.raises(Timeout):
            two.acquire(timeout=0.05)
    with two:
        two.confirm()
        with pytest.raises(LockLost):
            one.confirm()
    assert len(list((tmp_path / "l").iterdir())) == 2, "old claims are removed"


def test_processes_that_count_lose_no_count(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    words = [sys.executable, "-c", COUNTER, str(tmp_path / "l"), str(count), "40"]
    processes = [subprocess.Popen(words) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert count.read_text() == "120"


def test_a_holder_that_is_killed_on_this_machine_is_followed_at_once(tmp_path: Path) -> None:
    process = holder(tmp_path / "l", 60)
    process.kill()
    process.wait()
    started = time.monotonic()
    with Lease(tmp_path / "l", heartbeat_s=0.05, expiry_s=60):
        assert time.monotonic() - started < 2


def test_a_holder_on_another_machine_is_followed_when_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known here of its process; only the silence tells."""
    process = holder(tmp_path / "l", 0.4)
    monkeypatch.setattr(lease_module, "_machine", lambda: {"boot": "another", "processes": 1})
    waiting = Lease(tmp_path / "l", **QUICK)
    with pytest.raises(Timeout):
        waiting.acquire(timeout=1.0)
    process.kill()
    process.wait()
    started = time.monotonic()
    waiting.acquire(timeout=10)
    assert 0.3 < time.monotonic() - started < 3
    waiting.release()


def test_a_holder_that_wakes_up_after_it_was_followed_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = holder(tmp_path / "l", 0.4)
    assert process.stdin is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        with Lease(tmp_path / "l", **QUICK) as follower:
            os.kill(process.pid, signal.SIGCONT)
            said, error = process.communicate("go on?\n", timeout=20)
            assert "still held" not in said
            assert "LockLost" in error
            # Its release is not taken for the follower's.
            follower.confirm()
            with pytest.raises(Timeout):
                Lease(tmp_path / "l", **QUICK).acquire(timeout=0.1)
    finally:
        process.kill()


def test_a_sign_of_life_while_another_takes_over_keeps_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lease(tmp_path / "l", heartbeat_s=30, expiry_s=60) as slow:
        create = lease_module._create

        def late(path: Path, data: bytes) -> None:
            slow.confirm()
            create(path, data)

        other = Lease(tmp_path / "l", heartbeat_s=30, expiry_s=60)
        monkeypatch.setattr(other, "_is_over", lambda seen: True)
        with monkeypatch.context() as patch:
            patch.setattr(lease_module, "_create", late)
            assert not other._try()
        slow.confirm()


def test_one_that_was_late_does_not_take_a_number_of_long_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, late = Lease(tmp_path / "l"), Lease(tmp_path / "l")
    with first:
        pass
    create, held = lease_module._create, []

    def others_first(path: Path, data: bytes) -> None:
        monkeypatch.setattr(lease_module, "_create", create)
        for _ in range(2):
            with Lease(tmp_path / "l"):
                pass
        held.append(Lease(tmp_path / "l").acquire())
        create(path, data)

    monkeypatch.setattr(lease_module, "_create", others_first)
    assert not late._try()
    held[0].confirm()
    held[0].release()
    with late:
        late.confirm()


def test_threads_of_one_process_exclude_one_another(tmp_path: Path) -> None:
    inside, worst = [], []

    def work() -> None:
        for _ in range(20):
            with Lease(tmp_path / "l"):
                inside.append(1)
                worst.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(worst) == 1
    assert len(worst) == 80


def test_a_claim_of_hours_ago_is_not_waited_for(tmp_path: Path) -> None:
    process = holder(tmp_path / "l", 60)
    process.kill()
    process.wait()
    (claim,) = (tmp_path / "l").iterdir()
    # As if it had been made by a machine of which nothing is known.
    claim.write_text("{}")
    with pytest.raises(Timeout):
        Lease(tmp_path / "l").acquire(timeout=0.1)
    os.utime(claim, (time.time() - 7200, time.time() - 7200))
    with Lease(tmp_path / "l").acquire(timeout=1):
        pass
