"""Masking schemes: their interface, a file for each kind of scheme, and a registry by name.

A new scheme is a class in a separate file here, which :mod:`.registry` imports.
"""
