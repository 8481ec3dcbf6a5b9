"""Predict the class of sequences with a trained model.

The model is an MLflow run id, a registered model (models:/NAME@ALIAS or models:/NAME/VERSION) or a
directory. Writes one row a sequence: id, species, a probability for each class, and the call at the
threshold chosen on validation. A model trained with --average-reverse-complement is called by the
mean log odds of both strands.

    python jobs/predict.py --model models:/tokenizer-grid@best --data new.fa --out predictions.csv
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dnasweep.cli.command import run_command
from dnasweep.config.ranges import Batch, Checked, Count
from dnasweep.formats.files import Format
from rich.console import Console
from rich.markup import escape


@dataclass(frozen=True, kw_only=True)
class PredictOptions(Checked):
    """Options of prediction."""

    model: str
    """MLflow run id, registered model, or directory."""
    data: tuple[str, ...]
    """Sequences: CSV, TSV, FASTA or k-mer TSV, gzip or not; labels are not needed."""
    out: str = "predictions.parquet"
    """Where to write, as .parquet or .csv."""
    storage: str = "runs"
    """Storage root, for its MLflow store."""
    tracking_uri: str | None = None
    """MLflow tracking URI. Default: MLFLOW_TRACKING_URI, else sqlite in the storage root."""
    species: str | None = None
    """Species of all rows, where the files do not name it."""
    format: Format = "auto"
    """Format of the files: csv, tsv, fasta or text, a sequence a line. Default: by the name and the
    content of each file."""
    crop: Count | None = None
    """Cut every sequence to this many central bases, as in training; shorter ones are bad rows."""
    skip_bad_rows: bool = False
    """Leave out rows that cannot be used, and write them beside the output, instead of ending."""
    batch_size: Batch = 64
    """Sequences a forward pass."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto is bf16 on GPUs that have it and fp32 elsewhere."""


def main(options: PredictOptions, console: Console) -> None:
    from dnasweep.data.reading import read_unlabelled
    from dnasweep.formats.paths import user_path
    from dnasweep.formats.rejects import write_rejects
    from dnasweep.genomics.predictions import check_output, predict_table, write_predictions
    from dnasweep.storage import Storage
    from dnasweep.tracking.client import resolve_uri
    from dnasweep.tracking.lookup import find_model_directory

    out = user_path(options.out).absolute()
    check_output(out)
    reading = read_unlabelled(
        options.data,
        species=options.species,
        skip_bad_rows=options.skip_bad_rows,
        crop=options.crop,
        format=options.format,
        say=lambda line: console.print(f"[dim]{escape(line)}[/]", soft_wrap=True),
    )
    if reading.rejected:
        write_rejects(reading.rejected, out.with_name(out.stem + ".rejects.tsv"))
    table = reading.table
    uri = resolve_uri(options.tracking_uri, Storage(options.storage).root)
    with (
        tempfile.TemporaryDirectory(prefix="dnasweep-model-") as scratch,
        console.status(f"predicting {len(table):,} sequences") as status,
    ):
        frame = predict_table(
            find_model_directory(options.model, uri=uri, destination=Path(scratch)),
            table,
            batch_size=options.batch_size,
            precision=options.precision,
            progress=lambda done: status.update(f"predicted {done:,} of {len(table):,} sequences"),
        )
    write_predictions(frame, out)
    counts = ", ".join(
        f"{n:,} {escape(str(name))}" for name, n in frame["call"].value_counts().items()
    )
    console.print(
        f"{len(frame):,} sequences: {counts}\n[bold]written[/] {escape(str(out))}", soft_wrap=True
    )


if __name__ == "__main__":
    run_command(main, PredictOptions, doc=__doc__)
