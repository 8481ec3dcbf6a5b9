"""What is built to be installed: every file of the package, the command, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import dnasweep
import pytest
from option_toys import COMMANDS, ROOT
from toy_data import write_toy_table

BUILT_FROM = "platform pyproject.toml MANIFEST.in README.md LICENSE CHANGELOG.md CITATION.cff constraints.txt sweeps jobs clusters"
BUILD = """
from setuptools.build_meta import build_sdist, build_wheel
print(build_wheel("dist"), build_sdist("dist"))
"""
PLAIN = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.pyc")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, built from a copy of what they are built from."""
    tree = tmp_path_factory.mktemp("tree")
    for name in BUILT_FROM.split():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=PLAIN)
        else:
            shutil.copy(ROOT / name, tree)
    (tree / "dist").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return tree / "dist"


def files_of(folder: Path) -> set[str]:
    """Return the files below a folder that belong to it."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


def test_the_wheel_has_every_file_of_the_package_and_no_other(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"dnasweep-{dnasweep.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = f"dnasweep-{dnasweep.__version__}.dist-info"
        entry = archive.read(f"{info}/entry_points.txt").decode()
    inside = {name.removeprefix("dnasweep/") for name in names if name.startswith("dnasweep/")}
    assert inside == files_of(ROOT / "platform" / "dnasweep")
    assert {name.split("/")[0] for name in names} == {"dnasweep", info}
    assert f"{info}/licenses/LICENSE" in names
    assert entry.split() == [
        "[console_scripts]",
        "dnasweep",
        "=",
        "dnasweep.commands.program:main",
    ]


def test_the_sdist_has_the_scripts_too(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {f"{c.group}/{c.path.stem}.py" for c in COMMANDS.values()}
    assert names >= {"constraints.txt", "clusters/slurm.sh", "platform/dnasweep/py.typed"}
    assert not {name for name in names if name.startswith(("tests", ".git", "runs"))}


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment of its own that sees this one's libraries and not the clone."""
    (wheel,) = built.glob("*.whl")
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    install = ["install", "-q", "--no-deps", "--no-index", str(wheel)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    # A path alone: what stands in `.pth` files there, the clone among it, is not read.
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return environment / "bin" / "dnasweep"


def run(command: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder, with nothing of this process around it."""
    return subprocess.run(
        [str(command), *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "--version")
    assert done.stdout == f"dnasweep {dnasweep.__version__}\n"
    code = "import dnasweep; print(dnasweep.__file__)"
    where = run(installed.with_name("python"), tmp_path, "-c", code)
    assert Path(where.stdout.strip()).is_relative_to(installed.parents[1]), where.stderr


def test_a_sweep_is_planned_outside_the_clone(installed: Path, tmp_path: Path) -> None:
    write_toy_table(tmp_path / "toy.csv", rows=120)
    words = "tokenizer-grid --data toy.csv --split random --dry-run"
    done = run(installed, tmp_path, *words.split())
    assert done.returncode == 0, done.stderr
    assert "plan the grid:" in done.stdout
    assert "Nothing was started" in done.stdout


def test_a_refusal_has_its_exit_code_and_names_what_is_there(
    installed: Path, tmp_path: Path
) -> None:
    done = run(installed, tmp_path, "verify-shap", "--attributions", "nowhere")
    assert done.returncode == 2
    assert "`dnasweep shap-batch`" in done.stderr.replace("\n", " ")
