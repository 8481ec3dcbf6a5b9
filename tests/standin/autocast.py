"""Autocast on the device, by torch's own dispatch: products in bf16, sums and losses in fp32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, library

from standin.card import NAME
from standin.kernels import mapped

# As on a GPU (torch/csrc: AT_FORALL_LOWER_PRECISION_FP and AT_FORALL_FP32), those that models here use.
_LOW = "addmm addmv addbmm baddbmm bmm mm mv matmul linear conv1d conv2d scaled_dot_product_attention".split()
_FULL = (
    "exp log log2 softmax log_softmax layer_norm group_norm norm sum prod cumsum softplus nll_loss "
    "cross_entropy_loss binary_cross_entropy_with_logits mse_loss poisson_nll_loss rsqrt pow"
).split()
_KEY = "AutocastPrivateUse1"
_libraries: list[library.Library] = []


def register() -> None:
    """Register what autocast does of each operation; of others it does nothing."""
    every = library.Library("_", "IMPL")
    every.fallback(library.fallthrough_kernel, dispatch_key=_KEY)
    aten = library.Library("aten", "IMPL")
    for names, dtype in ((_LOW, torch.bfloat16), (_FULL, torch.float32)):
        for name in names:
            packet = getattr(torch.ops.aten, name)
            for overload in packet.overloads():
                if "out" not in overload:
                    function = getattr(packet, overload)
                    aten.impl(
                        function._schema.name.removeprefix("aten::") + _dotted(overload),
                        _cast(function, dtype),
                        _KEY,
                    )
    _libraries.extend([every, aten])


def _dotted(overload: str) -> str:
    return "" if overload == "default" else f".{overload}"


def _cast(function: Any, dtype: torch.dtype) -> Any:
    low = dtype is torch.bfloat16

    def cast(value: Any) -> Any:
        if not (isinstance(value, Tensor) and value.device.type == NAME):
            return value
        wanted = value.is_floating_point() and value.dtype is not torch.float64
        return value.to(torch.get_autocast_dtype(NAME) if low else dtype) if wanted else value

    def kernel(*args: Any, **kwargs: Any) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(
            torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
        ):
            named = {name: mapped(cast, value) for name, value in kwargs.items()}
            return function(*mapped(cast, args), **named)

    return kernel
