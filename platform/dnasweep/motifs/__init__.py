"""Motifs in sequences and attributions: scanning, enrichment, discovery, promoter elements."""
