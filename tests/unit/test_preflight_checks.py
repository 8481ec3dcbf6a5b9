"""Every way in which a set-up can be unfit has its failing line, which names node and remedy."""

from __future__ import annotations

from typing import Any

import pytest
from dnasweep.runtime.cluster.placement import Demand, NodeCapacity, NodeGroup
from dnasweep.runtime.preflight.checks import (
    check_clocks,
    check_disks,
    check_mlflow,
    check_nodes,
    check_request,
    check_storage,
    check_tokens,
    check_versions,
    run_checks,
)
from dnasweep.runtime.preflight.node_report import Disk, ProbeReading
from preflight_toys import GIB, VERSIONS, health, problems, report


def test_a_healthy_cluster_passes_every_check() -> None:
    checks = run_checks(health())
    names = ["nodes", "versions", "storage", "disk", "mlflow", "clocks", "tokens", "request"]
    assert [check.name for check in checks] == names
    assert problems(checks) == {}
    assert not any(check.remedy for check in checks)


@pytest.mark.parametrize(
    ("name", "level", "spoilt"),
    [
        ("versions", "fail", {"python": "3.12.1"}),
        ("versions", "fail", {"versions": VERSIONS | {"torch": "2.12.0"}}),
        ("versions", "fail", {"versions": {"dnasweep": "0.1.0", "ray": "2.60.0"}}),
        ("versions", "fail", {"code": "def"}),
        ("storage", "fail", {"storage_fault": "Read-only file system"}),
        ("disk", "fail", {"disks": (Disk("Ray", "/tmp/ray", GIB // 2, 9 * GIB),)}),
        ("disk", "warn", {"disks": (Disk("storage", "/mnt/runs", 2 * GIB, 9 * GIB),)}),
        ("disk", "warn", {"disks": (Disk("Ray", "/tmp/ray", 6 * GIB, 200 * GIB),)}),
        ("mlflow", "fail", {"mlflow_status": None, "mlflow_text": "Connection refused"}),
        ("mlflow", "fail", {"mlflow_status": 403, "mlflow_text": "Invalid Host header - ..."}),
        ("mlflow", "fail", {"mlflow_status": 404, "mlflow_text": "Not Found"}),
        ("tokens", "warn", {"auth_mode": ""}),
        ("tokens", "fail", {"token_permissions": None}),
        ("tokens", "fail", {"token_permissions": 0o644}),
        ("tokens", "warn", {"token_permissions": None, "token_in_environment": True}),
    ],
)
def test_one_node_that_is_unfit(name: str, level: str, spoilt: dict[str, Any]) -> None:
    checks = run_checks(health("gpu-1", spoilt))
    assert problems(checks) == {name: level}
    line = next(check for check in checks if check.name == name)
    assert "gpu-1" in line.message
    assert "gpu-2" not in line.message
    assert line.remedy


@pytest.mark.parametrize(
    "spoilt",
    [
        {"python": "3.11.9"},
        {"mlflow_status": 401, "mlflow_text": "You are not authenticated"},
        {"token_permissions": 0o400},
        {"disks": (Disk("storage", "/mnt/runs", 6 * GIB, 200 * GIB),)},
    ],
)
def test_differences_that_do_not_matter(spoilt: dict[str, Any]) -> None:
    assert problems(run_checks(health("gpu-1", spoilt))) == {}


def test_nodes_that_stay_silent_are_named_and_the_others_checked() -> None:
    found = health(silent={"gpu-3": "did not answer within 60 s"})
    assert problems(run_checks(found)) == {"nodes": "fail"}
    assert "gpu-3 did not answer" in check_nodes(found).message


def test_a_node_that_has_left_meanwhile_is_no_reason_to_stop() -> None:
    found = health(left=("gpu-3",))
    assert problems(run_checks(found)) == {"nodes": "warn"}
    assert "gpu-3 left the cluster" in check_nodes(found).message


def test_where_nobody_answers_nothing_is_said_to_be_right() -> None:
    checks = run_checks(health(reports=(), silent={"head": "did not answer within 60 s"}))
    assert [check.name for check in checks] == ["nodes", "request"]


def test_a_folder_that_every_machine_has_for_itself() -> None:
    readings = (ProbeReading("gpu-1", "head", "it is not there", 0.0, 0.1),)
    line = check_storage(health(readings=readings))
    assert line.level == "fail"
    assert "gpu-1 cannot read what head wrote (it is not there)" in line.message


def test_the_process_itself_may_be_the_one_that_cannot_write() -> None:
    line = check_storage(health(here=report("this process", storage_fault="Permission denied")))
    assert line.level == "fail"
    assert "this process: Permission denied" in line.message


def test_passwords_stay_out_of_the_lines() -> None:
    found = health(storage="s3://key:secret@bucket/runs", uri="http://me:secret@host:5000")
    assert not any("secret" in check.message for check in run_checks(found))


@pytest.mark.parametrize(
    ("offset", "within", "level"),
    [(0.5, 0.1, "pass"), (40.0, 39.0, "pass"), (5.0, 0.1, "warn"), (-900.0, 2.0, "fail")],
)
def test_clocks_count_as_far_as_the_round_trip_lets_one_know(
    offset: float, within: float, level: str
) -> None:
    readings = (
        ProbeReading("gpu-1", "head", "", offset, within),
        ProbeReading("head", "", "", 0.0, 0.01),
    )
    line = check_clocks(health(readings=readings))
    assert line.level == level
    assert level == "pass" or "gpu-1" in line.message


def test_two_nodes_may_be_further_apart_than_either_is_from_here() -> None:
    readings = (ProbeReading("gpu-1", "", "", 1.5, 0.1), ProbeReading("gpu-2", "", "", -1.5, 0.1))
    line = check_clocks(health(readings=readings))
    assert (line.level, "2.8 s" in line.message) == ("warn", True)
    assert "gpu-1 and gpu-2" in line.message


def test_a_clock_that_was_not_read_tells_nothing() -> None:
    silent = (ProbeReading("gpu-1", "head", "it did not answer again", 999.0, 0.0),)
    assert check_clocks(health(readings=silent)).level == "pass"


def test_a_server_on_loopback_is_enough_for_the_machine_it_runs_on() -> None:
    away = {"mlflow_status": None, "mlflow_text": "Connection refused"}
    line = check_mlflow(health("gpu-2", away, uri="http://127.0.0.1:5000"))
    assert (line.level, "gpu-2" in line.message) == ("warn", True)


def test_a_database_is_opened_by_this_process_alone() -> None:
    away = {"mlflow_status": None}
    assert check_mlflow(health("gpu-1", away, uri="sqlite:////x/mlflow.db")).level == "pass"
    assert check_mlflow(health("gpu-1", away, uri=None)).level == "pass"


def test_what_mlflows_own_client_says_counts() -> None:
    line = check_mlflow(health(mlflow_fault="no MLflow server answers", mlflow_remedy="Start it."))
    assert line[1:] == ("fail", "no MLflow server answers", "Start it.")


def test_a_laptop_is_only_warned_of_a_token_that_others_can_read() -> None:
    one = (report("laptop", token_permissions=0o644),)
    line = check_tokens(health(reports=one, nodes=(NodeCapacity("laptop", 8),)))
    assert (line.level, line.remedy) == ("warn", "chmod 600 /home/ray/.ray/auth_token")


def test_a_request_that_never_fits_names_what_is_missing() -> None:
    line = check_request(health(demand=Demand(workers=4, cpus=2, gpus=1)))
    assert line.level == "fail"
    assert "4 workers of 2 CPU, 1 GPU can never run: 2 GPU are missing" in line.message


@pytest.mark.parametrize(("most", "level"), [(4, "pass"), (3, "fail")])
def test_an_autoscaler_counts_with_all_it_may_start(most: int, level: str) -> None:
    groups = (NodeGroup(NodeCapacity("gpu", 4, 1), most),)
    line = check_request(health(demand=Demand(workers=4, cpus=2, gpus=1), groups=groups))
    assert line.level == level


def test_many_nodes_are_not_all_listed() -> None:
    silent = {f"gpu-{number}": "did not answer" for number in range(50)}
    assert check_nodes(health(silent=silent)).message.endswith(", and 46 more")


def test_the_fullest_disk_is_named() -> None:
    low = (Disk("storage", "/mnt/runs", 3 * GIB, 100 * GIB),)
    line = check_disks(health("gpu-2", {"disks": low}))
    assert "3.0 GiB free for storage at /mnt/runs on gpu-2" in line.message


def test_disks_that_nobody_could_measure() -> None:
    assert check_disks(health(reports=(report("head", disks=()),))).level == "warn"


def test_versions_say_who_has_what() -> None:
    line = check_versions(health("gpu-1", {"versions": VERSIONS | {"ray": "2.59.0"}}))
    assert "gpu-1 has ray 2.59.0, here it is 2.60.0" in line.message
