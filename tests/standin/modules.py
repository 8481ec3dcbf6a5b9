"""Modules that move keep their parameters, and parameters that share weights go on to, as on a GPU.

Between devices of the CPU's kind torch exchanges the memory of a parameter; to a private device it would make
a new parameter, unless it is told to swap the two.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.__future__ import (
    get_swap_module_params_on_conversion,
    set_swap_module_params_on_conversion,
)

from standin.card import NAME

_apply = nn.Module._apply


def replace() -> None:
    """Have modules swap their parameters when they come to the device or leave it."""
    nn.Module._apply = _swapping  # type: ignore[method-assign]


def _swapping(module: nn.Module, function: Any, recurse: bool = True) -> nn.Module:
    if get_swap_module_params_on_conversion():
        return _apply(module, function, recurse)
    tensors = [*module.parameters(), *module.buffers()]
    here = {tensor.device.type for tensor in tensors}
    if here <= {"cpu"}:
        here |= {function(tensor).device.type for tensor in tensors[:1]}
    set_swap_module_params_on_conversion(NAME in here)
    try:
        return _apply(module, function, recurse)
    finally:
        set_swap_module_params_on_conversion(False)
