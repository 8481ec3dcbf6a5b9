"""Predictions, genome scans and variant scores: applications of a model to sequences and genomes."""
