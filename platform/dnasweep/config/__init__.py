"""All options that change results: frozen dataclasses, checked when they are created.

Each class can be written as canonical JSON, so the :func:`content_key` of a configuration names
the artefact made from it; the other part of a key is in :mod:`~dnasweep.config.versions`. Options
that only affect where or how fast something runs (workers, devices, storage) are not in these
classes.
"""

from dnasweep.config.finetuning import AVERAGED, ClassificationConfig, TuningConfig
from dnasweep.config.keys import canonical, content_key, save_json
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
]
