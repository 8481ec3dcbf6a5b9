"""What a run is: frozen dataclasses, validated when made, hashable, and keyed by content.

Every field that changes a result stands in one of these classes, and every class can be written as
canonical JSON, so :func:`content_key` of a configuration names the artefact it makes. Fields that
only change where or how fast something runs (workers, devices, storage) are never in here.
"""

from dnasweep.config.finetuning import AVERAGED, ClassificationConfig, TuningConfig
from dnasweep.config.keys import canonical, content_key, save_json, trial_key
from dnasweep.config.masking import PMI_VARIANTS, MaskingConfig, PmiConfig, PmiVariant
from dnasweep.config.model import PRESETS, ModelConfig
from dnasweep.config.tokenizer import TokenizerConfig, TokenizerKind
from dnasweep.config.training import (
    OptimizerConfig,
    ShotTraining,
    TrainingConfig,
    published_training,
)

__all__ = [
    "AVERAGED",
    "PMI_VARIANTS",
    "PRESETS",
    "ClassificationConfig",
    "MaskingConfig",
    "ModelConfig",
    "OptimizerConfig",
    "PmiConfig",
    "PmiVariant",
    "ShotTraining",
    "TokenizerConfig",
    "TokenizerKind",
    "TrainingConfig",
    "TuningConfig",
    "canonical",
    "content_key",
    "published_training",
    "save_json",
    "trial_key",
]
