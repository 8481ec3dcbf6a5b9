"""Which weights fine-tuning trains: all, those of the head, or low-rank additions (LoRA)."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from dnasweep.config import TuningConfig
from dnasweep.errors import InputError
from dnasweep.models.encoder.forward import POOLER

_QUERY_AND_VALUE = (
    ("query", "value"),
    ("query_proj", "value_proj"),
    ("q_proj", "v_proj"),
    ("q_lin", "v_lin"),
    ("Wqkv",),
    # HyenaDNA and Caduceus have no attention: these are the projections into and out of the layer
    # that mixes tokens.
    ("in_proj", "out_proj"),
)


def tune(model: Any, tuning: TuningConfig, *, seed: int) -> None:
    """Freeze weights that are not trained, and add LoRA weights, in place.

    The head is always trained, together with a pooler, which masked language models do not have. A
    completely frozen encoder is run without dropout.

    Parameters
    ----------
    model
        A transformers classifier.
    tuning
        Which weights are trained.
    seed
        Seed of the low-rank additions, whose product is initially zero.

    Raises
    ------
    InputError
        If a LoRA target is not a linear layer of the encoder.
    """
    if tuning.method == "full":
        return
    base = model.base_model
    for name, parameter in base.named_parameters():
        parameter.requires_grad_(name.startswith(POOLER))
    if tuning.method == "probe":
        for module in base.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        return
    targets = lora_targets(model, tuning)
    # Imported here because it takes seconds, and most training runs do not need it.
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    config = LoraConfig(
        r=tuning.rank, lora_alpha=tuning.alpha, target_modules=targets, lora_dropout=0.0
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        LoraModel(model, {"default": config}, "default")
    # LoraModel has frozen everything except its own additions.
    for name, parameter in model.named_parameters():
        if name in trained:
            parameter.requires_grad_(True)


def lora_targets(model: Any, tuning: TuningConfig) -> list[str]:
    """Return the full names of the linear layers that get low-rank additions, in order.

    A target is the end of the layers' names: `query`, or `attention.output.dense`.

    Raises
    ------
    InputError
        If a target matches nothing; the error lists the available layers.
    """
    base = model.base_model
    prefix = f"{model.base_model_prefix}."
    layers = [
        name
        for name, module in base.named_modules()
        if isinstance(module, nn.Linear) and not f"{name}.".startswith(POOLER)
    ]
    ends = {name.rsplit(".", 1)[-1] for name in layers}
    wanted = tuning.targets
    if not wanted:
        wanted = next((names for names in _QUERY_AND_VALUE if set(names) <= ends), ())
        if not wanted:
            raise InputError(
                f"which layers of a {model.config.model_type} are its queries and values is not "
                "known",
                remedy=f"Name LoRA targets, among {_named(layers)}.",
            )
    chosen: set[str] = set()
    for target in wanted:
        found = [name for name in layers if f".{name}".endswith(f".{target}")]
        if not found:
            raise InputError(
                f"the LoRA target {target!r} is not a linear layer of the encoder",
                remedy=f"Use one of {_named(layers)}.",
            )
        chosen.update(found)
    return [prefix + name for name in layers if name in chosen]


def merge(model: Any) -> None:
    """Merge the low-rank additions into the weights, which gives a plain model."""
    from peft.tuners.lora import LoraLayer

    added = [(n, m) for n, m in model.named_modules() if isinstance(m, LoraLayer)]
    for name, module in added:
        module.merge()
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, module.get_base_layer())
    model.requires_grad_(True)
    for leftover in ("peft_config", "_hf_peft_config_loaded"):
        model.__dict__.pop(leftover, None)


def num_trained(model: nn.Module) -> tuple[int, int]:
    """Return the number of trained weights and the total number of weights."""
    sizes = [(p.requires_grad, p.numel()) for p in model.parameters()]
    return sum(n for trained, n in sizes if trained), sum(n for _, n in sizes)


def _named(layers: list[str]) -> str:
    """Return the names of layers without their numbers."""
    bare = {re.sub(r"^.*\.\d+\.", "", name) for name in layers}
    return ", ".join(sorted(bare))
