"""Train, compare and explain genomic language models on Ray."""

__version__ = "0.1.0"
