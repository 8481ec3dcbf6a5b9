"""What the documents say is held against the repository: commands, flags, paths, code and links."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from dnasweep.stages.plan import cells_of, make_plan
from dnasweep.stages.recipe import Recipe
from documents import DOCUMENTS, ROOT, blocks
from option_toys import ALL, COMMANDS, choices_of

JOBS = sorted(
    {"build_dataset", "pretrain", "finetune", "predict"}
    | {path.stem for path in (ROOT / "jobs").glob("*.py")}
)
ON_THE_CLUSTER = "/home/ray/dnasweep"
"""Where cluster.yaml puts the repository."""
OUTSIDE = {
    "source",
    "export",
    "pre-commit",
    "cd",
    "aws",
    "mkdir",
    "chmod",
    "curl",
    "pip",
    "python3.11",
    "sed",
    "podman",
    "apptainer",
    "kubectl",
}
"""Commands that are not ours to check."""


class Command(NamedTuple):
    """One command of a document."""

    document: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


def split(document: str, line: str) -> Iterator[Command]:
    """Yield the commands of a line, those handed to another command included."""
    words = shlex.split(line, comments=True)
    while words:
        end = words.index("&&") if "&&" in words else len(words)
        command, words = words[:end], words[end + 1 :]
        yield Command(document, tuple(command))
        if command[:2] == ["ray", "exec"]:
            yield from split(document, command[-1])
        elif command[:2] == ["ray", "job"] and "--" in command:
            yield Command(document, tuple(command[command.index("--") + 1 :]))


def commands() -> list[Command]:
    found = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text()
        lines = [
            line
            for block in blocks(document, "bash")
            for line in block.replace("\\\n", " ").splitlines()
        ]
        lines += re.findall(
            r"`((?:python|make|mlflow|ray|dnasweep) [^`]+)`", re.sub(r"(?s)```.*?```", "", text)
        )
        found += [command for line in lines for command in split(document, line)]
    return list({command.words: command for command in found}.values())


def test_the_cluster_has_the_repository_where_the_readme_says() -> None:
    mounts = yaml.safe_load((ROOT / "cluster.yaml").read_text())["file_mounts"]
    assert mounts[ON_THE_CLUSTER] == "."


def test_the_documents_have_commands() -> None:
    texts = {str(command) for command in commands()}
    assert {"make sweep", "make test"} <= texts
    assert len(texts) > 15


@pytest.mark.parametrize("command", commands(), ids=str)
def test_a_command_can_be_typed(
    command: Command,
    script_flags: Callable[[str], set[str]],
) -> None:
    program, *words = command.words
    if program == "sbatch":
        # What stands behind the script is a command of its own.
        number = next(i for i, word in enumerate(words) if not word.startswith("-"))
        assert os.access(ROOT / words[number], os.X_OK)
        program, *words = words[number + 1 :]
    if program == "dnasweep" and words[:1] == ["slurm"]:
        # As do its own options here.
        names = (i for i, word in enumerate(words) if i and word in COMMANDS)
        number = next(names, len(words))
        own = {word for word in words[:number] if word.startswith("--")}
        assert own <= script_flags("jobs/slurm.py")
        words = words[number:]
    if program == "dnasweep" and words and words[0] in COMMANDS:
        one = COMMANDS[words[0]]
        program, words[0] = "python", f"{one.group}/{one.path.stem}.py"
    if program == "python" and words[0] == "-m":
        assert find_spec(words[1]) is not None
    elif program == "python":
        script, *words = words
        script = script.removeprefix(f"{ON_THE_CLUSTER}/")
        assert (ROOT / script).is_file()
        flags = {word.split("=")[0] for word in words if word.startswith("--")}
        assert flags <= script_flags(script) | {"--help"}
        options = ALL.get(Path(script).stem)
        for flag, value in itertools.pairwise(words) if options else ():
            choices = choices_of(options, flag)
            assert not choices or value in choices
    elif program == "dnasweep":
        assert not words or words[0] in ("--completion", "--version", "--help")
    elif program == "make":
        targets = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text())
        assert {word for word in words if "=" not in word} <= set(targets)
    elif program == "ray":
        from ray.scripts.scripts import cli

        if words[0] == "job":  # needs more of Ray than tests do
            return
        options = {flag for one in cli.commands[words[0]].params for flag in one.opts}
        assert {word for word in words if word.startswith("-")} <= options
        assert all((ROOT / word).is_file() for word in words if word.endswith(".yaml"))
    elif program == "mlflow":
        assert words[:2] == ["ui", "--backend-store-uri"]
    elif program.startswith("."):
        assert os.access(ROOT / program, os.X_OK)
    else:
        assert program in OUTSIDE, "teach this test the command"


@pytest.mark.parametrize(
    ("sweep", "axis", "hidden"),
    [
        ("masking_grid", "--maskings", "--masking"),
        ("backbone_grid", "--tunings", "--tuning"),
        ("species_transfer", "--strategies", "--checkpoints"),
    ],
)
def test_what_an_axis_decides_is_no_option_beside_it(
    sweep: str, axis: str, hidden: str, script_flags: Callable[[str], set[str]]
) -> None:
    flags = script_flags(f"sweeps/{sweep}.py")
    assert axis in flags
    assert hidden not in flags


@pytest.mark.parametrize("job", JOBS)
def test_every_job_explains_itself(job: str, script_help: Callable[[str], str]) -> None:
    help_text = script_help(f"jobs/{job}.py")
    assert "--storage" in help_text or "--out" in help_text, "say where it writes"
    assert f"python jobs/{job}.py" in help_text, "show how the job is called"


@pytest.mark.slow
def test_plans_of_the_documents_can_be_shown(tmp_path: Path) -> None:
    dry = [
        c
        for c in commands()
        if c.words[0] == "python" and {"--dry-run", "promoters.csv"} <= set(c.words)
    ]
    assert dry
    rows = ["sequence,label,species"]
    for i in range(240):
        bases = "".join("ACGT"[(i * 7919 + j * j * (i + 3)) % 97 % 4] for j in range(80))
        rows.append(f"{bases},{i % 2},{('human', 'mouse')[i // 2 % 2]}")
    (tmp_path / "promoters.csv").write_text("\n".join(rows) + "\n")
    for command in dry:
        script, *words = command.words[1:]
        done = subprocess.run(
            [sys.executable, str(ROOT / script), *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Nothing was started" in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_and_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    links = [t for t in re.findall(r"\]\(([^)]+)\)", text) if "://" not in t]
    for link in links:
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.is_file(), link
        if anchor:
            headings = re.findall(r"(?m)^#+ (.+)$", target.read_text())
            assert anchor in {re.sub(r"[^\w-]", "", h.lower().replace(" ", "-")) for h in headings}
    folders = "platform|sweeps|jobs|benchmarks|tests|docs"
    for path in re.findall(rf"`((?:{folders})/[\w./-]*)[^`]*`", text):
        assert list(ROOT.glob(path.rstrip("/"))), path


def test_the_tree_of_the_documents_is_the_tree() -> None:
    tree = next(b for b in blocks("docs/architecture.md", "") if "dnasweep/ " in b)
    named = set(re.findall(r"(?m)^  (\S+) ", tree))
    package = ROOT / "platform" / "dnasweep"
    assert all((package / name).exists() for name in named)
    rooms = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    # A room that holds nothing yet is not worth a line.
    empty = {room for room in rooms if len(list((package / room).glob("*.py"))) == 1}
    assert rooms - empty <= named
    for name in re.findall(r"(?m)^(\S+) ", tree):
        assert (ROOT / name).exists(), name


def test_the_picture_counts_right() -> None:
    axes = {
        "tokenizer": ("kmer-6", "bpe-512", "wordpiece-512"),
        "species_set": ("none", "human", "all"),
        "learning_rate": (3e-4, 1e-3),
        "seed": (0, 1),
    }
    plan = make_plan(Recipe(dataset="0", species=("human", "mouse")), cells_of(axes))
    corpora = {spec.tokenizer.corpus_key for spec in plan.classifiers}
    stages = (1, len(plan.tokenizers), len(corpora), len(plan.encoders), len(plan.cells), 1)
    picture = (ROOT / "docs" / "stages.svg").read_text()
    assert tuple(int(n) for n in re.findall(r"×\s(\d+)<", picture)) == stages
    assert f"= {len(plan.cells)} cells" in picture
    assert len(picture) < 60_000


def test_questions_quote_messages_that_exist() -> None:
    text = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
    quoted = re.findall(r"(?m)^`([^`]+)`\n: ", text)
    assert len(quoted) > 10
    package = (ROOT / "platform" / "dnasweep").rglob("*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in package)
    assert [message for message in quoted if message not in source] == []


def test_the_picture_of_the_architecture_has_every_room() -> None:
    picture = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    drawn = set(re.findall(r">(\w+)</text>", picture))
    rooms = {path.parent.name for path in (ROOT / "platform" / "dnasweep").glob("*/__init__.py")}
    assert rooms <= drawn
