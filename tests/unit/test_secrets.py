"""No secret is kept or said, and nothing that runs code is read."""

from __future__ import annotations

import ast
import logging
import re
import sys
from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.tracking.client import first_line, resolve_uri, without_password
from dnasweep.tracking.tags import command
from dnasweep.tracking.tracker import Tracker

PACKAGE = Path(__file__).resolve().parents[2] / "platform" / "dnasweep"
MODULES = sorted(PACKAGE.rglob("*.py"))
SECRET = "hunter2"
SERVER = f"http://me:{SECRET}@127.0.0.1:9"

UNSAFE = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
"""Libraries whose files run code where they are read; the names of their errors do not."""
RUNS_CODE = re.compile(
    r"torch\.(load|save|jit\.load|package)|(np|numpy)\.load|(pd|pandas)\.read_pickle"
    r"|.*\.to_pickle|.*Tuner\.restore|eval|exec|__import__|yaml\.(?!safe_)\w*load\w*"
)
UNSAFE_ARGUMENTS = {"allow_pickle", "trust_remote_code", "weights_only"}


def unsafe(module: ast.Module) -> list[str]:
    """Return what in a module reads or writes files that run code."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                only_errors = all(name.endswith("Error") for name in names)
                names = [] if only_errors else [node.module or ""]
            found += [f"import {name}" for name in names if name.split(".")[0] in UNSAFE]
        elif isinstance(node, ast.Call):
            if RUNS_CODE.fullmatch(ast.unparse(node.func)):
                found.append(ast.unparse(node.func))
            found += [
                f"{argument.arg}={ast.unparse(argument.value)}"
                for argument in node.keywords
                if argument.arg in UNSAFE_ARGUMENTS and ast.unparse(argument.value) != "False"
            ]
    return found


RESTRICTED = {"models/pretrained/unpickle_process.py": ["torch.load", "weights_only=True"]}
"""What one program may do, in a process of its own: read tensors by torch's restricted unpickler."""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_nothing_that_runs_code_is_read(path: Path) -> None:
    allowed = RESTRICTED.get(path.relative_to(PACKAGE).as_posix(), [])
    assert unsafe(ast.parse(path.read_text())) == allowed


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "def f():\n    from ray import cloudpickle\n    import cloudpickle",
        "torch.load(path)",
        "x = torch.jit.load(path)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "table.to_pickle(path)",
        "Tuner.restore(path, f)",
        "AutoModel.from_pretrained(name, trust_remote_code=asked)",
        "eval(text)",
        "yaml.load(text, yaml.Loader)",
        "yaml.unsafe_load(text)",
        "from pickle import UnpicklingError, loads",
    ],
)
def test_what_runs_code_is_seen(line: str) -> None:
    assert unsafe(ast.parse(line))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SERVER, "http://***@127.0.0.1:9"),
        (f"postgresql+psycopg2://me:{SECRET}@db:5432/mlflow", "postgresql+psycopg2://***@db:5432/mlflow"),
        (f"postgresql://db/mlflow?user=me&password={SECRET}&a=b", "postgresql://db/mlflow?user=me&password=***&a=b"),
        (f"cannot ask {SERVER}/api, see http://x/y", "cannot ask http://***@127.0.0.1:9/api, see http://x/y"),
        ("sqlite:////home/me@work/m.db", "sqlite:////home/me@work/m.db"),
        ("someone@example.org", "someone@example.org"),
    ],
)  # fmt: skip
def test_passwords_are_cut_out(text: str, said: str) -> None:
    assert without_password(text) == said
    assert first_line(ValueError(text)) == said


def test_the_command_is_kept_without_its_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sweep.py", "--tracking-uri", SERVER, f"--x={SERVER}"])
    assert SECRET not in command()
    assert "--tracking-uri" in command()


def test_a_refused_uri_is_told_without_its_password() -> None:
    with pytest.raises(InputError) as caught:
        resolve_uri(f"ftp://me:{SECRET}@host/x", "runs")
    assert SECRET not in str(caught.value)


def test_records_that_wait_for_a_server_do_not_hold_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(2):
        # The second one finds what the first one has left, for the same server.
        with Tracker(SERVER, "sweep", tmp_path) as tracker:
            tracker.run("cell", name="a cell")
            tracker.flush(2)
    assert tracker.pending == 2
    kept = [path.read_text() for path in tmp_path.iterdir()]
    assert "127.0.0.1:9" in "".join(kept)
    assert SECRET not in "".join(kept)
    assert "do not take" in caplog.text or "wait in" in caplog.text
    assert SECRET not in caplog.text


def test_records_of_another_server_are_left_alone(tmp_path: Path) -> None:
    with Tracker("http://127.0.0.1:9", "sweep", tmp_path) as tracker:
        tracker.run("cell", name="a cell")
    with Tracker("http://127.0.0.1:10", "sweep", tmp_path) as tracker:
        assert tracker.pending == 0
