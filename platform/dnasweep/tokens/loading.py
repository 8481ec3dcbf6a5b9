"""A saved tokenizer opened again, our own or that of a pretrained checkpoint."""

from __future__ import annotations

from pathlib import Path

from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.agreement import saved_tokenizer
from dnasweep.tokens.model_files import read_json, read_text, reading
from dnasweep.tokens.pretrained import reopen
from dnasweep.tokens.recognition import read_pretrained
from dnasweep.tokens.tokenizers import CONFIG_FILE, DnaTokenizer
from dnasweep.tokens.vocabulary import ROLES_FILE

VOCABULARY_FILES = ("tokenizer.json", "vocab.txt")


def load_tokenizer(directory: str | Path) -> DnaTokenizer:
    """Read a tokenizer written by :meth:`DnaTokenizer.save`, or that of a pretrained checkpoint.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the tokenizer of a checkpoint is none for DNA.
    """
    directory = Path(directory)
    file = directory / CONFIG_FILE
    if not file.is_file() and any((directory / name).is_file() for name in VOCABULARY_FILES):
        return read_pretrained(directory)
    if not file.is_file():
        raise InputError(
            "the tokenizer file is missing",
            file=file,
            remedy="Give a folder written by this platform.",
        )
    own = not (directory / ROLES_FILE).is_file()
    with reading(file):
        found = read_json(file)
        if any(isinstance(value, bool) for value in found.values()):
            raise ValueError(f"it holds {found}")
        config = TokenizerConfig(**found)
    file = directory / "tokenizer.json"
    with reading(file):
        tokenizer = saved_tokenizer(config, read_text(file), own=own)
    return DnaTokenizer(config, tokenizer) if own else reopen(directory, config, tokenizer)
