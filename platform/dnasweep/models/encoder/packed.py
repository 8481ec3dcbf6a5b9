"""A batch of rows with different numbers of tokens, packed: its real tokens in sequence, without padding.

Everything in an encoder except attention treats each token by itself, so it computes only real tokens. This is known
as unpadding. The packed tensors have the shape (real tokens, hidden), with the tokens of the rows in order.

Everything about a packed batch is determined on the host, from the attention mask before it is copied to a device,
so no step waits for a device to know a shape.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dnasweep.devices import is_accelerator, to_device

MIN_PADDING = 0.1
"""Minimum fraction of padding in a batch for packing it; with less, packing costs about what it saves."""
BLOCK_PADDING = 0.1
"""Maximum difference between the longest and the shortest row of a block, as a fraction of the longest."""


class Packed(NamedTuple):
    """Where the real tokens of a batch are, in three layouts: padded, packed, and blocks.

    Attention on a CPU, and everywhere if a kernel for packed rows is unavailable, is computed in blocks: rows of
    similar length, padded to the longest row of their block. A place of a block is a slot.
    """

    width: int
    """Number of tokens per row of the padded batch."""
    longest: int
    """Number of tokens of the longest row."""
    blocks: tuple[tuple[int, int], ...]
    """Numbers of rows and of slots per row of each block."""
    indices: Tensor
    """Flat position `row * width + token` of each real token in the padded batch, (real tokens,)."""
    places: Tensor
    """Place of each real token in its row, from 0, (real tokens,)."""
    offsets: Tensor
    """Number of real tokens before each row, and in total, (rows + 1,), int32."""
    order: Tensor
    """Rows in the order of the blocks, (rows,)."""
    ranks: Tensor
    """Place of each row in `order`, (rows,)."""
    slots: Tensor
    """Real token in each slot, (slots,); 0 in slots that are padding."""
    filled: Tensor
    """Slot of each real token, (real tokens,)."""
    real: Tensor
    """True for slots with a real token, (slots,)."""

    def to(self, device: torch.device) -> Packed:
        """Return the packed batch, which is on the CPU, on `device`."""
        moved = (to_device(part, device) if isinstance(part, Tensor) else part for part in self)
        return Packed(*moved)  # type: ignore[arg-type]

    def at(self, positions: Tensor) -> Tensor:
        """Return where tokens are in the packed batch, (m,).

        Parameters
        ----------
        positions
            Flat positions `row * width + token` of real tokens in the padded batch, (m,).
        """
        row = positions // self.width
        return self.offsets[row] - row * self.width + positions


def pack(attention: Tensor | None, device: torch.device) -> Packed | None:
    """Return how to pack a batch, on `device`; None if it has too little padding to gain from it,
    or a row without tokens.

    Parameters
    ----------
    attention
        True for real tokens, (rows, tokens), on the CPU; None without padding. Padding must be at the right end.
    device
        Device of the model.
    """
    if attention is None:
        return None
    lengths = attention.numpy().sum(1)
    rows, width = attention.shape
    if lengths.min() == 0 or lengths.sum() > (1 - MIN_PADDING) * rows * width:
        return None
    # Each block starts several kernels, which costs more on an accelerator than some padding.
    return packed_rows(lengths, width, one_block=is_accelerator(device)).to(device)


def packed_rows(lengths: NDArray[np.int64], width: int, *, one_block: bool) -> Packed:
    """Return how to pack rows, on the CPU.

    Parameters
    ----------
    lengths
        Number of real tokens of each row, (rows,), at least 1.
    width
        Number of tokens per row of the padded batch.
    one_block
        Whether attention gets all rows in one block.
    """
    lengths = np.asarray(lengths, np.int64)
    rows = len(lengths)
    offsets = np.concatenate([[0], lengths.cumsum()])
    order = np.arange(rows) if one_block else np.argsort(-lengths, kind="stable")
    blocks = ((rows, int(lengths.max())),) if one_block else _blocks(lengths[order])
    widths = np.repeat([w for _, w in blocks], [n for n, _ in blocks])
    starts = np.zeros(rows, np.int64)
    starts[order] = widths.cumsum() - widths
    row = np.repeat(np.arange(rows), lengths)
    place = np.arange(offsets[-1]) - offsets[row]
    filled = starts[row] + place
    slots = np.zeros(widths.sum(), np.int64)
    slots[filled] = np.arange(offsets[-1])
    real = np.zeros(len(slots), bool)
    real[filled] = True
    arrays = (
        row * width + place, place, offsets.astype(np.int32), order, np.argsort(order), slots, filled, real,
    )  # fmt: skip
    return Packed(width, int(lengths.max()), blocks, *map(torch.from_numpy, arrays))


def _blocks(lengths: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Return rows and width of each block, for lengths in descending order."""
    blocks: list[tuple[int, int]] = []
    first = 0
    while first < len(lengths):
        longest = int(lengths[first])
        end = int(np.searchsorted(-lengths, -(1 - BLOCK_PADDING) * longest, side="right"))
        blocks.append((end - first, longest))
        first = end
    return tuple(blocks)


class _Pad(torch.autograd.Function):
    """Packed tokens to slots; what is in a slot of padding is any token."""

    @staticmethod
    def forward(ctx, x: Tensor, slots: Tensor, filled: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(filled)
        return x.index_select(0, slots)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def, override]
        # The gradient of padding is 0.
        (filled,) = ctx.saved_tensors
        return gradient.index_select(0, filled), None, None


class _Unpad(torch.autograd.Function):
    """Slots to packed tokens."""

    @staticmethod
    def forward(ctx, x: Tensor, filled: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(filled)
        ctx.number = len(x)
        return x.index_select(0, filled)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def, override]
        (filled,) = ctx.saved_tensors
        whole = gradient.new_zeros(ctx.number, gradient.shape[1])
        return whole.index_copy_(0, filled, gradient), None


def to_slots(x: Tensor, packed: Packed) -> Tensor:
    """Return packed tokens in the slots of all blocks, (slots, hidden).

    Slots of padding have finite values of any token, and their gradient must be 0, as it is for keys and values that
    are masked and for queries whose output is dropped by :func:`from_slots`.
    """
    return _Pad.apply(x, packed.slots, packed.filled)


def from_slots(x: Tensor, packed: Packed) -> Tensor:
    """Return the values of real tokens, (real tokens, hidden), from those of slots, (slots, hidden)."""
    return _Unpad.apply(x, packed.filled)
