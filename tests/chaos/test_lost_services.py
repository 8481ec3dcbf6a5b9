"""What a sweep leans on goes away for a while: MLflow, the bucket, room on the disk."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_toys import Facts, Scene, check_nothing_lost, time_lost
from mlflow_server import Server
from object_store import ObjectStore
from small_disk import small_disk

pytest_plugins = ("mlflow_toys",)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
SWEEP = "2 trials, 1 encoder"
AWAY = 15.0
"""Seconds."""
DISK_MIB = 12


def test_the_mlflow_server_is_killed_and_comes_back(
    undisturbed: tuple[Scene, Facts], make_scene, add_row
) -> None:
    whole, facts = undisturbed
    scene = make_scene()
    server = Server(scene.folder)
    try:
        server.start()
        scene.uri = server.uri
        begun = time.monotonic()
        process = scene.start()
        scene.wait_for(process, lambda: scene.state_of("encoders"), "state of an encoder")
        server.kill()
        # Down through pretraining and into fine-tuning, whose evaluations have to wait.
        scene.wait_for(process, lambda: scene.state_of("trials"), "state of a trial")
        server.start()
        scene.finish(process)
        scene.seconds = time.monotonic() - begun
        outcome = check_nothing_lost(scene, facts)
    finally:
        server.kill()
    add_row("MLflow server killed, and back", SWEEP, outcome, time_lost(scene, whole))


def test_the_bucket_refuses_for_a_while(
    undisturbed: tuple[Scene, Facts],
    object_store: ObjectStore,
    make_scene,
    add_row,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, facts = undisturbed
    # Not in anybody's home: what a machine copies from a bucket, it keeps there.
    monkeypatch.setenv("HOME", str(tmp_path))
    scene = make_scene(root=object_store.new_root())
    begun = time.monotonic()
    process = scene.start()
    scene.wait_for(process, lambda: scene.state_of("encoders"), "state of an encoder")
    with object_store.refusing("PUT"):
        time.sleep(AWAY)
    scene.wait_for(process, lambda: scene.state_of("trials"), "state of a trial")
    before = scene.published()
    with object_store.refusing():
        time.sleep(AWAY)
    scene.finish(process)
    scene.seconds = time.monotonic() - begun
    outcome = check_nothing_lost(scene, facts, before=before)
    fault = f"S3 refuses writes for {AWAY:.0f} s, then everything for {AWAY:.0f} s"
    add_row(fault, f"{SWEEP}, storage s3://", outcome, time_lost(scene, whole))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    with small_disk(tmp_path / "disk", DISK_MIB) as folder:
        yield folder


def fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while file.write(bytes(1 << 14)):
            pass


def keep_full(ballast: Path, stop: threading.Event) -> None:
    """Take whatever becomes free, as whoever else fills a disk does."""
    while not stop.wait(0.05):
        fill(ballast)


def test_the_disk_fills_up_and_is_given_room_again(
    undisturbed: tuple[Scene, Facts], make_scene, add_row, disk: Path
) -> None:
    whole, facts = undisturbed
    scene = make_scene(root=str(disk / "runs"))
    begun = time.monotonic()
    process = scene.start()
    scene.wait_for(process, lambda: scene.state_of("trials"), "state of a trial")
    before = scene.published()
    stop = threading.Event()
    filling = threading.Thread(target=keep_full, args=(disk / "ballast", stop))
    filling.start()
    try:
        output = scene.finish(process, code=2)
    finally:
        stop.set()
        filling.join()
    assert "Traceback" not in output, output
    assert "same command" in output
    (disk / "ballast").unlink()
    scene.finish(scene.start())
    scene.seconds = time.monotonic() - begun
    outcome = check_nothing_lost(scene, facts, before=before)
    add_row(
        "disk full in fine-tuning; room made, same command again",
        SWEEP,
        f"ends in words; then {outcome}",
        time_lost(scene, whole),
    )
