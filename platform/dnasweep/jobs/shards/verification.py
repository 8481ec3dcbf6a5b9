"""Verification of an attribution job: everything it published is read again and checked, shard by shard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from dnasweep.attribution.settings import GRADIENT_ESTIMATORS, sums
from dnasweep.attribution.tables import read_settings, schemas_of
from dnasweep.attribution.verification import Bounds, Problem, check_shard
from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.jobs.shards.manifests import name
from dnasweep.jobs.shards.store import Shards
from dnasweep.storage import MANIFEST, Storage, Unavailable

KIND = "attributions"
GRADIENT_GAP = 0.2
"""Largest accepted completeness error of integrated gradients, as a fraction of |prediction - base value|,
because they integrate numerically."""


class Verdict(NamedTuple):
    """The result of a verification."""

    shards: Shards
    """The job."""
    num_read: int
    """Number of rows in shards that could be read."""
    num_tokens: int
    """Number of tokens in these rows."""
    max_gap: float
    """Largest completeness error; nan if values need not sum to prediction - base value."""
    problems: list[Problem]
    """All problems; empty if the job is intact."""


def find_job(uri: str) -> Shards:
    """Open the attribution job in a folder or at a URI.

    Raises
    ------
    InputError
        If there is none.
    """
    if "://" in uri:
        head, mark, query = uri.partition("?")
        scheme, _, rest = head.partition("://")
        path = PurePosixPath(rest)
        storage = Storage(f"{scheme}://{path.parent.parent}{mark}{query}")
    else:
        path = PurePosixPath(str(Storage(uri).local))
        storage = Storage(str(path.parent.parent))
    if path.parent.name != KIND:
        raise InputError(
            f"this is not the folder of a job, which is below {KIND}/",
            file=uri,
            remedy="Give the folder printed by `dnasweep shap-batch`.",
        )
    return Shards.open(storage, KIND, path.name)


def bounds_of(
    settings: dict[str, Any], *, absolute: float | None = None, relative: float | None = None
) -> Bounds | None:
    """Return the bounds on the completeness error of a job; None if its estimator has none.

    Parameters
    ----------
    settings
        Settings of the job.
    absolute, relative
        Requested bounds; None for the defaults of the estimator.

    Raises
    ------
    InputError
        If bounds are requested although the estimator's values need not sum to prediction - base value.
    """
    if not sums(settings["estimator"]):
        if absolute is not None or relative is not None:
            raise InputError(
                f"values of the estimator {settings['estimator']} need not add up to anything, so "
                "there is no gap to bound",
                remedy="Leave --max-gap and --max-relative-gap out.",
            )
        return None
    # Tables of gradient_shap, an estimator of earlier versions, can still be verified.
    path = (*GRADIENT_ESTIMATORS, "gradient_shap")
    usual = GRADIENT_GAP if settings["estimator"] in path else Bounds.relative
    return Bounds(
        absolute=Bounds.absolute if absolute is None else absolute,
        relative=usual if relative is None else relative,
    )


def verify(
    shards: Shards, bounds: Bounds | None, *, progress: Callable[[int], None] = lambda done: None
) -> Verdict:
    """Read a whole job again: each row once, each shard complete, every value in bounds.

    Parameters
    ----------
    shards
        Shards of the job.
    bounds
        Bounds on the completeness error; None if there are none.
    progress
        Called with the number of shards read.

    Raises
    ------
    InputError
        If the work list, with which everything is compared, is damaged.
    """
    overlapping = TokenizerConfig.parse(shards.inputs["tokenizer"]).overlapping
    there = sorted(int(key) for key in shards.published())
    problems = [
        Problem(f"shard {name(number)}", "it is not one of the job's")
        for number in there
        if number >= len(shards)
    ]
    missing = sorted(set(range(len(shards))) - set(there))
    problems += [Problem(f"shard {name(number)}", "it is missing") for number in missing]
    if not missing and shards.finished() is None:
        problems.append(Problem("the job", f"it has not been closed: there is no {MANIFEST}"))
    num_read = num_tokens = 0
    max_gap = 0.0 if bounds is not None else float("nan")
    for done, number in enumerate(n for n in there if n < len(shards)):
        tables, damage = _read(shards, number)
        if not damage:
            found = check_shard(
                shards.rows(number), tables, bounds=bounds, overlapping=overlapping
            )
            problems += _prefixed(number, found)
            num_read += len(tables["sequences"])
            num_tokens += len(tables["tokens"])
            if bounds is not None:
                max_gap = max(max_gap, *tables["sequences"]["gap"].to_pylist(), 0.0)
        problems += [Problem(f"shard {name(number)}", what) for what in damage]
        progress(done + 1)
    return Verdict(shards, num_read, num_tokens, max_gap, problems)


def _prefixed(number: int, problems: Iterator[Problem]) -> Iterator[Problem]:
    for problem in problems:
        yield Problem(f"shard {name(number)}, {problem.place}", problem.what)


def _read(shards: Shards, number: int) -> tuple[dict[str, pa.Table], Sequence[str]]:
    tables: dict[str, pa.Table] = {}
    damage: list[str] = []
    try:
        manifest = shards.manifest(number)
        sizes, digests = dict(manifest["files"]), dict(manifest.get("sha256", {}))
    except Unavailable:
        raise
    except (OSError, InputError, KeyError, TypeError):
        return tables, [f"its {MANIFEST} is damaged"]
    for table in schemas_of(shards.inputs):
        file = f"{table}.parquet"

        def read(file: str = file) -> bytes:
            with shards.storage.open(shards.part_kind, name(number), file) as source:
                return bytes(source.read())

        try:
            data = shards.storage.with_retries(read)
            if len(data) != sizes.get(file):
                damage.append(f"{file} has {len(data)} bytes, not those of the manifest")
                continue
            if file in digests and hashlib.sha256(data).hexdigest() != digests[file]:
                damage.append(f"{file} has different content from the published file")
                continue
            tables[table] = pq.read_table(pa.BufferReader(data), page_checksum_verification=True)
            if read_settings(tables[table].schema) != shards.inputs:
                damage.append(f"{file} was computed with other settings")
        except Unavailable:
            raise
        except (OSError, pa.ArrowException, InputError, ValueError) as error:
            damage.append(f"{file} cannot be read: {error}".splitlines()[0])
    return tables, damage
