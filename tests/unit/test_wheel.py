"""What is built to be installed: every file of the package, the command, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import dnasweep
import pytest
from option_toys import COMMANDS, ROOT

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
        if path.is_file() and path.suffix != ".pyc"
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


def test_it_runs_from_where_it_is_unpacked(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import dnasweep, runpy, sys\n"
        "print(dnasweep.__file__)\n"
        "sys.argv = ['dnasweep', '--version']\n"
        "runpy.run_module('dnasweep', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    where, version = done.stdout.splitlines()
    assert Path(where).is_relative_to(tmp_path)
    assert version == f"dnasweep {dnasweep.__version__}"
