"""Relevance by one backward pass: torch's own operations with the backward rules of three published methods.

Every rule is a mode that replaces layer normalisation, GELU, tanh and attention where a forward pass calls
them; everything else, being linear, keeps its gradient.

| rule | layer norm | GELU, tanh | attention |
|---|---|---|---|
| conservative propagation (Ali et al. 2022, ICML) | deviation constant | output / input | weights constant |
| AttnLRP (Achtibat et al. 2024, ICML) | deviation constant | output / input | softmax's gradient, products halved |
| DeepLIFT (Shrikumar et al. 2017; products shared as by Lundberg and Lee 2017) | all by differences | | |

DeepLIFT runs the sequence and its reference side by side, the reference in the second half of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

GELU = torch._C._nn.gelu
ELEMENTWISE: dict[Any, Callable[[Tensor], Tensor]] = {F.gelu: GELU, torch.tanh: torch.tanh}
CLOSE = 1e-6
"""Difference below which the slope takes the place of the quotient of differences."""


def with_slopes(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the derivative of an elementwise function."""
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(function(at).sum(), at)
    return slope


def first_half(gradient: Tensor) -> Tensor:
    """Return a gradient of the first half of rows alone, shaped like one of all rows."""
    return torch.cat([gradient, torch.zeros_like(gradient)])


def middle(x: Tensor) -> Tensor:
    """Return the mean of a sequence and its reference, (rows / 2, ...)."""
    half = len(x) // 2
    return (x[:half] + x[half:]) / 2


class Rescale(torch.autograd.Function):
    """An elementwise function whose gradient is the quotient of differences from the reference."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the function's values."""
        y = function(x)
        ctx.save_for_backward(x, y)
        ctx.function = function
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the first half."""
        x, y = ctx.saved_tensors
        half = len(x) // 2
        moved = x[:half] - x[half:]
        close = moved.abs() < CLOSE
        quotient = (y[:half] - y[half:]) / torch.where(close, 1.0, moved)
        slope = torch.where(close, with_slopes(ctx.function, middle(x)), quotient)
        return first_half(gradients[0][:half] * slope), None


class Product(torch.autograd.Function):
    """A product, of elements or of matrices, whose difference both factors share evenly."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, of_matrices: bool) -> Tensor:
        """Return the product."""
        ctx.save_for_backward(a, b)
        ctx.of_matrices = of_matrices
        return a @ b if of_matrices else a * b

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the gradients of the first half."""
        a, b = ctx.saved_tensors
        gradient, a, b = gradients[0][: len(a) // 2], middle(a), middle(b)
        if ctx.of_matrices:
            found = gradient @ b.transpose(-1, -2), a.transpose(-1, -2) @ gradient
        else:
            found = gradient * b, gradient * a
        return first_half(found[0]), first_half(found[1]), None


class Rule(TorchFunctionMode):
    """Operations of torch with other gradients; subclasses say which."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Replace an operation, or call it."""
        named = kwargs or {}
        if func is F.layer_norm:
            return self.layer_norm(*args, **named)
        if func in ELEMENTWISE:
            return self.elementwise(args[0], ELEMENTWISE[func])
        if func is F.scaled_dot_product_attention:
            if named.get("attn_mask") is not None:
                raise ValueError("these rules are for rows without padding")
            query, key, value = args[:3]
            return self.attention(query / query.shape[-1] ** 0.5, key.transpose(-1, -2), value)
        return func(*args, **named)

    def layer_norm(
        self, x: Tensor, shape: Sequence[int], weight: Tensor, bias: Tensor, eps: float
    ) -> Tensor:
        """Return what layer normalisation makes of values."""
        return self.normalised(x - x.mean(-1, keepdim=True), eps) * weight + bias

    def normalised(self, centred: Tensor, eps: float) -> Tensor:
        """Return centred values by their standard deviation, which is held constant."""
        return centred * torch.rsqrt((centred * centred).mean(-1, keepdim=True) + eps).detach()

    def elementwise(self, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the function's values, with their quotient by the input as the gradient."""
        return x * (function(x) / torch.where(x.abs() < 1e-6, 1e-6, x)).detach()

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return what attention gathers."""
        raise NotImplementedError


class Conservative(Rule):
    """Conservative propagation."""

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return what attention gathers by constant weights."""
        return (query @ key).softmax(-1).detach() @ value


class AttnLRP(Rule):
    """Attention-aware relevance propagation."""

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return what attention gathers; factors of a product share its relevance."""
        query, key, value = (x / 2 + (x / 2).detach() for x in (query, key, value))
        weights = (query @ key).softmax(-1)
        return (weights / 2 + (weights / 2).detach()) @ value


class DeepLift(Rule):
    """DeepLIFT: everything by its difference from the reference, so values sum to that of the output."""

    def normalised(self, centred: Tensor, eps: float) -> Tensor:
        """Return centred values by their standard deviation."""
        variance = Product.apply(centred, centred, False).mean(-1, keepdim=True) + eps
        return Product.apply(
            centred, Rescale.apply(variance, torch.rsqrt).expand_as(centred), False
        )

    def elementwise(self, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the function's values."""
        return Rescale.apply(x, function)

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return what attention gathers; the softmax is an exponential, a sum and a quotient."""
        scores = Product.apply(query, key, True)
        half = len(scores) // 2
        most = scores.amax(-1, keepdim=True)
        # One constant for both halves, so that it has no part in their difference.
        most = torch.maximum(most[:half], most[half:]).detach()
        powers = Rescale.apply(scores - torch.cat([most, most]), torch.exp)
        inverse = Rescale.apply(powers.sum(-1, keepdim=True), torch.reciprocal)
        weights = Product.apply(powers, inverse.expand_as(powers), False)
        return Product.apply(weights, value, True)


RULES: dict[str, type[Rule] | None] = {
    "gradient": None,
    "conservative propagation": Conservative,
    "AttnLRP": AttnLRP,
    "DeepLIFT": DeepLift,
}
