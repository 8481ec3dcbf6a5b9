"""The recipes of images: what they copy is there, what they install is pinned, who runs has no rights."""

from __future__ import annotations

import fnmatch
import re

import pytest
from option_toys import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEFINITION = (ROOT / "clusters" / "apptainer.def").read_text()
IGNORED = (ROOT / ".dockerignore").read_text().split()


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, continued lines joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]  # type: ignore[misc]


def copied() -> set[str]:
    """Return what the Dockerfile copies from the repository."""
    return {
        path
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for path in rest.split()[:-1]
    }


def test_what_is_copied_is_there_and_sent() -> None:
    assert copied() >= {"platform", "sweeps", "jobs", "constraints.txt"}
    for path in copied():
        assert (ROOT / path).exists()
        assert f"!{path}" in IGNORED


def test_nothing_else_is_sent() -> None:
    assert IGNORED[0] == "*"
    allowed = {line[1:] for line in IGNORED if line.startswith("!")}
    assert allowed == copied()
    # Least of all what is secret or large.
    for path in (".git", ".venv", "runs", "tests", ".netrc"):
        assert path not in allowed
    assert any(fnmatch.fnmatch("platform/x/__pycache__", line) for line in IGNORED[1:])


def test_the_base_is_a_build_argument_and_the_last_user_has_no_rights() -> None:
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert bases == ["${BASE}", "${BASE}"]
    assert [rest for name, rest in instructions() if name == "USER"] == ["1000"]
    names = [name for name, _ in instructions()]
    assert names.index("USER") > len(names) - 1 - names[::-1].index("RUN")


@pytest.mark.parametrize("text", [DOCKERFILE, DEFINITION], ids=["Dockerfile", "apptainer.def"])
def test_everything_is_installed_at_its_pin(text: str) -> None:
    installs = re.findall(r"pip install .*", text)
    assert len(installs) == 3
    assert all("-c constraints.txt" in line for line in installs)
    assert "'^torch==' constraints.txt" in text


def test_both_recipes_install_the_same() -> None:
    def arguments(pattern: str, text: str) -> dict[str, str]:
        return dict(re.findall(pattern, text))

    docker = arguments(r"(?m)^ARG (\w+)=(.*)$", DOCKERFILE)
    apptainer = arguments(r"(?m)^    ([A-Z_]+)=(.*)$", DEFINITION)
    docker["BASE"] = docker["BASE"].rpartition("/")[2]
    assert apptainer.pop("BOOTSTRAP") == "docker"
    assert apptainer == docker
    files = re.search(r"(?s)%files\n(.*?)\n\n", DEFINITION)
    assert files
    assert {line.split()[0] for line in files[1].splitlines()} == copied()


def test_the_base_has_the_oldest_python_that_we_take() -> None:
    least = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert least
    assert f"python:{least[1]}-" in DOCKERFILE
