"""Undisturbed sweeps for comparison, and the table of faults at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_toys import Facts, Fault, Scene
from rich import box
from rich.console import Console
from rich.table import Table

ROW = "fault"
MakeScene = Callable[..., Scene]
AddRow = Callable[[str, str, str, str], None]


@pytest.fixture
def add_row(request: pytest.FixtureRequest) -> AddRow:
    """Add a row to the table: fault, what was run, outcome, time lost."""

    def add(*row: str) -> None:
        request.node.user_properties.append((ROW, row))

    return add


@pytest.fixture
def make_scene(tmp_path: Path, empty_store: Path) -> Iterator[MakeScene]:
    """Create the scene of a test."""
    made: list[Scene] = []

    def make(*faults: Fault, **how: Any) -> Scene:
        made.append(Scene.make(tmp_path / "scene", empty_store, faults=faults, **how))
        return made[-1]

    yield make
    for scene in made:
        scene.close()


def _undisturbed(factory: pytest.TempPathFactory, store: Path, *flags: str) -> tuple[Scene, Facts]:
    scene = Scene.make(factory.mktemp("whole"), store)
    try:
        scene.run(*flags)
    finally:
        scene.close()
    return scene, scene.facts()


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> tuple[Scene, Facts]:
    """A sweep without faults."""
    return _undisturbed(tmp_path_factory, empty_store)


@pytest.fixture(scope="session")
def undisturbed_pair(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> tuple[Scene, Facts]:
    """A sweep without faults, with two data-parallel workers per trial."""
    return _undisturbed(tmp_path_factory, empty_store, "--workers-per-trial", "2")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table with a row for every fault."""
    reports = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call" and hasattr(report, "user_properties")
    ]
    table = Table("fault", "what was run", "outcome", "time lost", box=box.MARKDOWN)
    for report in sorted(reports, key=lambda report: report.start):
        for name, row in report.user_properties:
            if name == ROW:
                fault, run, outcome, lost = row
                table.add_row(fault, run, outcome if report.passed else "[red]LOST[/]", lost)
    if table.row_count:
        terminalreporter.section("faults")
        Console(file=terminalreporter._tw._file, width=170).print(table)
