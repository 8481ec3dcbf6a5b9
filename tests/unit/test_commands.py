"""The command `dnasweep`, the scripts that run the same, and what either tells its user to type."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import dnasweep
import pytest
from dnasweep.commands.jobs import pretrain
from dnasweep.commands.program import main
from dnasweep.commands.registry import Command
from dnasweep.invocation import as_typed, program_words
from dnasweep.sweeps.axes import SweepOptions
from option_toys import COMMANDS, ROOT
from rich.console import Console

SCRIPTS = {f"{group}/{p.stem}" for group in ("sweeps", "jobs") for p in ROOT.glob(f"{group}/*.py")}


def said(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int = 0
) -> str:
    """Return what `dnasweep` prints."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/dnasweep", *words.split()])
    monkeypatch.setenv("COLUMNS", "200")
    ended = 0
    try:
        main()
    except SystemExit as end:
        ended = int(end.code or 0)
    assert ended == code
    both = capsys.readouterr()
    return re.sub(r"\x1b\[[0-9;]*m", "", both.err if code else both.out)


def test_every_command_has_a_script_of_its_name_and_every_script_a_command() -> None:
    assert {f"{c.group}/{c.path.stem}" for c in COMMANDS.values()} == SCRIPTS


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_a_script_only_runs_its_command(script: str) -> None:
    first, *rest = (ROOT / f"{script}.py").read_text().splitlines()
    name = Path(script).name.replace("_", "-")
    assert first == (
        f'"""Run `dnasweep {name}` from the clone; the command is defined in '
        f'platform/dnasweep/commands/{script}.py."""'
    )
    assert rest == [
        "",
        "from dnasweep.commands.registry import run_script",
        "",
        'if __name__ == "__main__":',
        "    run_script(__file__)",
    ]


@pytest.mark.parametrize("words", ["", "--help", "-h"])
def test_alone_it_lists_every_command_in_its_group(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = said(words, monkeypatch, capsys)
    sweeps, jobs = shown.split("\nsweeps:\n")[1].split("\njobs:\n")
    for text, group in ((sweeps, "sweeps"), (jobs, "jobs")):
        lines = {c.name: c.summary for c in COMMANDS.values() if c.group == group}
        assert dict(re.findall(r"(?m)^  (\S+) +(.+)$", text)) == lines
        assert all(summary.endswith((".", "?")) for summary in lines.values())


def test_it_has_the_version_of_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said("--version", monkeypatch, capsys) == f"dnasweep {dnasweep.__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("shap_batch --model m", "'shap_batch'. Did you mean `dnasweep shap-batch`?"),
        ("pretran", "Did you mean `dnasweep pretrain`?"),
        ("--data x.csv", "`dnasweep` lists them."),
        ("--completion", "--completion takes one of bash, zsh, fish."),
        ("--completion powershell", "--completion takes one of bash, zsh, fish."),
    ],
)
def test_what_is_no_command_is_refused_with_what_was_meant(
    words: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in said(words, monkeypatch, capsys, code=2)


def test_help_and_refusals_name_commands_as_they_are_typed(
    script_help: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    installed = said("shap-batch --help", monkeypatch, capsys)
    assert "usage: dnasweep shap-batch" in installed
    assert "    dnasweep shap-batch --model RUN_ID" in installed
    assert "as `dnasweep doctor` does" in installed
    assert ".py" not in installed
    script = script_help("jobs/shap_batch.py")
    assert "    python jobs/shap_batch.py --model RUN_ID" in script
    assert "as `python jobs/doctor.py` does" in script
    assert not re.search("dnasweep [a-z]", script)
    refused = said("verify-shap --attributions nowhere", monkeypatch, capsys, code=2)
    assert "`dnasweep shap-batch`" in refused


@pytest.mark.parametrize(
    ("script", "folder", "expected"),
    [
        ("jobs/predict.py", ".", "python jobs/shap_batch.py"),
        ("sweeps/tokenizer_grid.py", ".", "python jobs/shap_batch.py"),
        ("predict.py", "jobs", "python ../jobs/shap_batch.py"),
        (str(ROOT / "jobs" / "predict.py"), "tests", f"python {ROOT}/jobs/shap_batch.py"),
        # Somebody's own.
        ("jobs/predict.py", "tests", "dnasweep shap-batch"),
        ("predict.py", ".", "dnasweep shap-batch"),
        ("/usr/bin/dnasweep", ".", "dnasweep shap-batch"),
        ("-c", ".", "dnasweep shap-batch"),
        ("", ".", "dnasweep shap-batch"),
    ],
)
def test_a_command_is_named_as_the_running_one_was(
    script: str, folder: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [script])
    monkeypatch.chdir(ROOT / folder)
    assert as_typed("verify: dnasweep shap-batch --model m.") == f"verify: {expected} --model m."
    assert as_typed("of `dnasweep shap-batch`.") == f"of `{expected}`."
    # Of these none is a command.
    rest = "dnasweep made it; dnasweep.predict; my-dnasweep predict; dnasweep shap-batches"
    assert as_typed(rest) == rest


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("/opt/venv/bin/dnasweep", ["dnasweep"]),
        ("/x/site-packages/dnasweep/__main__.py", ["dnasweep"]),
        ("jobs/predict.py", ["python", "jobs/predict.py"]),
    ],
)
def test_a_record_says_how_it_was_called(
    script: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [script, "--model", "m"])
    assert program_words() == expected


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_a_command_shows_how_it_is_called(command: Command) -> None:
    doc = command.load().__doc__ or ""
    assert f"\n    dnasweep {command.name}" in doc


@pytest.mark.parametrize("per_seed", [False, True])
def test_encoders_are_pretrained_for_every_seed_on_request(
    per_seed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Sequence[object]]] = []
    monkeypatch.setattr(
        "dnasweep.workflows.sweep.run_sweep", lambda _, axes, *__, **___: asked.append(axes)
    )
    options = SweepOptions(pretrain_per_seed=per_seed, seeds=(3, 4))
    pretrain.main(options, Console(quiet=True))
    assert asked[0].get("seed") == ((3, 4) if per_seed else None)


def test_a_shell_completes_commands_and_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "complete").write_text(said("--completion bash", monkeypatch, capsys))
    ask = """
        source "$1"; function=$(complete -p dnasweep | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        ask() { COMP_WORDS=(dnasweep "$@"); COMP_CWORD=$#; "$function"; echo "${COMPREPLY[@]}"; }
        ask pre; ask predict --mod; ask tokenizer-grid --search ""
    """
    done = subprocess.run(
        ["bash", "-c", ask, "bash", str(tmp_path / "complete")],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["predict pretrain", "--model", "grid optuna"]


def test_help_that_nobody_reads_to_the_end_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m dnasweep tokenizer-grid --help | head -n 1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("usage: dnasweep tokenizer-grid")
    assert done.stderr == ""
