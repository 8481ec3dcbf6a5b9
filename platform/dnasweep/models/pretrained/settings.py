"""Convert `config.json` of a checkpoint to transformers' configuration, or refuse it with a reason.

A setting that transformers' class does not read may still mean that the model computes something
else: pre-layer normalisation, relative positions, gates. The weights do not always show this.
Settings are therefore accepted by name, and unknown ones are refused.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, MODEL_MAPPING

from dnasweep.config import AVERAGED
from dnasweep.config.model import CONVNET
from dnasweep.errors import InputError
from dnasweep.models.encoder.alibi import AlibiRobertaConfig
from dnasweep.models.encoder.capacity import ALIBI, WINDOWS
from dnasweep.models.encoder.convnet import ConvNetConfig
from dnasweep.models.families.classes import RELOAD, classes_of
from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import family_of
from dnasweep.models.pretrained.config_file import CONFIG_FILE, KNOWN, USE_KNOWN_KIND, is_number
from dnasweep.tasks.calls import DECISION_THRESHOLD, DECISION_THRESHOLDS
from dnasweep.tasks.registry import BASES_PER_TOKEN, BINS_PER_ROW, id2label_of
from dnasweep.tasks.trained_lengths import TRAINED_LENGTHS
from dnasweep.tokens.model_files import AGAIN, reading

_MAX_LAYERS = 1000
_OUR_KINDS: dict[str, Any] = {ALIBI: AlibiRobertaConfig, CONVNET: ConvNetConfig}
_OWN = (
    WINDOWS,
    AVERAGED,
    DECISION_THRESHOLD,
    DECISION_THRESHOLDS,
    BASES_PER_TOKEN,
    BINS_PER_ROW,
    TRAINED_LENGTHS,
    "how_to_load",
)
"""Settings written by this platform."""
# This platform chooses the attention implementation and the precision of the weights. Names of kernels
# would be looked up on the hub.
_CHOSEN_HERE = (
    "attn_implementation",
    "_attn_implementation",
    "_attn_implementation_internal",
    "_attn_implementation_autoset",
    "experts_implementation",
    "_experts_implementation",
    "_experts_implementation_internal",
    "dtype",
    "torch_dtype",
    "per_layer_config",
)
# Patterns by which transformers' code reads settings that its classes do not declare, such as those of
# an earlier version.
_READ = re.compile(r"""(?:getattr|hasattr)\(\s*(?:self\.)?config,\s*["'](\w+)["']""")
_TAKEN = re.compile(r"""kwargs\.(?:get|pop)\(\s*["'](\w+)["']""")
_CONVERTED = ("rope_theta", "rope_scaling", "partial_rotary_factor")
"""Accepted by every class that declares `rope_parameters`."""
# Settings of other versions and trainers without effect on the encoder: text generation, training,
# unused heads, and file names.
_WITHOUT_EFFECT = frozenset(
    "_commit_hash _name_or_path _num_labels adapters auto_map bad_words_ids begin_suppress_tokens "
    "classifier_activation classifier_bias classifier_dropout classifier_dropout_prob "
    "classifier_pooling cls_token_id decoder_bias decoder_start_token_id directionality "
    "diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size eos_token_ids "
    "exponential_decay_length_penalty finetuning_task forced_bos_token_id forced_eos_token_id "
    "gradient_checkpointing label2id language length_penalty license "
    "mask_token_id max_length min_length model_max_length model_type name_or_path "
    "no_repeat_ngram_size num_beam_groups num_beams num_labels num_return_sequences num_rnn_layer "
    "output_attentions output_past output_scores pooler_fc_size pooler_num_attention_heads "
    "pooler_num_fc_layers pooler_size_per_head prefix reference_compile "
    "remove_invalid_values repad_logits_with_grad repetition_penalty return_dict_in_generate rnn "
    "rnn_dropout rnn_hidden sep_token_id split suppress_tokens tags task_specific_params "
    "temperature tf_legacy_loss tie_encoder_decoder tokenizer_class top_k top_p torchscript "
    "training_args transformers_weights typical_p use_bfloat16 use_cache vocab_list xla_device "
    "cross_attention_hidden_size esmfold_config "
    "max_seq_length mlm_probability n_ctx padding_idx tie_weights_ "
    "transformers.js_config unsloth_fixed unsloth_version".split()
)
# Settings that are ignored, with the values for which this makes no difference.
_ONLY: dict[str, tuple[Any, ...]] = {
    "position_embedding_type": ("absolute",),
    "pre_layer_norm": (False,),
    "last_layer_norm": (),
    "alibi_starting_size": (),
    "add_bias_fnn": (True,),
    "add_bias_ffn": (True,),
    "gated_mlp": (False,),
    "use_glu": (False,),
    "rotary_emb_base": (),
    "use_rotary": (False,),
    "use_alibi": (False,),
    "pre_norm": (False,),
    "norm_first": (False,),
    "normalize_before": (False,),
    "pruned_heads": (),
    "quantization_config": (),
    "is_folding_model": (False,),
    "add_cross_attention": (False,),
    "attention_mode": ("longformer",),
    "ignore_attention_mask": (False,),
    "is_decoder": (False,),
    "pooler_type": ("first_token_transform",),
    # Of the first ALBERT, always with these values.
    "gap_size": (0,),
    "net_structure_type": (0,),
    "num_memory_blocks": (0,),
    "down_scale_factor": (1,),
}
_RENAMED = {"eurobert": {"clf_pooling": "classifier_pooling"}}
"""Settings, by kind of model, under the names that its authors write and those that transformers reads."""
_DUPLICATES = {"layer_norm_eps": "norm_eps"}
"""Settings that ModernBERT's authors write under two names; the second name is read."""
_EPSILONS = ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps")
_ESM_POSITIONS = ("absolute", "rotary", None)


def settings_of(found: Mapping[str, Any], directory: Path) -> Any:
    """Return the configuration of a transformers model, of this platform's RoBERTa with ALiBi, or of a family.

    Parameters
    ----------
    found
        Contents of `config.json`.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        If transformers has no such kind of model, a value is impossible, or a setting requires something
        that transformers' own model does not support.
    """
    if (family := family_of(found)) is not None:
        return _family_settings(found, family, directory)
    model_type = found.get("model_type")
    kind: Any = None
    if isinstance(model_type, str) and model_type in _OUR_KINDS:
        kind = _OUR_KINDS[model_type]
    elif isinstance(model_type, str) and model_type in CONFIG_MAPPING:
        kind = CONFIG_MAPPING[model_type]
    names = _RENAMED.get(str(model_type), {})
    names = {} if found.keys() & set(names.values()) else names
    found = {names.get(name, name): value for name, value in found.items()}
    own_code = _own_code(found)
    if kind is None:
        what = (
            f"transformers itself has no model of the kind {model_type!r}"
            if "model_type" in found
            else f"{CONFIG_FILE} does not name the kind of model (model_type)"
        )
        raise InputError(
            what + (", and code that comes with a model is never run" if own_code else ""),
            file=directory,
            remedy=USE_KNOWN_KIND,
        )
    _refuse_unknown(found, kind, directory)
    if own_code:
        raise InputError(
            f"{CONFIG_FILE} names custom code for the model ({own_code}); such code is "
            "never run, and the weights do not show how it differs from transformers' own "
            f"{model_type}",
            file=directory,
            remedy=f"Only if you know that it computes the same, remove auto_map from "
            f"{CONFIG_FILE}.",
        )
    settings = _made(kind, found, directory)
    if getattr(settings, "is_encoder_decoder", False):
        raise InputError(
            f"a {model_type} model has an encoder and a decoder, and only one of them is read here",
            file=directory,
            remedy="Use a model that is an encoder alone or a decoder alone, such as BERT, ESM or GPT-2.",
        )
    return settings


def _family_settings(found: Mapping[str, Any], family: Family, directory: Path) -> Any:
    kind = classes_of(family).config
    # The computation of the authors' code is implemented here, so the code is not needed.
    _refuse_unknown(found, kind, directory, family)
    named = {name: v for name, v in found.items() if name not in ("model_type", "auto_map")}
    if found.get("model_type") != family.model_type:
        named |= {name: False for name in family.off_if_null if found.get(name, True) is None}
    settings = _made(kind, named, directory)
    settings.how_to_load = RELOAD.format(family.name)
    return settings


def _made(kind: Any, found: Mapping[str, Any], directory: Path) -> Any:
    plain = {name: value for name, value in found.items() if name not in _CHOSEN_HERE}
    if found.get("label2id") and not found.get("id2label"):  # transformers would number them
        plain["id2label"] = id2label_of(found)
    with reading(directory / CONFIG_FILE):
        # JSON has no infinity; transformers writes it as an object.
        settings = kind.from_dict(kind._decode_special_floats(plain))
        if not isinstance(settings.architectures or [], list):
            raise ValueError(f"architectures is {settings.architectures!r}")
    _refuse_impossible(settings, directory)
    return settings


def _own_code(found: Mapping[str, Any]) -> str | None:
    """Return the custom code that a checkpoint names for its model, or None."""
    own = found.get("auto_map")
    if not isinstance(own, Mapping):
        return None if own is None else repr(own)
    return next((str(c) for name, c in own.items() if name != "AutoTokenizer"), None)


def _refuse_unknown(
    found: Mapping[str, Any], kind: Any, directory: Path, family: Family | None = None
) -> None:
    declared = {field.name for field in dataclasses.fields(kind)} | set(kind.attribute_map)
    # Some settings are derived from others and stored as well.
    declared |= set(kind().to_dict())
    named = f"transformers' own {kind.model_type}" if family is None else family.name
    limits = dict(_ONLY)
    if family is not None:
        limits = {k: v for k, v in _ONLY.items() if k not in family.read_settings}
        limits |= dict(family.only)
    for name in sorted(found, key=lambda name: name not in limits):
        value = found[name]
        only: tuple[Any, ...] | None = limits.get(name)
        if name == "position_embedding_type" and name in declared and family is None:
            only = _ESM_POSITIONS
        # Earlier versions of transformers read this one as false where it is null, and add no positions.
        if value is None and name != "position_embedding_type":
            continue
        if name == "rotary_emb_base" and name in _read_undeclared(kind):
            only = None
        if value in ({}, []) or (only is not None and value in only):
            continue
        if only is None and (name in declared or name in (*_CHOSEN_HERE, *_OWN)):
            continue
        if only is None and name in _DUPLICATES and value == found.get(_DUPLICATES[name]):
            continue
        if only is None and (name in _WITHOUT_EFFECT or name in _read_undeclared(kind)):
            continue
        asks = f"{CONFIG_FILE} sets {name} to {'null' if value is None else str(value)[:60]}"
        if only is not None:
            raise InputError(
                f"{asks}, which {named} does not compute",
                file=directory,
                remedy=KNOWN,
            )
        raise InputError(
            f"{asks}, a setting that {named} does not have; the model may compute something else",
            file=directory,
            remedy="Only if you know that it has no effect on the output of the encoder, remove "
            f"it from {CONFIG_FILE}.",
        )


def _read_undeclared(kind: Any) -> set[str]:
    """Return the settings that transformers' code for a kind of model reads without declaring them."""
    modules = [inspect.getmodule(kind)]
    if kind in MODEL_MAPPING:
        model: Any = MODEL_MAPPING[kind]
        classes = model if isinstance(model, tuple) else (model,)
        modules += [sys.modules[one.__module__] for one in classes]
    found: set[str] = set()
    for module in modules:
        text = inspect.getsource(module) if module is not None else ""
        found.update(_READ.findall(text), _TAKEN.findall(text))
    if "rope_parameters" in {field.name for field in dataclasses.fields(kind)}:
        found.update(_CONVERTED)
    return found


def _refuse_impossible(settings: Any, directory: Path) -> None:
    layers = getattr(settings, "num_hidden_layers", None)
    wrong = None
    if isinstance(layers, int) and not 1 <= layers <= _MAX_LAYERS:
        wrong = f"num_hidden_layers is {layers}"
    for name in _EPSILONS:
        eps = getattr(settings, name, 1e-12)
        if not (is_number(eps) and 0 <= eps < 1):
            wrong = f"{name} is {eps}"
    sparse = getattr(settings, "attention_type", None) == "block_sparse"
    if sparse and not settings.num_random_blocks:
        wrong = f"num_random_blocks is {settings.num_random_blocks} with block_sparse attention"
    for name, value in vars(settings).items():
        if isinstance(value, float) and not abs(value) < 1e30:
            wrong = f"{name} is {value}"
    for field in dataclasses.fields(settings):
        # Text such as "false" would be read as true.
        value = getattr(settings, field.name)
        if isinstance(value, str) and str(field.type) in ("bool", "bool | None"):
            wrong = f"{field.name} is {value!r}"
    if wrong is not None:
        raise InputError(f"{wrong}, which cannot be", file=directory / CONFIG_FILE, remedy=AGAIN)
