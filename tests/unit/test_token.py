"""Ray's token is made and kept for its owner alone."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path

import pytest
import ray
from dnasweep.cli.command import EXIT_BAD_INPUT, run_command
from dnasweep.errors import InputError
from dnasweep.runtime.cluster.session import session
from dnasweep.runtime.cluster.token import secure_token, token_file
from dnasweep.sweeps.axes import SweepOptions


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a token, and a mode that nobody has chosen."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def given(file: Path, bits: int) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    file.write_text("0" * 64)
    file.chmod(bits)
    return file


@pytest.mark.parametrize("before", [None, 0o755])
def test_a_token_is_made_for_its_owner_alone(home: Path, before: int | None) -> None:
    if before:
        (home / ".ray").mkdir(mode=before)
    mask = os.umask(0)
    try:
        secure_token(make=True)
    finally:
        os.umask(mask)
    assert token_file() == home / ".ray" / "auth_token"
    assert mode(home / ".ray") == 0o700
    assert mode(token_file()) == 0o600
    assert re.fullmatch("[0-9a-f]{64}", token := token_file().read_text())
    secure_token(make=True)
    assert token_file().read_text() == token
    assert os.listdir(home / ".ray") == ["auth_token"], "nothing is left beside it"


def test_of_several_sessions_at_once_one_makes_it(home: Path) -> None:
    seen = []

    def start() -> None:
        secure_token(make=True)
        seen.append(token_file().read_text())

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 16
    assert len(set(seen)) == 1


@pytest.mark.parametrize("bits", [0o644, 0o640, 0o604, 0o660, 0o602])
@pytest.mark.parametrize("chosen", [None, "token", "TOKEN"])
@pytest.mark.parametrize("named", [False, True])
def test_a_loose_token_is_refused_until_the_remedy_is_run(
    home: Path, monkeypatch: pytest.MonkeyPatch, bits: int, chosen: str | None, named: bool
) -> None:
    file = given(home / ("elsewhere/token" if named else ".ray/auth_token"), bits)
    if named:
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
    if chosen:
        monkeypatch.setenv("RAY_AUTH_MODE", chosen)
    with pytest.raises(InputError, match="other users of the machine can") as caught:
        secure_token(make=True)
    assert caught.value.remedy is not None
    subprocess.run(caught.value.remedy.split(";")[0].split(), check=True)
    secure_token(make=True)
    assert file.read_text() == "0" * 64


def test_a_folder_in_which_others_may_replace_it_is_refused(home: Path) -> None:
    file = given(home / ".ray" / "auth_token", 0o600)
    file.parent.chmod(0o775)
    with pytest.raises(InputError, match="can replace") as caught:
        secure_token(make=False)
    assert caught.value.remedy is not None
    subprocess.run(caught.value.remedy.split(), check=True)
    secure_token(make=False)


@pytest.mark.skipif(os.getuid() != 0, reason="gives a file to another user, which needs root")
def test_the_token_of_another_user_is_refused(home: Path) -> None:
    os.chown(given(home / ".ray" / "auth_token", 0o600), 65534, 65534)
    with pytest.raises(InputError, match="belongs to another user"):
        secure_token(make=True)


def test_what_the_user_has_chosen_stands(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    secure_token(make=True)
    monkeypatch.delenv("RAY_AUTH_MODE")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of the environment")
    secure_token(make=True)
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    # On the way to a cluster none is made up, which nobody there would know.
    secure_token(make=False)
    assert not (home / ".ray").exists()


def test_a_home_that_cannot_be_written(home: Path) -> None:
    (home / ".ray").write_text("a file where the folder would be")
    with pytest.raises(InputError, match="cannot be kept here"):
        secure_token(make=True)


@pytest.mark.parametrize("address", [None, "auto"])
def test_it_is_looked_at_before_ray_is_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    given(home / ".ray" / "auth_token", 0o644)

    def init(**how: object) -> None:
        raise AssertionError("Ray was asked")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(InputError, match="chmod 600"), session(address):
        pass


def test_a_dry_run_finds_a_token_that_the_run_would_refuse(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(home / ".ray" / "auth_token", 0o644)
    ran: list[bool] = []

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["sweep", *arguments])
        with pytest.raises(SystemExit) as left:
            run_command(
                lambda options, _: ran.append(options.dry_run), SweepOptions, doc="A sweep."
            )
        return int(left.value.code or 0)

    assert run("--dry-run") == EXIT_BAD_INPUT
    assert not ran
    assert "chmod 600" in capsys.readouterr().err
    token_file().chmod(0o600)
    assert run("--dry-run") == 0
    assert ran == [True]
    token_file().chmod(0o644)
    assert run() == 0, "what is there already needs no session"
