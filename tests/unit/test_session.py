"""A Ray session that does not come about is told in words, and the precision that one computes in."""

from __future__ import annotations

import socket

import pytest
import ray
from dnasweep.errors import InputError
from dnasweep.runtime.cluster import session as sessions
from dnasweep.runtime.cluster.placement import NodeCapacity, Resources
from dnasweep.runtime.cluster.session import session


def failing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**how: object) -> None:
        raise error

    monkeypatch.setattr(ray, "init", init)


def test_a_machine_too_busy_to_start_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(Exception("The current node timed out during startup."), monkeypatch)
    with pytest.raises(InputError, match="run the same command again"), session(None):
        pass


def test_an_address_where_nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(ConnectionError("refused\nat length"), monkeypatch)
    with pytest.raises(InputError, match=r"answers at 'auto': refused"), session("auto"):
        pass


def test_an_address_of_the_environment_is_named_and_local_is_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(ConnectionError("Nothing is running.."), monkeypatch)
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    said = r"answers at 'auto' \(RAY_ADDRESS\): Nothing is running\. .*with --address local\."
    with pytest.raises(InputError, match=said), session(None):
        pass
    monkeypatch.undo()
    asked: list[str] = []
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(
        "dnasweep.runtime.cluster.session._init_ray", lambda where, folder: asked.append(where)
    )
    monkeypatch.setattr("dnasweep.runtime.cluster.session.look_around", lambda groups: None)
    monkeypatch.setattr("dnasweep.runtime.cluster.session.machine_kinds", lambda: ())
    monkeypatch.setattr("dnasweep.runtime.cluster.session._end_by_sigterm", lambda: None)
    with session("local"):
        assert asked == ["local"]


def test_a_port_where_nothing_listens_is_refused_before_ray_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(RuntimeError("Ray was asked"), monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RuntimeError, match="Ray was asked"), session(free):
            pass
    for address in (free, "127.0.0.1:port", "127.0.0.1:99999"):
        with pytest.raises(InputError, match=f"no Ray cluster answers at '{address}'"):
            session(address).__enter__()


def test_an_address_of_another_kind_is_left_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(RuntimeError("Ray was asked"), monkeypatch)
    with pytest.raises(RuntimeError, match="Ray was asked"), session("ray://127.0.0.1:1"):
        pass


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(RuntimeError("a defect"), monkeypatch)
    with pytest.raises(RuntimeError, match="a defect"), session(None):
        pass


def cluster(*kinds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a session of one node per kind of GPU, empty for a node without."""
    nodes = tuple(
        NodeCapacity.of(
            "node", {"CPU": 4, **({"GPU": 1, f"accelerator_type:{kind}": 1} if kind else {})}
        )
        for kind in kinds
    )
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(sessions, "machine_kinds", lambda: ())
    monkeypatch.setattr(sessions, "look_around", lambda groups: Resources(nodes, tuple(groups)))


@pytest.mark.parametrize(
    ("kinds", "gpus", "expected"),
    [
        (["", "A100"], None, "bf16"),
        (["", "T4"], None, "fp32"),
        (["T4", "A100"], None, "fp32"),
        (["V100"], 1, "fp32"),
        (["A100"], 0, "fp32"),
        ([""], None, "fp32"),
        ([""], 1, "bf16"),
    ],
)
def test_a_cluster_computes_in_bf16_if_none_of_its_gpus_emulates_it(
    kinds: list[str], gpus: float | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster(*kinds, monkeypatch=monkeypatch)
    found = sessions.resolve_precision("auto", gpus=gpus, address="ray-head:6379")
    assert found == expected
    assert sessions.resolve_precision("bf16", gpus=gpus, address="ray-head:6379") == "bf16"


def test_all_tasks_of_a_suite_on_this_machine_have_one_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first is planned before the session of all tasks is open, the others within it."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(sessions, "resolve_here", lambda asked, *, gpus: "fp32")
    before = sessions.resolve_precision("auto", gpus=None, address=None)
    cluster("G", monkeypatch=monkeypatch)
    assert sessions.resolve_precision("auto", gpus=None, address=None) == before
