"""How a classifier is fine-tuned, besides its schedule: how rows are shown, and which weights move."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from dnasweep.config.keys import require
from dnasweep.config.ranges import Config, NotAll
from dnasweep.errors import InputError

AVERAGED = "average_reverse_complement"
"""Name, in the `config.json` of a classifier, of the setting that it averages over both strands."""
MAX_RANK = 65_536
"""A rank above the width of a model adds nothing."""
_SPEC = re.compile(
    r"lora-(?P<rank>[0-9]{1,7})(?:-a(?P<alpha>[0-9]{1,7}))?(?:@(?P<targets>[\w.+]+))?"
)


@dataclass(frozen=True, kw_only=True)
class ClassificationConfig(Config):
    """How a classifier sees its rows, and what its loss and its choice of weights are."""

    augment_reverse_complement: bool = False
    """Train on each row or on its reverse complement, drawn anew for each row and epoch."""
    average_reverse_complement: bool = False
    """Predict by the mean log odds of both strands, at validation, test and in prediction."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weight of a class in the training loss: equal, or in inverse proportion to its rows."""
    label_smoothing: NotAll = 0.0
    """Probability mass that the training target spreads evenly over all classes."""
    keep: Literal["best", "best_auroc", "best_loss", "last"] = "best"
    """Which weights are kept: those of the best evaluation on validation, by MCC, AUROC or the loss,
    with the decision threshold that is best there; or those of the last step, with the threshold
    0.5, if there is no validation (few-shot designs)."""

    @property
    def both_strands(self) -> bool:
        """Whether reverse complements are needed."""
        return self.augment_reverse_complement or self.average_reverse_complement


@dataclass(frozen=True, kw_only=True)
class TuningConfig(Config):
    """All weights, the head alone, or low-rank additions (LoRA, Hu et al. 2021)."""

    method: Literal["full", "probe", "lora"] = "full"
    """`full`: every weight is trained. `probe`: the encoder is frozen. `lora`: the encoder is frozen
    except for low-rank additions to some of its matrices, which are merged into these on export."""
    rank: int = 0
    """Rank of the additions; only for `lora`."""
    alpha: int = 0
    """Their scale is alpha / rank; only for `lora`."""
    targets: tuple[str, ...] = ()
    """Names of the linear layers added to; empty: the attention's query and value."""

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

        Without alpha it is twice the rank.
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
