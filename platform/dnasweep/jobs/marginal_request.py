"""The checked request of a marginalisation: motifs, backgrounds and model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import pyarrow as pa

from dnasweep.config import versions
from dnasweep.config.number_ranges import read_numbers
from dnasweep.config.ranges import MANY, Batch, Between, Range, Seed
from dnasweep.errors import InputError
from dnasweep.formats.motif_matrix import Motif
from dnasweep.formats.motifs import read_motifs
from dnasweep.formats.rejects import RejectedRow
from dnasweep.jobs.options import NearOptions
from dnasweep.jobs.request import JobRequest, model_directory, model_key, open_storage
from dnasweep.jobs.shards.work_list import choose_shard_size
from dnasweep.synthetic.arrangements import (
    Arrangements,
    Held,
    Orientation,
    check_fits,
    usual_start,
)

if TYPE_CHECKING:
    from dnasweep.attribution.checks import ModelFacts
    from dnasweep.synthetic.motif_names import NamedMotif

KIND = "marginals"
FEWEST = 8
"""Minimum number of backgrounds for an interval."""
MOST_CONDITIONS = 20_000


@dataclass(frozen=True, kw_only=True)
class MarginalOptions(NearOptions):
    """Options of a marginalisation."""

    motif: str
    """Motif to insert into backgrounds: IUPAC letters (TATAWAWR), or the name or accession of a motif that is
    built in or in --motifs; write name:GATA or bases:GATA if it could be either."""
    other: str | None = None
    """A second motif, downstream of the first, to measure the joint effect of both."""
    spacings: tuple[str, ...] = ("0..40",)
    """Bases between the last base of the first motif and the first base of the second: numbers, and
    ranges such as 0..40 or 0..40:5."""
    orientations: tuple[Orientation, ...] = ("FF", "FR", "RF", "RR")
    """Orientations of the two motifs, upstream motif first: F as given, R reverse complemented. For one
    motif, only the first letter counts."""
    positions: tuple[str, ...] = ()
    """Position of the motif's first base in the background, from 0: numbers and ranges for one motif, a
    single number for two. Default: the middle."""
    held: Held = "motif"
    """Which of the two motifs stays in place while the other moves: motif or other."""
    motifs: str | None = None
    """File of motifs (MEME, JASPAR or HOMER), gzipped or not, in which names are looked up before the built-in
    ones."""
    instances: Literal["drawn", "likeliest"] = "drawn"
    """Bases of a motif: sampled from its base frequencies for each background, or always the most likely."""
    data: tuple[str, ...] = ()
    """Sequences of one length, whose dinucleotide-preserving shuffles are the backgrounds: tables, FASTA, or
    BED with --genome. Default: random bases, with --length and --gc."""
    backgrounds: Annotated[int, Range(FEWEST, MANY)] = 200
    """Number of backgrounds; all conditions are compared in the same ones."""
    length: Annotated[int, Range(2, 10_000_000)] | None = None
    """Length of random backgrounds in bases; use the length of the model's training sequences."""
    gc: Between = 0.5
    """GC content of random backgrounds, as a fraction."""
    target: str | None = None
    """Class or output to measure. Default: the second of two classes, or the only output."""
    seed: Seed = 0
    """Seed of shuffles, random bases and sampled motif instances."""
    batch_size: Batch | None = None
    """Sequences per forward pass. Default: chosen by their number of tokens. Other numbers change the last
    digits of outputs; the number of actors changes nothing."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision; bf16 is faster on GPUs but less exact for small effects."""
    out: str | None = None
    """Folder for copies of the tables and the page. Default: they are only in the storage."""


@dataclass(frozen=True, kw_only=True)
class MarginalRequest(JobRequest[MarginalOptions]):
    """A marginalisation that can be started."""

    KIND: ClassVar[str] = KIND
    arrangements: Arrangements
    """Arrangements of the motifs."""
    motifs: tuple[NamedMotif, ...]
    """One or two motifs."""
    reads: str
    """What is read of the model, such as `log odds of promoter`."""
    num_sources: int
    """Number of sequences that were shuffled; 0: random bases."""


