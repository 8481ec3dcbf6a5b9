"""Masking schemes: what a scheme is, a file for each kind of scheme, and the registry of their names.

A new scheme is a class in a file of its own here, which :mod:`.registry` imports.
"""
