"""Predictions, genome scans and variants: what a model says of sequences and genomes."""
