"""Sequences made up to ask a model something: motifs put into backgrounds, and designs."""
