"""Masking that becomes harder during training.

The method is that of Roy, Sural and Ganguly, Unlocking efficiency: Adaptive masking for gene
transformer models (ECAI 2024, arXiv:2408.07180).

The scheme that masks a step is a function of the step, the seed and the perplexities of earlier
evaluations, all of which are restored when training resumes.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from dnasweep.config import MaskingConfig, TokenizerConfig
from dnasweep.tokens.masking.plain import RandomMasking, SpanMasking
from dnasweep.tokens.masking.pmi import GeneMasking, GlobalPmiMasking
from dnasweep.tokens.masking.scheme import Draw, MaskingProgress, MaskingScheme, Tokens, register
from dnasweep.tokens.pmi import PmiTable
from dnasweep.tokens.tokenizers import DnaTokenizer


class Curriculum(MaskingScheme):
    """An easier scheme and a harder one, and the current probability of the harder one.

    Parameters
    ----------
    config, tokenizer, table
        As for :class:`~dnasweep.tokens.masking.MaskingScheme`.
    """

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
        """Return the reason if either scheme does not fit the tokenizer."""
        return GlobalPmiMasking.refusal(tokenizer) or cls._easier(tokenizer).refusal(tokenizer)

    def probability_of_harder(self, progress: MaskingProgress) -> float:
        """Return the probability of the harder scheme at `progress`."""
        raise NotImplementedError

    def mixture(self, progress: MaskingProgress) -> tuple[tuple[float, MaskingScheme], ...]:
        """Return both schemes with their probabilities."""
        harder = self.probability_of_harder(progress)
        return ((1 - harder, self.easier), (harder, self.harder))

    def choose(self, tokens: Tokens, draw: Draw) -> NDArray[np.bool_]:
        """Choose tokens as in the first step."""
        return self.easier.choose(tokens, draw)


@register("cm_step")
class StepCurriculum(Curriculum):
    """CM-STEP: from a scheme without PMI to `global_pmi`, in a hundred equal increments.

    All tokens of a step are masked by the same scheme, which is `global_pmi` with probability g:
    the fraction of completed steps, rounded down to hundredths. The easier scheme is `span` if
    tokens overlap (DNABERT's masking), else `random`.
    """

    @classmethod
    def _easier(cls, tokenizer: TokenizerConfig) -> type[MaskingScheme]:
        return SpanMasking if tokenizer.overlapping else RandomMasking

    def probability_of_harder(self, progress: MaskingProgress) -> float:
        """Return the fraction of completed steps, rounded down to hundredths."""
        return min(100 * progress.step // progress.total_steps, 100) / 100


@register("cm_gems")
class StallCurriculum(Curriculum):
    """CM-GEMS: `genemask` until the model stops improving, then `global_pmi` until the end.

    The change occurs once the perplexities of two successive evaluations differ by less than the
    `threshold` of the configuration.
    """

    @classmethod
    def _easier(cls, tokenizer: TokenizerConfig) -> type[MaskingScheme]:
        return GeneMasking

    def probability_of_harder(self, progress: MaskingProgress) -> float:
        """Return 1 once the perplexity has stalled, 0 before."""
        pairs = itertools.pairwise(progress.perplexities)
        return float(any(abs(b - a) < self.config.threshold for a, b in pairs))
