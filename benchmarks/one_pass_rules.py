"""Relevance from a single backward pass: operations of torch with the backward rules of published methods.

A rule is a torch mode that replaces layer normalisation, GELU, tanh and attention in a forward pass. All
other operations are linear and keep their gradients.

| rule | layer norm | GELU, tanh | attention |
|---|---|---|---|
| conservative propagation (Ali et al. 2022, ICML) | deviation constant | output / input | weights constant |
| AttnLRP (Achtibat et al. 2024, ICML) | deviation constant | output / input | softmax's gradient, products halved |
| DeepLIFT (Shrikumar et al. 2017; products shared as in Lundberg and Lee 2017) | differences | differences | differences |

For DeepLIFT, the first half of the rows are the sequences and the second half their references.
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
"""Difference below which the derivative is used instead of the quotient of differences."""


def with_slopes(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the derivative of an elementwise function."""
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(function(at).sum(), at)
    return slope


def first_half(gradient: Tensor) -> Tensor:
    """Return a gradient of the first half of the rows, padded with zeros for the second half."""
    return torch.cat([gradient, torch.zeros_like(gradient)])


def middle(x: Tensor) -> Tensor:
    """Return the means of the sequences and their references, (rows / 2, ...)."""
    half = len(x) // 2
    return (x[:half] + x[half:]) / 2


class Rescale(torch.autograd.Function):
    """An elementwise function whose gradient is the quotient of differences from the reference."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the values of the function."""
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
    """An elementwise or matrix product whose difference from the reference is shared evenly by its factors."""

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
    """Operations of torch with other gradients, which subclasses define."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Replace an operation, or call it unchanged."""
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
        """Return layer-normalised values."""
        return self.normalised(x - x.mean(-1, keepdim=True), eps) * weight + bias

    def normalised(self, centred: Tensor, eps: float) -> Tensor:
        """Return centred values divided by their standard deviation, which counts as a constant."""
        return centred * torch.rsqrt((centred * centred).mean(-1, keepdim=True) + eps).detach()

    def elementwise(self, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the values of the function; the gradient is output / input."""
        return x * (function(x) / torch.where(x.abs() < 1e-6, 1e-6, x)).detach()

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return the output of attention."""
        raise NotImplementedError


class Conservative(Rule):
    """Conservative propagation."""

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return the output of attention; the weights count as constants."""
        return (query @ key).softmax(-1).detach() @ value


class AttnLRP(Rule):
    """Attention-aware relevance propagation."""

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return the output of attention; the factors of each product share its relevance."""
        query, key, value = (x / 2 + (x / 2).detach() for x in (query, key, value))
        weights = (query @ key).softmax(-1)
        return (weights / 2 + (weights / 2).detach()) @ value


class DeepLift(Rule):
    """DeepLIFT: gradients from differences from the reference, so values sum to the difference of the output."""

    def normalised(self, centred: Tensor, eps: float) -> Tensor:
        """Return centred values divided by their standard deviation."""
        variance = Product.apply(centred, centred, False).mean(-1, keepdim=True) + eps
        return Product.apply(
            centred, Rescale.apply(variance, torch.rsqrt).expand_as(centred), False
        )

    def elementwise(self, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the values of the function."""
        return Rescale.apply(x, function)

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return the output of attention, with the softmax as an exponential, a sum and a quotient."""
        scores = Product.apply(query, key, True)
        half = len(scores) // 2
        most = scores.amax(-1, keepdim=True)
        # The same constant for both halves does not contribute to their difference.
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
