"""The checked request of a variant job: variants, genome, models and motifs."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from dnasweep.config import versions
from dnasweep.errors import InputError
from dnasweep.formats.assemblies import assembly_of
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.motifs import read_motifs
from dnasweep.formats.paths import user_path
from dnasweep.formats.reference import Genome, open_genome
from dnasweep.formats.rejects import RejectedRow, check_rejects
from dnasweep.formats.variant_files import check_contigs, read_variants, short_names
from dnasweep.genomics.reference_mismatch import mismatch_remedy
from dnasweep.genomics.variant_models import ScoringModel, check_window, open_model, window_of
from dnasweep.genomics.variant_settings import MOTIF_FILE, VariantConfig
from dnasweep.genomics.variant_tables import work_list
from dnasweep.genomics.variants import (
    WRONG_ASSEMBLY,
    PlacedVariants,
    Region,
    place_variants,
    saturate,
)
from dnasweep.jobs.request import JobRequest, model_directory, model_key, open_storage
from dnasweep.jobs.shards.work_list import choose_shard_size
from dnasweep.jobs.variant_options import VariantOptions
from dnasweep.stages import models
from dnasweep.storage import Storage
from dnasweep.tasks.trained_lengths import note_on_window

KIND = "variants"
MAX_DIFFERING = 3
"""Number of variants that may differ from the genome in REF, however few there are."""
MOTIFS = "motifs"


@dataclass(frozen=True, kw_only=True)
class VariantRequest(JobRequest[VariantOptions]):
    """A variant job that can be started; alleles that cannot be scored were left out."""

    KIND: ClassVar[str] = KIND
    names: dict[str, int]
    """Lengths of the chromosomes, by their names in the variant files."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of the worker."""

        def named(kind: str, what: str) -> str | None:
            key = self.settings[what]
            return None if key is None else f"{kind}/{key}"

        return {
            "storage": self.storage.root,
            "settings": self.settings,
            "classifier": named(models.KIND, "classifier"),
            "language": named(models.KIND, "language_model"),
            "motifs": named(MOTIFS, "motifs"),
            "batch_rows": self.options.batch_rows,
        }


