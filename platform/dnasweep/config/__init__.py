"""Every option that changes a result: frozen dataclasses that are checked when they are made.

Each class can be written as canonical JSON, so the :func:`content_key` of a configuration names the
artefact that is made from it; :mod:`~dnasweep.config.versions` has the other part of a key. What only
changes where or how fast something runs (workers, devices, storage) is not in these classes.
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
