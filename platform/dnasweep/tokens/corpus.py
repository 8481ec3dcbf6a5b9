"""The tokens of all rows of a table, kept as flat arrays and saved in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from dnasweep.errors import InputError
from dnasweep.tokens.encoded import Encoded
from dnasweep.tokens.tokenizers import DnaTokenizer

_ARRAYS = ("ids", "offsets", "starts", "ends")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Corpus:
    """Tokens of rows in table order; row i is ``offsets[i]:offsets[i + 1]``."""

    ids: NDArray[np.int32]
    """Token ids, each row from its [CLS] to its [SEP]."""
    offsets: NDArray[np.int64]
    """Where rows begin, one more than there are rows."""
    starts: NDArray[np.int32]
    """First base of each token in its sequence; 0 for special tokens."""
    ends: NDArray[np.int32]
    """One past the last base of each token; 0 for special tokens."""

    @classmethod
    def build(cls, tokenizer: DnaTokenizer, sequences: Sequence[str]) -> Corpus:
        """Encode `sequences`, kept in their order."""
        return cls.of(tokenizer.encode(sequences))

    @classmethod
    def of(cls, encoded: Encoded) -> Corpus:
        """Keep what a tokenizer has encoded."""
        return cls(**encoded._asdict())

    @property
    def encoded(self) -> Encoded:
        """The same arrays as a tokenizer returns them."""
        return Encoded(self.ids, self.offsets, self.starts, self.ends)

    def __len__(self) -> int:
        return self.offsets.size - 1

    def num_tokens(self, rows: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the sequence length in tokens of each row, special tokens counted."""
        lengths = np.diff(self.offsets)
        return lengths if rows is None else lengths[np.asarray(rows, np.int64)]

    def num_bases(self, rows: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the bases of each row, shared bases of overlapping tokens counted once."""
        # The last token before [SEP] ends where the sequence ends; in an empty row that is [CLS].
        last = self.offsets[1:] - 2
        if rows is not None:
            last = last[np.asarray(rows, np.int64)]
        return self.ends[last].astype(np.int64)

    def save(self, file: str | Path) -> None:
        """Write the corpus as safetensors."""
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        save_file(arrays, Path(file))

    @classmethod
    def load(cls, file: str | Path) -> Corpus:
        """Read a corpus written by :meth:`save`.

        Raises
        ------
        InputError
            If the file is missing or is no corpus.
        """
        try:
            arrays = load_file(Path(file))
            return cls(**{name: arrays[name] for name in _ARRAYS})
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(
                f"the tokenised corpus cannot be read ({error})",
                file=file,
                remedy="Delete its folder; it is built again.",
            ) from error
