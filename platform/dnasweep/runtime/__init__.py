"""Ray: the one room that imports it."""