def prepare_marginals(
    options: MarginalOptions, *, say: Callable[[str], None] = lambda line: None
) -> MarginalRequest:
    """Read motifs and backgrounds, find the model and check them against each other.

    Parameters
    ----------
    options
        Options of the command.
    say
        Called with each sentence on how the input was interpreted.

    Raises
    ------
    InputError
        For any mistake that can be detected before the first background is computed.
    """
    from dnasweep.synthetic.backgrounds import instances_of
    from dnasweep.synthetic.motif_names import find_motif
    from dnasweep.synthetic.row_models import ONE_STRAND, check_row_model, reads

    known: list[Motif] = [] if options.motifs is None else read_motifs(options.motifs)
    words = [options.motif] if options.other is None else [options.motif, options.other]
    motifs = tuple(find_motif(word, known, file=options.motifs, say=say) for word in words)
    sequences, sources, rejects = _backgrounds(options, say)
    arrangements = _arrangements(options, motifs, len(sequences[0]))
    storage, uri = open_storage(options)
    with model_directory(options.model, uri) as directory:
        facts = check_row_model(directory, target=options.target, shortest=len(sequences[0]))
        _check_tokens(facts, sequences)
        digest = model_key(storage, directory, options)
    if facts.averaged:
        say(ONE_STRAND)
    drawn = options.instances == "drawn"
    # The second motif has different draws, even if it is the same motif.
    texts = [
        instances_of(
            motif.probabilities, len(sequences), drawn=drawn, seed=(options.seed, 3 + place)
        )
        for place, motif in enumerate(motifs)
    ]
    columns = {
        "id": [f"{source} #{number + 1}" for number, source in enumerate(sources)],
        "sequence": sequences,
        "motif": texts[0],
        "other": texts[1] if len(texts) > 1 else [""] * len(sequences),
    }
    settings = {
        "model": digest,
        "target": facts.target,
        "tokenizer": facts.tokenizer.config.name,
        "motif": motifs[0].title,
        "other": motifs[1].title if len(motifs) > 1 else None,
        "instances": options.instances,
        "backgrounds": "shuffled" if options.data else f"random, GC {options.gc:g}",
        "batch_rows": options.batch_size,
        "precision": options.precision,
        **arrangements.settings(),
        "format": versions.MARGINAL,
    }
    rows = {name: pa.array(column, pa.large_string()) for name, column in columns.items()}
    return MarginalRequest(
        options=options,
        storage=storage,
        uri=uri,
        rows=pa.table(rows),
        settings=settings,
        rejects=rejects,
        shard_size=choose_shard_size(len(sequences), options.num_actors),
        arrangements=arrangements,
        motifs=motifs,
        reads=reads(facts),
        num_sources=len(set(sources)) if options.data else 0,
    )


def _backgrounds(
    options: MarginalOptions, say: Callable[[str], None]
) -> tuple[list[str], list[str], list[RejectedRow]]:
    """Return the backgrounds, the source of each, and the bad rows that were left out."""
    from dnasweep.synthetic.backgrounds import random_backgrounds, shuffled_backgrounds

    num, seed = options.backgrounds, options.seed
    if not options.data:
        if options.length is None:
            raise InputError(
                "there are no sequences for the backgrounds",
                remedy="Give sequences to shuffle with --data, or --length for random bases.",
            )
        return random_backgrounds(num, options.length, options.gc, seed=seed), ["random"] * num, []
    if options.length is not None:
        raise InputError(
            "--length is for random backgrounds, but --data gives sequences to shuffle",
            remedy="Leave one of them out; --crop cuts sequences to a length.",
        )
    reading = options.read_rows()
    for line in reading.notes:
        say(line)
    table = reading.table
    clean = ~table["sequence"].str.contains("[^ACGT]")
    if not clean.any():
        raise InputError(
            "all sequences have letters other than A, C, G and T",
            file=options.data[0],
            remedy="Give other sequences, or --length for random backgrounds.",
        )
    if not clean.all():
        say(
            f"{(~clean).sum():,} of {len(clean):,} sequences have letters other than A, C, G and T and are "
            "not shuffled"
        )
    table = table[clean]
    if len(table) < num:
        say(
            f"the {len(table):,} sequences are shuffled more than once each: intervals hold for sequences of "
            "their composition"
        )
    made, sources = shuffled_backgrounds(
        table["sequence"].tolist(), table["id"].tolist(), num, seed=seed
    )
    return made, sources, reading.rejected


def _arrangements(
    options: MarginalOptions, motifs: tuple[NamedMotif, ...], length: int
) -> Arrangements:
    """Return the arrangements of the motifs; raise :class:`InputError` if they do not fit."""
    two = len(motifs) > 1
    if not options.orientations:
        raise InputError("there is no orientation", remedy="Leave out --orientations, or give FF.")
    spacings = read_numbers(options.spacings, "spacings") if two else ()
    if two and not spacings:
        raise InputError("there is no spacing", remedy="Give --spacings, such as 0..40.")
    starts = read_numbers(options.positions, "positions")
    if two and len(starts) > 1:
        raise InputError(
            f"{len(starts)} positions are given for two motifs, of which one is held at a single position",
            remedy="Give one position, or leave --other out.",
        )
    widths = [motif.width for motif in motifs] + [0]
    if not starts:
        starts = (usual_start(length, widths[0], widths[1], spacings, options.held),)
    found = Arrangements(
        length=length,
        width=widths[0],
        starts=starts,
        other_width=widths[1],
        spacings=spacings,
        orientations=tuple(dict.fromkeys(options.orientations)),
        held=options.held,
    )
    check_fits(found)
    if (number := len(found.conditions)) > MOST_CONDITIONS:
        raise InputError(
            f"there are {number:,} conditions, more than the maximum of {MOST_CONDITIONS:,}",
            remedy="Use fewer --spacings, --orientations or --positions.",
        )
    return found


def _check_tokens(facts: ModelFacts, sequences: list[str]) -> None:
    """Raise :class:`InputError` if a background has more tokens than the model reads."""
    from dnasweep.attribution.checks import count_tokens

    most = int(count_tokens(sequences, facts.tokenizer).max())
    if most > facts.capacity:
        raise InputError(
            f"a background of {len(sequences[0]):,} bases has {most:,} tokens, but the model reads at most "
            f"{facts.capacity:,}",
            remedy="Cut the sequences with --crop, or give a smaller --length.",
        )
