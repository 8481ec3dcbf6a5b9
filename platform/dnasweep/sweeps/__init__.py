"""A sweep without Ray: its options, cells and request, and what its results mean."""
