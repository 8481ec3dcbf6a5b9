"""Masking that grows harder while a training goes on.

The method is that of Roy, Sural and Ganguly, Unlocking efficiency: Adaptive masking for gene
transformer models (ECAI 2024, arXiv:2408.07180).

Which scheme masks a step is a function of the step, the seed and the perplexities of the
evaluations before it, all of which a training that was killed finds again.
"""

from __future__ import annotations

import itertools
from typing import Any

from dnasweep.config import MaskingConfig, TokenizerConfig
from dnasweep.tokens.masking import Draw, MaskingProgress, MaskingScheme, register
from dnasweep.tokens.masking_plain import RandomMasking, SpanMasking
from dnasweep.tokens.masking_pmi import GeneMasking, GlobalPmiMasking
from dnasweep.tokens.pmi import PmiTable
from dnasweep.tokens.tokenizers import DnaTokenizer


class Curriculum(MaskingScheme):
    """An easier scheme and a harder one, and how probable the harder one is by now."""

    need_pmi = True

    def __init__(
        self, config: MaskingConfig, tokenizer: DnaTokenizer, table: PmiTable | None = None
    ) -> None:
        super().__init__(config, tokenizer)
        self.easier = self._easier(tokenizer.config)(config, tokenizer, table)
        self.harder = GlobalPmiMasking(config, tokenizer, table)

    @classmethod
    def _easier(cls, tokenizer: TokenizerConfig) -> type[MaskingScheme]:
        raise NotImplementedError

    @classmethod
    def refusal(cls, tokenizer: TokenizerConfig) -> str:
        """Refuse what either scheme refuses."""
        return GlobalPmiMasking.refusal(tokenizer) or cls._easier(tokenizer).refusal(tokenizer)

    def progress(self, moment: MaskingProgress) -> float:
        """Return the probability of the harder scheme at `moment`."""
        raise NotImplementedError

    def mixture(self, moment: MaskingProgress) -> tuple[tuple[float, MaskingScheme], ...]:
        """Return both schemes with their probabilities."""
        progress = self.progress(moment)
        return ((1 - progress, self.easier), (progress, self.harder))

    def choose(self, ids: Any, starts: Any, ends: Any, maskable: Any, draw: Draw) -> Any:
        """Choose as the first step does."""
        return self.easier.choose(ids, starts, ends, maskable, draw)


@register("cm_step")
class StepCurriculum(Curriculum):
    """CM-STEP: from what masks without a table to `global_pmi`, in a hundred equal steps.

    The whole of a step is masked by one scheme, by `global_pmi` with probability g. g is the
    fraction of steps done, in hundredths rounded down. Before it stands `span` where tokens overlap
    (DNABERT's masking), else `random`.
    """

    @classmethod
    def _easier(cls, tokenizer: TokenizerConfig) -> type[MaskingScheme]:
        return SpanMasking if tokenizer.overlapping else RandomMasking

    def progress(self, moment: MaskingProgress) -> float:
        """Return the fraction of steps done, in hundredths rounded down."""
        return min(100 * moment.step // moment.total_steps, 100) / 100


@register("cm_gems")
class StallCurriculum(Curriculum):
    """CM-GEMS: `genemask` until the model stops getting better at it, then `global_pmi` for good.

    It goes over once the perplexities of any two evaluations in a row differ by less than the
    configuration's `threshold`.
    """

    @classmethod
    def _easier(cls, tokenizer: TokenizerConfig) -> type[MaskingScheme]:
        return GeneMasking

    def progress(self, moment: MaskingProgress) -> float:
        """Return 1 once the perplexity has stalled, 0 before."""
        pairs = itertools.pairwise(moment.perplexities)
        return float(any(abs(b - a) < self.config.threshold for a, b in pairs))
