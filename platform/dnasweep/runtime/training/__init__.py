"""Trials and shared stages on Ray: workers, progress, failures, search."""
