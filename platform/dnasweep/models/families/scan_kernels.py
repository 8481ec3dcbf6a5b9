"""The loops of Mamba's recurrence over some channels of one row, compiled by numba for the local processor.

h_t = exp(dt_t A) h_(t-1) + dt_t B_t x_t, and y_t = C_t . h_t. All data of a token stay in registers and in
the nearest cache; with tensor operations, decays and states would pass through memory several times.
The loops release the interpreter lock, so threads can compute different channels in parallel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

MATH = {"contract", "reassoc", "nsz"}
"""Fast-math flags: sums may be reordered, but nan and infinity keep their meaning."""

_LOG2_E, _HALF, _LOWEST, _HIGHEST = map(np.float32, (1.4426950408889634, 0.5, -126.0, 128.0))
_MANTISSA_BITS, _EXPONENT_BIAS = np.int32(23), np.int32(127)
# 2^r = sum of (r ln 2)^i / i!, for |r| <= 1/2 to 2e-9.
_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = (
    np.float32(np.log(2) ** i / np.prod(np.arange(1.0, i + 1))) for i in range(8)
)


@intrinsic
def _as_float(context: Any, bits: Any) -> Any:
    """Reinterpret the bits of an integer as an fp32 number."""
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a loop when it is first called, or load the code cached by an earlier process.

    If neither the folder of this file nor the user's cache is writable, each process compiles anew.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": MATH, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:
        return njit(**options)(function)


@njit(fastmath=MATH, inline="always")
def exp(x: float) -> float:
    """Return e^x in fp32, to a relative error of 2e-7 around 0.

    The function of the C library handles one number at a time; this one is vectorised.
    """
    power = x * _LOG2_E
    power = _LOWEST if power < _LOWEST else power
    power = _HIGHEST if power > _HIGHEST else power
    whole = np.floor(power + _HALF)
    r = power - whole
    p = _T0 + r * (_T1 + r * (_T2 + r * (_T3 + r * (_T4 + r * (_T5 + r * (_T6 + r * _T7))))))
    bits = (np.int32(whole) + _EXPONENT_BIAS) << _MANTISSA_BITS
    return p * _as_float(bits)  # type: ignore[call-arg]


@compiled
def forward(
    x: np.ndarray,
    dt: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    output: np.ndarray,
    before: np.ndarray,
    segment: int,
    first: int,
    end: int,
) -> None:
    """Write the output of the recurrence for a range of channels of a row.

    Parameters
    ----------
    x, dt
        Inputs and step sizes, (tokens, channels); all arrays are in fp32.
    a
        Decay rates, shape (channels, states).
    b, c
        Input and output projections of the states, shape (tokens, states).
    output
        Output to write, shape (tokens, channels).
    before
        States before each segment, to write, (segments, channels, states); may have no segments.
    segment
        Number of tokens in a segment.
    first, end
        Range of channels: `first` (inclusive) to `end` (exclusive).
    """
    state = np.zeros((end - first, a.shape[1]), np.float32)
    for t in range(x.shape[0]):
        if before.shape[0] and t % segment == 0:
            before[t // segment, first:end] = state
        for channel in range(first, end):
            step = dt[t, channel]
            into = step * x[t, channel]
            read = np.float32(0)
            for s in range(a.shape[1]):
                h = exp(step * a[channel, s]) * state[channel - first, s] + into * b[t, s]
                state[channel - first, s] = h
                read += h * c[t, s]
            output[t, channel] = read


@compiled
def backward(
    x: np.ndarray,
    dt: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    dy: np.ndarray,
    before: np.ndarray,
    segment: int,
    first: int,
    end: int,
    dx: np.ndarray,
    ddt: np.ndarray,
    da: np.ndarray,
    db: np.ndarray,
    dc: np.ndarray,
) -> None:
    """Write the gradients for a range of channels of a row.

    The gradient of the states follows the same recurrence backwards: g_t = dy_t C_t + exp(dt_(t+1) A) g_(t+1).

    Parameters
    ----------
    x, dt, a, b, c, before, segment, first, end
        The arguments of :func:`forward`.
    dy
        Gradient of the output of :func:`forward`, (tokens, channels).
    dx, ddt
        Outputs to write, shape (tokens, channels).
    da
        Gradient to add to, shape (channels, states).
    db, dc
        Gradients to add to, shape (tokens, states).
    """
    channels, num_states = end - first, a.shape[1]
    decays = np.empty((segment, channels, num_states), np.float32)
    # The states from before the first token until after the last one.
    states = np.empty((segment + 1, channels, num_states), np.float32)
    carried = np.zeros((channels, num_states), np.float32)
    for number in range(before.shape[0] - 1, -1, -1):
        start = number * segment
        tokens = min(segment, x.shape[0] - start)
        states[0] = before[number, first:end]
        for i in range(tokens):
            for k in range(channels):
                step = dt[start + i, first + k]
                into = step * x[start + i, first + k]
                for s in range(num_states):
                    decay = exp(step * a[first + k, s])
                    decays[i, k, s] = decay
                    states[i + 1, k, s] = decay * states[i, k, s] + into * b[start + i, s]
        for i in range(tokens - 1, -1, -1):
            t = start + i
            for k in range(channels):
                channel = first + k
                step, value, gradient = dt[t, channel], x[t, channel], dy[t, channel]
                into = step * value
                to_into = np.float32(0)
                to_step = np.float32(0)
                for s in range(num_states):
                    g = gradient * c[t, s] + carried[k, s]
                    dc[t, s] += gradient * states[i + 1, k, s]
                    db[t, s] += g * into
                    to_into += g * b[t, s]
                    g *= decays[i, k, s]
                    carried[k, s] = g
                    g *= states[i, k, s]
                    to_step += g * a[channel, s]
                    da[channel, s] += g * step
                dx[t, channel] = to_into * step
                ddt[t, channel] = to_step + to_into * value
