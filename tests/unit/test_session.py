"""A Ray session that does not come about is told in words."""

from __future__ import annotations

import pytest
import ray
from dnasweep.cluster.place.session import session
from dnasweep.errors import InputError


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
    with pytest.raises(InputError, match=r"answers at 'host:1': refused"), session("host:1"):
        pass


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(RuntimeError("a defect"), monkeypatch)
    with pytest.raises(RuntimeError, match="a defect"), session(None):
        pass
