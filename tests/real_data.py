"""Where real data sets lie: tests that need them skip where there are none."""

from __future__ import annotations

import os
from pathlib import Path

REAL = Path(
    os.environ.get("DNASWEEP_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
)
"""The folder; it may not be there."""
