"""Read or simulate, split and audit a data set without training anything.

Prints the findings of the leak audit and the location of the data set; sweeps with the same data reuse
it.

    dnasweep build-dataset --data promoters.csv.gz --split cluster
    dnasweep build-dataset --data human.sga.gz --genome hg38.fa --generate-negatives segment-shuffle
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from dnasweep.sweeps.data_options import DataOptions


@dataclass(frozen=True, kw_only=True)
class BuildOptions(DataOptions):
    """Options of a data set."""

    storage: str = "runs"
    """Storage root."""
    dry_run: bool = False
    """Read and check everything and print what would be built, without keeping it."""


def main(options: BuildOptions, console: Console) -> None:
    import tempfile
    from pathlib import Path

    from dnasweep.report.audit_page import PAGE, audit_page
    from dnasweep.report.files import write_page
    from dnasweep.storage import Storage
    from dnasweep.sweeps.preparation import prepare_data
    from dnasweep.workflows.announce import announce_data

    with tempfile.TemporaryDirectory() as scratch:
        storage = Storage(options.storage)
        if options.dry_run:
            storage = Storage(scratch)
        storage.check_writable()
        with console.status("reading and auditing the data"):
            data = prepare_data(storage, options)
        announce_data(console, data, every_finding=True, kept=not options.dry_run)
        if options.dry_run:
            console.print("Nothing was kept: leave out --dry-run to keep the data set.")
        else:
            names = ", ".join(Path(one).name for one in (*options.data, *options.positives))
            title = f"Data set: {names or 'built-in promoters'}"
            page = audit_page(data.audit, title=title, facts={"key": data.key})
            path = write_page(page, storage.folder("audits", data.key) / PAGE)
            storage.share(path.parent)
            console.print(
                f"[bold]data set[/] {data.key} in {escape(str(data.folder))}", soft_wrap=True
            )
            console.print(f"[bold]audit[/] {escape(str(path))}", soft_wrap=True)
