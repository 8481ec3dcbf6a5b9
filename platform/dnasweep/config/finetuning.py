"""Fine-tuning settings other than the schedule: presentation of rows and weights to train."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from dnasweep.config.keys import require
from dnasweep.config.ranges import Config, NotAll
from dnasweep.errors import InputError

AVERAGED = "average_reverse_complement"
"""Key in a classifier's `config.json` for averaging over both strands."""
MAX_RANK = 65_536
"""Maximum LoRA rank; a rank above the width of a model has no benefit."""
_SPEC = re.compile(
    r"lora-(?P<rank>[0-9]{1,7})(?:-a(?P<alpha>[0-9]{1,7}))?(?:@(?P<targets>[\w.+]+))?"
)


@dataclass(frozen=True, kw_only=True)
class ClassificationConfig(Config):
    """How rows are presented to a classifier, its loss, and the choice of its weights."""

    augment_reverse_complement: bool = False
    """Train on a row or its reverse complement, chosen at random for each row and epoch."""
    average_reverse_complement: bool = False
    """Predict by the mean log odds of both strands in validation, test and later prediction."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weight of a class in the training loss: equal, or in inverse proportion to its rows."""
    label_smoothing: NotAll = 0.0
    """Probability mass that the training target spreads evenly over all classes."""
    keep: Literal["best", "best_auroc", "best_loss", "last"] = "best"
    """Which weights are kept: those of the best evaluation on validation by MCC, AUROC or the loss, with the
    decision threshold that is best there; or, without validation (few-shot designs), those of the last step
    with the threshold 0.5."""

    @property
    def both_strands(self) -> bool:
        """Whether reverse complements are needed."""
        return self.augment_reverse_complement or self.average_reverse_complement


@dataclass(frozen=True, kw_only=True)
class TuningConfig(Config):
    """Which weights are trained: all, only the head, or low-rank additions (LoRA, Hu et al. 2021)."""

    method: Literal["full", "probe", "lora"] = "full"
    """`full`: every weight is trained. `probe`: the encoder is frozen. `lora`: the encoder is frozen
    except for low-rank additions to some of its matrices, which are merged into these on export."""
    rank: int = 0
    """Rank of the low-rank additions; only for `lora`."""
    alpha: int = 0
    """Alpha of the additions, whose scale is alpha / rank; only for `lora`."""
    targets: tuple[str, ...] = ()
    """Names of the linear layers with additions; empty: query and value of attention."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method == "lora":
            most = f"Use a rank from 1 to {MAX_RANK:,}."
            require(1 <= self.rank <= MAX_RANK, "LoRA rank", self.rank, most)
            require(self.alpha >= 1, "LoRA alpha", self.alpha, "Use at least 1.")
        else:
            self._clear("rank", "alpha", "targets")

    @classmethod
    def parse(cls, spec: str) -> TuningConfig:
        """Read `full`, `probe`, `lora-RANK`, `lora-RANK-aALPHA`, `lora-RANK-aALPHA@query+value`.

        The default alpha is twice the rank.
        """
        text = spec.strip()
        if text in ("full", "probe"):
            return cls(method=text)  # type: ignore[arg-type]
        match = _SPEC.fullmatch(text)
        if match is None:
            raise InputError(
                f"tuning {spec!r} is not known",
                remedy="Use full, probe, lora-RANK, lora-RANK-aALPHA or "
                "lora-RANK-aALPHA@LAYER+LAYER.",
            )
        rank = int(match["rank"])
        return cls(
            method="lora",
            rank=rank,
            alpha=int(match["alpha"] or 2 * rank),
            targets=tuple(sorted(filter(None, (match["targets"] or "").split("+")))),
        )

    @property
    def name(self) -> str:
        """The short name; `parse(c.name) == c`."""
        if self.method != "lora":
            return self.method
        targets = f"@{'+'.join(self.targets)}" if self.targets else ""
        return f"lora-{self.rank}-a{self.alpha}{targets}"
