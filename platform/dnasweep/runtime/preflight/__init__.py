"""Checks of every machine before work starts on several machines."""
