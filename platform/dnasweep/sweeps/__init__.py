"""Sweeps without Ray: options, cells, requests, and the comparison of results."""
