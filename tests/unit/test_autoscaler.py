"""What an autoscaler may start is read from the file it works by."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_toys import CLOUDS, load
from dnasweep.runtime.cluster import autoscaler as machines
from dnasweep.runtime.cluster.autoscaler import autoscaler_file, read_kinds
from dnasweep.runtime.cluster.placement import NodeCapacity, NodeGroup


def kinds(most: int, **types: dict) -> list[tuple[str, float, int]]:
    head = {"resources": {"CPU": 8}, "max_workers": 0}
    config = {
        "max_workers": most,
        "head_node_type": "head",
        "available_node_types": {"head": head},
    }
    config["available_node_types"].update(types)
    return [(group.node.name, group.node.gpus, group.most) for group in read_kinds(config)]


@pytest.mark.parametrize("name", CLOUDS)
def test_the_cloud_files_of_the_repository(name: str) -> None:
    (group,) = read_kinds(load(name))
    assert group.most == load(name)["max_workers"] == 8
    assert group.node.gpus == 1


def test_all_together_are_no_more_than_the_autoscaler_may_have() -> None:
    small = {"resources": {"CPU": 4}, "max_workers": 20}
    large = {"resources": {"CPU": 8, "GPU": 4}, "max_workers": 3}
    assert kinds(5, small=small, large=large) == [("large", 4, 3), ("small", 0, 2)]
    assert kinds(3, small=small, large=large) == [("large", 4, 3)]


def test_two_kinds_of_one_size_count_once() -> None:
    size = {"resources": {"CPU": 4, "GPU": 1}}
    assert kinds(8, ours={**size, "max_workers": 2}, spot={**size, "max_workers": 4}) == [
        ("ours", 1, 6)
    ]
    assert kinds(8, ours=size, spot={**size, "max_workers": 4}) == [("ours", 1, 8)]


def test_one_of_two_kinds_of_one_size_may_emulate_bf16() -> None:
    new, old = {"CPU": 4, "GPU": 1}, {"CPU": 4, "GPU": 1, "accelerator_type:T4": 1}
    for sizes in ((new, old), (old, new)):
        types = {str(i): {"resources": size} for i, size in enumerate(sizes)}
        (group,) = read_kinds({"max_workers": 8, "available_node_types": types})
        assert group.node.emulates_bf16


def test_machines_of_unknown_size_and_none_at_all() -> None:
    assert kinds(8, local={"resources": {}, "max_workers": 2}) == []
    assert kinds(8, gpu={"resources": {"CPU": 4}, "max_workers": 0}) == []
    assert read_kinds({}) == ()


def process(folder: Path, number: int, *words: str) -> None:
    (folder / str(number)).mkdir()
    (folder / str(number) / "cmdline").write_bytes("\0".join(words).encode() + b"\0")


def test_the_autoscaler_of_this_cluster_is_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    process(tmp_path, 11, "python", "monitor.py", "--gcs-address=10.0.0.4:6379")
    process(tmp_path, 12, "python", "monitor.py", "--gcs-address=10.0.0.5:6379",
            "--autoscaling-config=/etc/another.yaml")  # fmt: skip
    (tmp_path / "13").mkdir()
    assert autoscaler_file("10.0.0.4:6379", tmp_path) is None
    process(tmp_path, 14, "python", "monitor.py", "--gcs-address=10.0.0.4:6379",
            "--autoscaling-config=~/ray_bootstrap_config.yaml")  # fmt: skip
    assert autoscaler_file("10.0.0.4:6379", tmp_path) == tmp_path / "ray_bootstrap_config.yaml"
    assert autoscaler_file("10.0.0.4:6379", tmp_path / "none") is None


def test_the_file_of_a_foreign_autoscaler_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch
) -> None:
    file = tmp_path / "cluster.yaml"
    monkeypatch.setattr(machines, "autoscaler_file", lambda address: file)
    assert machines._read("here") == ()
    file.write_text("available_node_types: {gpu: {resources: {CPU: 4, GPU: 1}, max_workers: 3}}")
    assert machines._read("here") == (NodeGroup(NodeCapacity("gpu", 4, 1), 2),)
    for broken in ("", "a: [", "- text", "max_workers: many\navailable_node_types: {a: {}}"):
        file.write_text(broken)
        assert machines._read("here") == ()
