"""The notebooks run; what they show is added when the documentation is built."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
QUICK = "05_bring_a_checkpoint.ipynb"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebooks run, one after the other: what one has trained the next finds."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n == QUICK else [pytest.mark.slow]) for n in NOTEBOOKS],
)
def test_a_notebook_runs(name: str, desk: Path) -> None:
    notebook = nbformat.read(FOLDER / name, as_version=4)
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(desk)}}
    )
    client.execute()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_without_what_building_adds(name: str) -> None:
    cells = nbformat.read(FOLDER / name, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code
    assert not [cell for cell in code if cell.outputs or cell.execution_count]
    assert cells[0].source.startswith("# "), "its title"