def prepare_variants(options: VariantOptions) -> VariantRequest:
    """Read the variants, find the models and check them against each other.

    Raises
    ------
    InputError
        For any mistake that can be detected before the first variant is scored.
    """
    options.check()
    storage, uri = open_storage(options)
    classifier, language = _models(options, storage, uri)
    both = [one for one in (classifier, language) if one is not None]
    window = options.window or min(window_of(one) for one in both)
    backgrounds = _backgrounds(options, classifier)
    try:
        config = VariantConfig(
            window=window,
            shifts=options.shifts,
            target="" if classifier is None else classifier.target,
            threshold=_threshold(options, classifier),
            min_delta=options.min_delta,
            backgrounds=backgrounds,
            motif_p=options.motif_p,
            precision=options.precision,
            seed=options.seed,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    for one in both:
        check_window(one, window)
    table, rejects, names, notes = _variants(options, config)
    trained = None if classifier is None else classifier.lengths
    warning = note_on_window(trained, window)
    settings = {
        **dataclasses.asdict(config),
        "classifier": None if classifier is None else classifier.digest,
        "language_model": None if language is None else language.digest,
        "tokenizer": both[0].tokenizer.config.name,
        "motifs": _keep_motifs(storage, options),
        "engine": versions.VARIANTS,
        **_of_outputs(options, classifier),
    }
    return VariantRequest(
        options=options,
        storage=storage,
        uri=uri,
        rows=work_list(table),
        settings=settings,
        rejects=rejects,
        names=names,
        notes=notes,
        warning=warning,
        shard_size=options.shard_size or choose_shard_size(len(table), options.num_actors),
    )


def _backgrounds(options: VariantOptions, classifier: ScoringModel | None) -> int:
    """Return the number of shuffled contexts; raise `InputError` if there is no single score to compare."""
    if classifier is None:
        return 0
    place = "" if classifier.task is None else classifier.task.place
    if place and options.backgrounds:
        raise InputError(
            f"--backgrounds is {options.backgrounds}, but the model predicts each {place}, which has no "
            "counterpart in shuffled contexts",
            remedy="Leave it out.",
        )
    if options.backgrounds is None:
        return 0 if place else VariantConfig.backgrounds
    return options.backgrounds


def _of_outputs(options: VariantOptions, classifier: ScoringModel | None) -> dict[str, Any]:
    """Return the settings for a model that does not classify whole sequences."""
    task = None if classifier is None else classifier.task
    if options.distance is not None and (task is None or not task.place):
        raise InputError(
            f"--distance is {options.distance}, but the model does not predict single bases",
            remedy="Leave it out.",
        )
    if classifier is None or task is None or not classifier.outputs:
        return {}
    columns = task.allele_columns([task.names[i] for i in classifier.outputs])
    return {
        "outputs": list(classifier.outputs),
        "columns": {name: list(column) for name, column in columns.items()},
        "distance": options.distance,
    }


def _threshold(options: VariantOptions, classifier: ScoringModel | None) -> float:
    if options.threshold is not None:
        return options.threshold
    return VariantConfig.threshold if classifier is None else classifier.threshold


def _models(
    options: VariantOptions, storage: Storage, uri: str
) -> tuple[ScoringModel | None, ScoringModel | None]:
    """Return the classifier and the language model, one of which may be missing."""

    def opened(source: str) -> ScoringModel:
        with model_directory(source, uri) as directory:
            model = open_model(directory, target=options.target)
            return model._replace(digest=model_key(storage, directory, options))

    first = opened(options.model)
    if options.language_model is None:
        return (first, None) if first.is_classifier else (None, first)
    second = opened(options.language_model)
    if not first.is_classifier or second.is_classifier:
        raise InputError(
            "--language-model must be a language model, and needs a classifier as --model",
            file=options.language_model,
            remedy="Give the classifier as --model, and its encoder as --language-model.",
        )
    return first, second


def _variants(
    options: VariantOptions, config: VariantConfig
) -> tuple[pd.DataFrame, list[RejectedRow], dict[str, int], tuple[str, ...]]:
    """Return the variants to score, those that cannot be scored, chromosome lengths by name, and messages."""
    genome = Path(options.genome)
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome, match=options.match_chromosomes)
        if not options.data:
            regions = [Region.parse(text, contigs) for text in options.saturate]
            if len({*regions}) < len(regions):
                raise InputError("--saturate has the same region twice", remedy="Give it once.")
            table = pd.concat([saturate(one, fasta, contigs, config) for one in regions])
            return table.reset_index(drop=True), [], {}, ()
        read = read_variants(options.data, assembly=assembly_of(contigs.lengths))
        used = read.table["chrom"].unique()
        for path in options.data:
            check_contigs(Path(path), contigs, used)
        names = contigs.names(used)
        placed = place_variants(read.table, fasta, contigs, config)
        placed = _explained(placed, read.table, fasta, contigs)
    rejects = sorted(
        [*read.rejects, *placed.rejects], key=lambda reject: (reject.file, reject.row)
    )
    check_rejects(
        rejects,
        num_left=len(placed.table),
        num_rows=len(read.table) + len(read.rejects),
        what="variant",
        skip_bad_rows=options.skip_bad_rows,
        # Each variant is scored independently, so leaving out some does not change the others.
        max_share=0.5,
    )
    # Identify the file only by its name, so that a moved file gives the same job.
    table = placed.table.assign(file=placed.table["file"].map(short_names(options.data)))
    lengths = {name: contigs.lengths[record] for name, record in names.items()}
    return table, rejects, lengths, tuple(read.notes)


def _explained(
    placed: PlacedVariants, table: pd.DataFrame, fasta: Genome, contigs: Contigs
) -> PlacedVariants:
    """Return variants with a remedy for those that differ from the genome in REF.

    Raises
    ------
    InputError
        If most of them differ: one in four agrees by chance.
    """
    differing = [reject for reject in placed.rejects if reject.remedy == WRONG_ASSEMBLY]
    if not differing:
        return placed
    rows = {(reject.file, reject.row) for reject in differing}
    at = [place in rows for place in zip(table["file"], table["row"], strict=True)]
    remedy = mismatch_remedy(table.iloc[np.flatnonzero(at)], fasta, contigs)
    if len(differing) > max(MAX_DIFFERING, len(placed.table)):
        first = differing[0]
        raise InputError(
            f"{first.reason}; REF differs from the genome in {len(differing):,} of "
            f"{len(differing) + len(placed.table):,} variants, so the others may agree by chance",
            file=first.file,
            row=first.row,
            remedy=remedy or "Give variants and genome of one assembly.",
        )
    if not remedy:
        return placed
    rejects = [
        reject._replace(remedy=remedy) if reject.remedy == WRONG_ASSEMBLY else reject
        for reject in placed.rejects
    ]
    return placed._replace(rejects=rejects)


def _keep_motifs(storage: Storage, options: VariantOptions) -> str | None:
    """Copy the motif file into the storage unless it is already there, and return its key."""
    if options.motifs is None:
        return None
    read_motifs(options.motifs)
    source = user_path(options.motifs)
    with source.open("rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()[:16]

    def copy(folder: Path) -> None:
        shutil.copyfile(source, folder / MOTIF_FILE)

    if not options.dry_run:
        storage.obtain(MOTIFS, key, copy)
    return key
