"""Synthetic sequences that probe a model: motifs inserted into backgrounds, and designs."""
