"""A folder with a page and tables, as an object of the front door."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar


class ReportFolder:
    """What a job has written for people.

    Parameters
    ----------
    folder
        Where the page and the tables are.
    scratch
        The folder, if it is removed with this object.
    """

    PAGE: ClassVar[str]
    """Name of the page."""

    def __init__(
        self, folder: Path, scratch: tempfile.TemporaryDirectory[str] | None = None
    ) -> None:
        self.folder = folder
        # A folder that is not kept lives as long as this object.
        self._scratch = scratch

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / self.PAGE

    def save(self, folder: str | Path) -> Path:
        """Copy the page, its figures and the tables into a folder, which is made if it is not there."""
        return Path(shutil.copytree(self.folder, folder, dirs_exist_ok=True))
