"""Train, compare and explain genomic language models on Ray.

`import dnasweep` imports nothing heavy: each name brings its own libraries when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnasweep.errors import InputError, NothingLeft

if TYPE_CHECKING:
    from dnasweep.api.attributions import Attributions
    from dnasweep.api.data import read_data
    from dnasweep.api.designs import Designs, design
    from dnasweep.api.explaining import explain
    from dnasweep.api.marginals import Marginals, marginalize
    from dnasweep.api.method_comparison import ExplanationComparison, compare_explanations
    from dnasweep.api.model import Model, load_model
    from dnasweep.api.motifs import Motifs, discover_motifs
    from dnasweep.api.scanning import scan
    from dnasweep.api.sweeps import Sweep, open_sweep, sweep, train
    from dnasweep.api.tracks import Tracks
    from dnasweep.api.variants import score_variants

__version__ = "0.1.0"

_HOMES = {
    "Attributions": "attributions",
    "Designs": "designs",
    "design": "designs",
    "explain": "explaining",
    "read_data": "data",
    "ExplanationComparison": "method_comparison",
    "compare_explanations": "method_comparison",
    "Model": "model",
    "load_model": "model",
    "Marginals": "marginals",
    "marginalize": "marginals",
    "Motifs": "motifs",
    "discover_motifs": "motifs",
    "Tracks": "tracks",
    "scan": "scanning",
    "Sweep": "sweeps",
    "open_sweep": "sweeps",
    "sweep": "sweeps",
    "train": "sweeps",
    "score_variants": "variants",
}
"""The module of :mod:`dnasweep.api` that each name comes from."""

__all__ = [
    "Attributions",
    "Designs",
    "ExplanationComparison",
    "InputError",
    "Marginals",
    "Model",
    "Motifs",
    "NothingLeft",
    "Sweep",
    "Tracks",
    "__version__",
    "compare_explanations",
    "design",
    "discover_motifs",
    "explain",
    "load_model",
    "marginalize",
    "open_sweep",
    "read_data",
    "scan",
    "score_variants",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dnasweep' has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(f"dnasweep.api.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
