"""The files of a variant job: tables, annotated VCFs and TSVs, heat maps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dnasweep.formats.annotated_vcf import FIELDS, write_annotated
from dnasweep.formats.paths import user_path
from dnasweep.formats.variant_files import is_vcf, short_names
from dnasweep.genomics.variant_tables import schemas_of
from dnasweep.jobs.shards.store import Shards, name
from dnasweep.jobs.variant_request import VariantRequest
from dnasweep.plain import write_csv
from dnasweep.report.variant_ranking import ranking_of

_NAME_LENGTH = 12
SOMETIMES = (
    "sites.parquet",
    "variants.html",
    "*.scored.vcf.gz",
    "*.scored.tsv",
    "saturation-*.png",
)
"""Files that only some jobs produce."""


def digest_of_inputs(request: VariantRequest) -> str:
    """Return a digest of the input files, and of the kinds of output files, in addition to the job."""
    digest = hashlib.sha256(
        repr((SOMETIMES, request.options.saturate, sorted(request.names.items()))).encode()
    )
    for path in request.options.data:
        with user_path(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
        digest.update(Path(path).name.encode())
    return digest.hexdigest()[:_NAME_LENGTH]


def write_results(folder: Path, request: VariantRequest, shards: Shards) -> None:
    """Write the tables, and an annotated VCF for each VCF, a TSV for each table or a heat map for each region.

    Tables are written shard by shard, and VCFs line by line.

    Parameters
    ----------
    folder
        Folder to write to.
    request
        The job.
    shards
        Shards with its scores.
    """
    job = shards.fetch()
    own = request.settings.get("columns") or {}
    for table, schema in schemas_of(own).items():
        if table == "sites" and request.settings["motifs"] is None:
            continue
        with pq.ParquetWriter(folder / f"{table}.parquet", schema, compression="zstd") as writer:
            for part in _parts(job, shards, table):
                writer.write_table(part)
    taken: set[str] = set()
    for path, file in short_names(request.options.data).items():
        stem, of_vcf = Path(path).name.removesuffix(".gz").removesuffix(".bgz"), is_vcf(Path(path))
        stem = stem.removesuffix(".vcf") if of_vcf else Path(stem).stem
        while stem in taken:
            stem += "_"
        taken.add(stem)
        if not of_vcf:
            _write_table(folder / f"{stem}.scored.tsv", job, shards, file)
        else:
            write_annotated(
                Path(path),
                folder / f"{stem}.scored.vcf.gz",
                _rows(job, shards, file),
                fields=_fields(request.settings),
                contigs=request.names,
                about=f"variants {shards.key}",
            )
    for number, region in enumerate(_regions(job, shards) if request.options.saturate else ()):
        from dnasweep.report.saturation import MAX_DRAWN, write_heat_map

        rows = list(_rows(job, shards, region))
        if rows[-1]["pos"] - rows[0]["pos"] >= MAX_DRAWN:
            continue
        write_heat_map(
            rows,
            folder / f"saturation-{number + 1}.png",
            title=region,
            ranking=ranking_of(request.settings),
        )
    _write_page(folder, request, (part.to_pandas() for part in _parts(job, shards, "variants")))


def _write_table(path: Path, job: Path, shards: Shards, file: str) -> None:
    """Write the scores of the variants of a table as TSV, without columns that are empty in all rows."""
    used = {
        name
        for part in _parts(job, shards, "variants")
        for name in part.column_names
        if part[name].null_count < len(part)
    }
    for number, part in enumerate(_parts(job, shards, "variants")):
        kept = [name for name in part.column_names if name in used and name != "file"]
        rows = part.filter(pc.equal(part["file"], file)).select(kept)
        frame = rows.to_pandas(integer_object_nulls=True)
        write_csv(frame, path, sep="\t", mode="a" if number else "w", header=not number)


def _write_page(folder: Path, request: VariantRequest, parts: Iterator[pd.DataFrame]) -> None:
    from dnasweep.report.files import write_page
    from dnasweep.report.variant_page import PAGE, variant_page

    beside = sorted(path.name for path in folder.iterdir())
    named = {
        **request.settings,
        "model name": request.options.model or request.options.language_model,
        "data": list(request.options.data),
        "genome file": str(request.options.genome),
    }
    page = variant_page(parts, rejects=request.rejects, settings=named, files=beside)
    write_page(page, folder / PAGE)


def _fields(settings: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the requested fields of an annotated VCF."""
    own = settings.get("columns") or {}
    of_class = bool(settings["classifier"]) and not own
    left_out = (
        set() if of_class else set(FIELDS) - {"llr", "z", "p_value", "sites_gained", "sites_lost"}
    )
    if not settings["backgrounds"]:
        left_out |= {"z", "p_value"}
    if settings["language_model"] is None:
        left_out.add("llr")
    if settings["motifs"] is None:
        left_out |= {"sites_gained", "sites_lost"}
    fields = {name: (kind, text) for name, (kind, text, *_) in own.items()}
    return fields | {name: field for name, field in FIELDS.items() if name not in left_out}


def _parts(job: Path, shards: Shards, table: str) -> Iterator[pa.Table]:
    for shard in range(len(shards)):
        yield pq.read_table(job / "shards" / name(shard) / f"{table}.parquet")


def _rows(job: Path, shards: Shards, file: str) -> Iterator[dict[str, Any]]:
    for part in _parts(job, shards, "variants"):
        yield from (row for row in part.to_pylist() if row["file"] == file)


def _regions(job: Path, shards: Shards) -> list[str]:
    found: dict[str, None] = {}
    for part in _parts(job, shards, "variants"):
        found.update(dict.fromkeys(part["file"].to_pylist()))
    return list(found)
