"""The checked request of a design job: sequences, positions to keep, and model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from dnasweep.config import versions
from dnasweep.config.ranges import Batch, Count, Fraction, Range, Whole
from dnasweep.errors import InputError
from dnasweep.formats.motifs import read_motifs
from dnasweep.jobs.options import NearOptions
from dnasweep.jobs.request import JobRequest, model_directory, model_key, open_storage
from dnasweep.synthetic.constraints import GcRange, kept_bases, places_of, read_base_ranges

KIND = "designs"
SHARD = 8
"""Number of sequences that are edited and stored together."""


@dataclass(frozen=True, kw_only=True)
class DesignOptions(NearOptions):
    """Options of a design job."""

    edits: Annotated[int, Range(1, 1000)] = 10
    """Maximum number of substitutions in a sequence."""
    goal: Literal["raise", "lower"] = "raise"
    """Whether edits should raise or lower the model's output."""
    target: str | None = None
    """Class or output to raise or lower. Default: the second of two classes, or the only output."""
    keep_motifs: tuple[str, ...] = ()
    """Motifs that must not be edited, wherever a sequence matches their consensus on either strand: IUPAC
    letters, or names of motifs that are built in or in --motifs."""
    keep_bases: tuple[str, ...] = ()
    """Bases that must not be edited: FIRST..LAST, counted from 0."""
    motifs: str | None = None
    """File of motifs (MEME, JASPAR or HOMER), gzipped or not, in which names are looked up before the built-in
    ones."""
    gc: tuple[Fraction, Fraction] = (0.0, 1.0)
    """Minimum and maximum GC content of a sequence after every edit, as fractions."""
    beam: Annotated[int, Range(1, 100)] = 1
    """Number of candidate sequences kept at each step (beam width); 1 is greedy."""
    preselect: Count | None = None
    """Number of substitutions evaluated per step, those with the largest gain by the gradient; only for
    tokenizers whose tokens stay in place (single bases, k-mers). Default: all, which is exact."""
    explained: Whole = 20
    """Number of designs, the most changed, whose attributions before and after are shown; 0: none."""
    batch_size: Batch | None = None
    """Sequences per forward pass. Default: chosen by their number of tokens. Other numbers change the last
    digits of outputs; the number of actors changes nothing."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision; bf16 is faster on GPUs but less exact for small gains."""
    out: str | None = None
    """Folder for copies of the sequences, the tables and the page. Default: they are only in the storage."""


@dataclass(frozen=True, kw_only=True)
class DesignRequest(JobRequest[DesignOptions]):
    """A design job that can be started."""

    KIND: ClassVar[str] = KIND
    reads: str
    """What is read of the model, such as `log odds of promoter`."""
    has_mask: bool
    """Whether the tokenizer of the model has a mask token."""


def prepare_designs(
    options: DesignOptions, *, say: Callable[[str], None] = lambda line: None
) -> DesignRequest:
    """Read the sequences, find the model and check them against each other.

    Parameters
    ----------
    options
        Options of the command.
    say
        Called with each sentence on how the input was interpreted.

    Raises
    ------
    InputError
        For any mistake that can be detected before the first sequence is edited.
    """
    from dnasweep.attribution.checks import count_tokens
    from dnasweep.synthetic.row_models import ONE_STRAND, check_row_model, reads

    reading = options.read_rows()
    for line in reading.notes:
        say(line)
    table = reading.table
    kept = _kept(options, table, say)
    _check_gc(options, table)
    storage, uri = open_storage(options)
    with model_directory(options.model, uri) as directory:
        facts = check_row_model(
            directory, target=options.target, shortest=int(table["sequence"].str.len().min())
        )
        most = count_tokens(table["sequence"].tolist(), facts.tokenizer)
        if (long := most > facts.capacity).any():
            raise InputError(
                f"the sequence {table['id'][int(np.argmax(long))]!r} has {most[long][0]:,} tokens, but the "
                f"model reads at most {facts.capacity:,}",
                remedy="Cut the sequences with --crop.",
            )
        digest = model_key(storage, directory, options)
    if facts.averaged:
        say(ONE_STRAND)
    settings = {
        "model": digest,
        "target": facts.target,
        "tokenizer": facts.tokenizer.config.name,
        "goal": options.goal,
        "edits": options.edits,
        "gc": list(options.gc),
        "beam": options.beam,
        "preselect": options.preselect,
        "batch_rows": options.batch_size,
        "precision": options.precision,
        "format": versions.DESIGN,
    }
    columns = {"id": table["id"], "sequence": table["sequence"], "kept": kept}
    return DesignRequest(
        options=options,
        storage=storage,
        uri=uri,
        rows=pa.table({n: pa.array(c, pa.large_string()) for n, c in columns.items()}),
        settings=settings,
        rejects=reading.rejected,
        shard_size=SHARD,
        reads=reads(facts),
        has_mask=facts.tokenizer.has_mask,
    )


def _kept(options: DesignOptions, table: pd.DataFrame, say: Callable[[str], None]) -> list[str]:
    """Return, as 0 and 1, which bases of each sequence must be kept."""
    from dnasweep.formats.bases import reverse_complement
    from dnasweep.synthetic.motif_names import find_motif

    known = [] if options.motifs is None else read_motifs(options.motifs)
    intervals = read_base_ranges(options.keep_bases)
    sequences = table["sequence"].tolist()
    shortest = min(map(len, sequences))
    for text, (_, end) in zip(options.keep_bases, intervals, strict=True):
        if end > shortest:
            raise InputError(
                f"keep_bases has {text}, but a sequence has {shortest:,} bases",
                remedy=f"Use bases 0 to {shortest - 1}.",
            )
    consensus = []
    for word in options.keep_motifs:
        motif = find_motif(word, known, file=options.motifs, say=say)
        both = {motif.consensus, reverse_complement(motif.consensus)}
        counts = [sum(len(places_of(one, text)) for text in both) for one in sequences]
        if not any(counts):
            raise InputError(
                f"no sequence matches {motif.title}, so there is nothing to keep",
                remedy="Leave it out of --keep-motifs, or give a shorter consensus.",
            )
        say(
            f"kept: {sum(counts):,} places of {motif.consensus} in {np.count_nonzero(counts):,} of "
            f"{len(sequences):,} sequences"
        )
        consensus.append(motif.consensus)
    found = [kept_bases(one, intervals, consensus) for one in sequences]
    for name, kept in zip(table["id"], found, strict=True):
        if kept.all():
            raise InputError(
                f"every base of the sequence {name!r} must be kept, so nothing can be edited",
                remedy="Keep less with --keep-bases and --keep-motifs, or leave the sequence out.",
            )
    return ["".join("01"[int(one)] for one in kept) for kept in found]


def _check_gc(options: DesignOptions, table: pd.DataFrame) -> None:
    low, high = options.gc
    if low > high:
        raise InputError(f"gc is {low} to {high}", remedy="Give the smaller share first.")
    gc = GcRange(low, high)
    outside = [
        name
        for name, one in zip(table["id"], table["sequence"], strict=True)
        if not gc.holds(one.count("G") + one.count("C"), len(one))
    ]
    if outside:
        raise InputError(
            f"{len(outside):,} of {len(table):,} sequences have a GC content outside {low:g} to "
            f"{high:g}, the first is {outside[0]!r}",
            remedy="Give a range with --gc that includes all sequences, or leave these out.",
        )
