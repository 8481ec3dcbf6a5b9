"""The plan of a sweep: its cells, the stages that they share, and the stages already published."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from dnasweep.stages.outcome import find_outcome
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec, PmiSpec, TokenizerSpec
from dnasweep.storage import Storage


@dataclass(frozen=True)
class SweepPlan:
    """Cells and the stages they need, without duplicates, in the order of use."""

    cells: tuple[Cell, ...]
    """Every combination, in order."""
    classifiers: tuple[ClassifierSpec, ...]
    """The specification of each cell, in the order of `cells`."""

    def spec(self, cell: Cell) -> ClassifierSpec:
        """Return the specification of a cell of the plan."""
        return self._specs[cell]

    @cached_property
    def _specs(self) -> dict[Cell, ClassifierSpec]:
        return dict(zip(self.cells, self.classifiers, strict=True))

    # Cached because encoders are named once per stage, and finding them takes time proportional to
    # the number of cells.
    @cached_property
    def encoders(self) -> tuple[EncoderSpec, ...]:
        """Encoders to pretrain, parents before children."""
        found: dict[str, EncoderSpec] = {}
        for spec in self.classifiers:
            if spec.encoder is not None:
                for ancestor in spec.encoder.lineage:
                    found.setdefault(ancestor.key, ancestor)
        return tuple(found.values())

    @cached_property
    def tokenizers(self) -> tuple[TokenizerSpec, ...]:
        """Tokenizers to fit."""
        return tuple({spec.tokenizer.key: spec.tokenizer for spec in self.classifiers}.values())

    @cached_property
    def corpora(self) -> tuple[TokenizerSpec, ...]:
        """Data sets to tokenize: those of trials, and those of encoders if they differ."""
        read = [
            *(spec.tokenizer for spec in self.classifiers),
            *(spec.tokenizer for spec in self.encoders),
        ]
        return tuple({spec.corpus_key: spec for spec in read}.values())

    @cached_property
    def tables(self) -> tuple[PmiSpec, ...]:
        """PMI tables that the maskings of encoders use."""
        specs = (spec.pmi for spec in self.encoders)
        return tuple({spec.key: spec for spec in specs if spec is not None}.values())

    @property
    def starts_alike(self) -> bool:
        """Whether all cells start from the same encoder, or all start without an encoder."""
        return len({spec.encoder and spec.encoder.key for spec in self.classifiers}) == 1

    def missing(self, storage: Storage) -> SweepPlan:
        """Return a plan of the cells that have no published trial."""
        return self._only(
            [i for i, s in enumerate(self.classifiers) if find_outcome(storage, s) is None]
        )

    def without(self, keys: Collection[str]) -> SweepPlan:
        """Return a plan of the cells whose trial key is not among `keys`."""
        return self._only([i for i, s in enumerate(self.classifiers) if s.key not in keys])

    def without_repeats(self, say: Callable[[str], None]) -> SweepPlan:
        """Return a plan without the cells whose trial is that of an earlier cell.

        Two names may stand for one thing: two species sets for the same species of the data, `tiny` and
        `2x128`, two places of one checkpoint. Each is told once, in a sentence.
        """
        first: dict[str, int] = {}
        said: dict[str, None] = {}
        for place, (cell, spec) in enumerate(zip(self.cells, self.classifiers, strict=True)):
            earlier = self.cells[first.setdefault(spec.key, place)]
            for field in dataclasses.fields(Cell):
                value, same = getattr(cell, field.name), getattr(earlier, field.name)
                if value != same:
                    name = field.name.replace("_", " ")
                    told = f"{name} {value} trains the same models as {same}, and is left out."
                    said[told] = None
        for sentence in said:
            say(sentence)
        return self._only(list(first.values()))

    def shuffled(self) -> SweepPlan:
        """Return a plan of the cells in the order of their trial keys, unrelated to axes."""
        order = range(len(self.cells))
        return self._only(sorted(order, key=lambda i: self.classifiers[i].key))

    def beginning_at(self, part: float) -> SweepPlan:
        """Return a plan that starts at a fraction of the cells; cells before it come last.

        Parameters
        ----------
        part
            Fraction of the cells, from 0 to below 1.
        """
        first = int(part * len(self.cells))
        return self._only([*range(first, len(self.cells)), *range(first)])

    def _only(self, places: Sequence[int]) -> SweepPlan:
        return SweepPlan(
            tuple(self.cells[i] for i in places), tuple(self.classifiers[i] for i in places)
        )


def cells_of(axes: dict[str, Sequence[object]]) -> tuple[Cell, ...]:
    """Return the product of the axes, the last one varying fastest."""
    return tuple(
        Cell(**dict(zip(axes, values, strict=True)))  # type: ignore[arg-type]
        for values in product(*axes.values())
    )


def make_plan(recipe: Recipe, cells: Sequence[Cell]) -> SweepPlan:
    """Return the plan for cells, which are expanded into specifications; this checks all names."""
    return SweepPlan(tuple(cells), tuple(recipe.expand(cell) for cell in cells))


def published(storage: Storage, plan: SweepPlan) -> dict[str, tuple[int, int]]:
    """Return, for each kind of step, the number of published steps and the total number.

    The steps are those counted by the progress display.
    """

    def count(kinds: dict[str, str]) -> tuple[int, int]:
        return sum(storage.exists(kind, key) for key, kind in kinds.items()), len(kinds)

    return {
        "tokenizations": count({spec.corpus_key: spec.corpus_kind for spec in plan.corpora}),
        "encoders": count({spec.key: spec.kind for spec in plan.encoders}),
        "trials": count({spec.key: spec.kind for spec in plan.classifiers}),
    }
