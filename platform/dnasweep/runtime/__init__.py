"""Execution on Ray. Only this package imports ray."""
