"""Ways in which bytes go wrong: flipped, lost, doubled, cut short, or others put in their place."""

from __future__ import annotations

import random

ODD = (
    b"\0",
    b"\n",
    b"\r",
    b"\t",
    b",",
    b'"',
    b">",
    b"#",
    b"-",
    b"9" * 20,
    b"nan",
    b"\xff",
    b"\xc3",
)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with one to three faults; what is returned may by chance be equal to it."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = _once(data, rng)
    return data


def _once(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    until = min(len(data), at + rng.choice((1, 1, 2, 8, 64)))
    match rng.randrange(7):
        case 0 if at < len(data):
            return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at] + rng.randbytes(until - at) + data[until:]
        case 2:
            return data[:at] + data[until:]
        case 3:
            return data[:until] + data[at:]
        case 4:
            return data[:at]
        case 5:
            return data[:at] + rng.choice(ODD) + data[until:]
        case _:
            lines = data.splitlines(keepends=True)
            rng.shuffle(lines)
            return b"".join(lines)
