"""Strategies for a classifier of a target species: which species to train on, in which order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, get_args

from dnasweep.data.catalogue import Catalogue
from dnasweep.data.species import close_relatives, known
from dnasweep.errors import InputError

Strategy = Literal["random", "target", "all", "all-then-close", "zero-shot"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

DESCRIPTIONS: dict[str, str] = {
    "random": "no pretraining",
    "target": "pretraining on the target alone",
    "all": "pretraining on all species",
    "all-then-close": "pretraining on all species, then on the target and its close relatives",
    "zero-shot": "pretraining and fine-tuning on all species except the target",
}
"""Each strategy in words."""


class TransferRoute(NamedTuple):
    """Species sets that a strategy uses for a target species."""

    species_set: str
    """Species set to pretrain on, `none` for random initialisation."""
    trained_on: str | None
    """Species set to fine-tune on; None: the target."""


def transfer_route(
    strategy: str, target: str, species: Sequence[str], catalogue: Catalogue | None = None
) -> TransferRoute:
    """Return the species sets for pretraining and fine-tuning.

    Parameters
    ----------
    strategy
        One of `STRATEGIES`.
    target
        Canonical name of the target species.
    species
        Species in the data; relatives are chosen from these.
    catalogue
        Catalogue of known species; None: that of the platform.

    Raises
    ------
    InputError
        For an unknown strategy, or one that needs other species if there are none.
    """
    others = [name for name in species if name != target]
    if strategy == "random":
        return TransferRoute("none", None)
    if strategy == "target":
        return TransferRoute(target, None)
    if strategy not in STRATEGIES:
        raise InputError(
            f"strategy {strategy!r} is not known", remedy=f"Use {', '.join(STRATEGIES)}."
        )
    if not others:
        raise InputError(
            f"strategy {strategy} needs other species than {target}, and the data have none",
            remedy="Add rows of other species, or use the strategies random and target.",
        )
    if strategy == "all":
        return TransferRoute("all", None)
    if strategy == "all-then-close":
        close = close_relatives(target, species, catalogue)
        return TransferRoute(f"all-then-{'+'.join(close)}", None)
    rest = f"not-{target}" if len(others) > 1 else others[0]
    return TransferRoute(rest, rest)


def strategy_of(species_set: str, target: str, trained_on: str | None) -> Strategy:
    """Return the strategy for which :func:`transfer_route` returns these species sets.

    Parameters
    ----------
    species_set
        Species set of pretraining.
    target
        Canonical name of the target species.
    trained_on
        Species set of fine-tuning; None: the target.
    """
    if trained_on is not None:
        return "zero-shot"
    if "-then-" in species_set:
        return "all-then-close"
    known: dict[str, Strategy] = {"none": "random", target: "target"}
    return known.get(species_set, "all")


class Relative(NamedTuple):
    """The nearest of some species to a target."""

    species: str
    """Name of the species; empty if there is none."""
    million_years: float
    """Time since the species and the target diverged; nan if there is no relative or no
    estimate."""


def nearest_relative(
    target: str, among: Iterable[str], catalogue: Catalogue | None = None
) -> Relative:
    """Return the nearest other species; of several equally near ones, the first.

    Parameters
    ----------
    target
        Canonical name of a species.
    among
        Canonical names of species.
    catalogue
        Catalogue of known species; None: that of the platform.
    """
    others = [name for name in among if name != target]
    if not others:
        return Relative("", float("nan"))
    found = catalogue or known()
    best = min(others, key=lambda name: found.at_most(target, name))
    if math.isinf(found.at_most(target, best)):
        return Relative("", float("nan"))
    return Relative(best, found.distance(target, best))
