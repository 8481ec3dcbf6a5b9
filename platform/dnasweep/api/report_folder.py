"""A folder with a page and tables, as an object of the Python interface."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar


class ReportFolder:
    """The page and tables that a job wrote.

    Parameters
    ----------
    folder
        Folder of the page and the tables.
    scratch
        The same folder, if it is temporary and removed with this object.
    """

    PAGE: ClassVar[str]
    """File name of the page."""

    def __init__(
        self, folder: Path, scratch: tempfile.TemporaryDirectory[str] | None = None
    ) -> None:
        self.folder = folder
        # A temporary folder is deleted with this object.
        self._scratch = scratch

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / self.PAGE

    def save(self, folder: str | Path) -> Path:
        """Copy the page, its figures and the tables into a folder, which is created if needed."""
        return Path(shutil.copytree(self.folder, folder, dirs_exist_ok=True))
