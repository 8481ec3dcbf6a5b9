"""Motif discovery from finished attribution jobs, into a folder."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from rich.markup import escape

from dnasweep.config.ranges import MANY, Between, Checked, NotNone, Range, Seed, Whole
from dnasweep.errors import InputError
from dnasweep.formats.motif_matrix import Motif
from dnasweep.formats.motifs import read_motifs
from dnasweep.formats.paths import user_path
from dnasweep.jobs.shards.verification import find_job
from dnasweep.motifs.discovery_data import Contrast, Method, MotifConfig
from dnasweep.storage.output_folder import publish_files
from dnasweep.tracking.tags import command

if TYPE_CHECKING:
    from dnasweep.attribution.tables import StoredAttributions

StretchLength = Annotated[int, Range(2, 10_000)]
Window = Annotated[int, Range(8, 10_000)]
Instances = Annotated[int, Range(2, MANY)]


@dataclass(frozen=True, kw_only=True)
class MotifOptions(Checked):
    """Options of motif discovery."""

    attributions: tuple[str, ...]
    """Folders or URIs of finished jobs, as printed by `dnasweep shap-batch`; all for the same model and
    estimator, with labelled sequences."""
    out: str
    """Folder to write to; created if it does not exist."""
    motifs: str | None = None
    """Known motifs to compare with: a MEME, JASPAR or HOMER file, gzipped or not. Default: the two dozen built-in
    promoter motifs; https://jaspar.elixir.no/downloads has the files of JASPAR."""
    method: Method = "enrichment"
    """enrichment: k-mers of high attention or attribution, as by DNABERT. modisco: TF-MoDISco."""
    tss_index: Whole | None = None
    """0-based index of the first transcribed base. Default: inferred from the length of the sequences."""
    min_length: StretchLength = MotifConfig.min_length
    """enrichment: minimum length in bases of a stretch of high values."""
    discovery_q: NotNone = MotifConfig.discovery_q
    """enrichment: maximum adjusted p-value of k-mers that are kept. The default is DNABERT's, for thousands
    of sequences; with hundreds, few k-mers occur often enough, and 1 keeps all."""
    window: Window = MotifConfig.window
    """enrichment: length in bases that instances are cut or extended to."""
    min_instances: Instances = MotifConfig.min_instances
    """Minimum number of instances of a motif."""
    hit_p: Between = MotifConfig.hit_p
    """Maximum p-value of a hit: the probability that random DNA matches as well."""
    contrast: Contrast | None = None
    """Sequences that motifs are sought in. labels: those of the explained class, compared with the others;
    output: those with a model output above the median, compared with the others. Default: labels, or
    output if labels are not classes of sequences."""
    share: Between = 0.5
    """Share of the sequences in which motifs are found; they are tested in the others."""
    identity: NotNone = 0.8
    """Minimum identity of sequences that are kept in the same part."""
    seed: Seed = 0
    """Seed of the split of the sequences into the two parts."""


def run_motifs(options: MotifOptions, console: Console) -> Path:
    """Find motifs, write their files and the page, and return the page's path.

    Raises
    ------
    InputError
        For a folder that is not a finished job, unreadable motifs, and sequences that are too few or have no
        labels.
    """
    from dnasweep.attribution.tables import read_attributions

    # Report problems with these before the attributions are read.
    _config(options)
    _free(user_path(options.out))
    _known(options)
    with console.status("reading the attributions"):
        jobs = [find_job(place) for place in options.attributions]
        for job in jobs:
            if job.finished() is None:
                raise InputError(
                    "the job has not finished",
                    file=job.uri,
                    remedy="Run its `dnasweep shap-batch` command again.",
                )
        tables = [read_attributions(job.fetch()) for job in jobs]
    return find_motifs(tables, options, console)


def find_motifs(
    tables: Sequence[StoredAttributions], options: MotifOptions, console: Console
) -> Path:
    """Find motifs in attributions, write their files and the page, and return the page's path.

    Parameters
    ----------
    tables
        Attributions of one model, estimator and class.
    options
        Options of the command; its `attributions` are only shown by name.
    console
        Console for progress and results.

    Raises
    ------
    InputError
        For unreadable motifs, and sequences that are too few or have no labels.
    """
    from dnasweep.motifs.discovery import discover, write_files
    from dnasweep.motifs.discovery_data import load_motif_data
    from dnasweep.motifs.known import JASPAR
    from dnasweep.report.motif_page import PAGE, motif_table, write_report

    config = _config(options)
    out = _free(user_path(options.out))
    known, source = _known(options)
    if options.motifs is None:
        console.print(
            f"[dim]known motifs: {len(known)} built-in promoter motifs; for more, give a file from "
            f"{escape(JASPAR)} (CORE, non-redundant, MEME format) with --motifs[/]",
            soft_wrap=True,
        )
    data = load_motif_data(
        tables,
        tss_index=options.tss_index,
        share=options.share,
        identity=options.identity,
        seed=options.seed,
        contrast=options.contrast,
    )
    settings = tables[0].settings
    signed = settings["estimator"] != "attention"
    with console.status(
        "looking for motifs; the first time, libraries are compiled for some minutes"
    ):
        found = discover(data, config, known, signed=signed)
    table = found.table()
    summary = {
        "attributions": list(options.attributions),
        "known_motifs": source,
        "num_known": len(known),
        "settings": settings,
        "config": dataclasses.asdict(config),
        "share": options.share,
        "identity": options.identity,
        "contrast": data.contrast,
        "num_motifs": len(table),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".motifs-", dir=out.parent) as scratch:
        folder = Path(scratch) / "motifs"
        folder.mkdir()
        write_files(found, folder, summary)
        shown = {**settings, "known motifs": f"{source} ({len(known)})"}
        shown |= dataclasses.asdict(config)
        write_report(
            folder,
            found,
            config=config,
            settings=shown,
            num_known=len(known),
            signed=signed,
            command=command(),
        )
        made = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        named = {path.relative_to(folder).as_posix(): path for path in made}
        publish_files(named, out, job="motifs")
    console.print(f"[bold]motifs[/] {len(table):,}")
    if len(table):
        console.print(motif_table(table))
    console.print(f"[bold]report[/] {escape(str(out / PAGE))}", soft_wrap=True)
    return out / PAGE


def _known(options: MotifOptions) -> tuple[list[Motif], str]:
    """Return the motifs to compare with, and their source."""
    if options.motifs is None:
        from dnasweep.motifs.known import built_in_motifs

        return built_in_motifs(), "built in"
    return read_motifs(options.motifs), options.motifs


def _config(options: MotifOptions) -> MotifConfig:
    names = [field.name for field in dataclasses.fields(MotifConfig)]
    try:
        config = MotifConfig(**{name: getattr(options, name) for name in names})
    except ValueError as error:
        raise InputError(str(error)) from error
    if not 0 < options.share < 1:
        raise InputError(f"share is {options.share}", remedy="Use a share between 0 and 1.")
    return config


def _free(out: Path) -> Path:
    """Return the folder to write to, which must be new, empty, or contain files of an earlier run."""
    from dnasweep.motifs.discovery import SUMMARY_FILE

    out = out.resolve()
    if out.is_dir() and any(out.iterdir()) and not (out / SUMMARY_FILE).is_file():
        raise InputError(
            "the folder contains other files", file=out, remedy="Give a new folder with --out."
        )
    if out.exists() and not out.is_dir():
        raise InputError("this is a file", file=out, remedy="Give a folder with --out.")
    return out
