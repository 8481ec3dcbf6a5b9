"""Motifs in sequences and in attributions: scanning, enrichment, discovery, promoter elements."""
