"""Convert pickled weights to safetensors: a separate program, for a process without secrets.

    python -I unpickle_process.py FILE TARGET

torch's restricted unpickler creates only tensors and plain containers; a file that requires anything else is
refused before that is executed. The process has no environment variables, no secrets and an empty folder.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

REFUSED = 3
"""Exit status if a file contains more than weights."""
DAMAGED = 4
"""Exit status if a file cannot be read."""
_ASKED = re.compile(r"GLOBAL\s+([\w.]+)")


def convert(source: Path, target: Path) -> int:
    """Write the weights of a pickled file as safetensors, and return the exit status.

    Parameters
    ----------
    source
        A `pytorch_model.bin`, or one part of it.
    target
        The file to write.
    """
    import torch
    from safetensors.torch import save_file

    try:
        found: Any = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # a file can make the unpickler raise anything
        text = str(error)
        if "nsupported" in text or "WeightsUnpickler" in text or "Weights only load" in text:
            match = _ASKED.search(text)
            print(match[1] if match else "an object that is not a tensor")
            return REFUSED
        print((text.strip() or type(error).__name__).splitlines()[0][:200])
        return DAMAGED
    if not isinstance(found, dict) or not all(isinstance(v, torch.Tensor) for v in found.values()):
        print("anything other than tensors by name")
        return REFUSED
    # Tensors that share memory, such as tied weights, are written separately.
    weights = {str(name): value.detach().contiguous().clone() for name, value in found.items()}
    save_file(weights, target, metadata={"format": "pt"})
    return 0


if __name__ == "__main__":
    sys.exit(convert(Path(sys.argv[1]), Path(sys.argv[2])))
