"""Genomic language models whose architectures transformers lacks, one file each.

Code that comes with a model is never run, so each architecture is implemented here from its description,
with the weight names used on the hub. `family.py` defines the properties of a family, `registry.py` lists
the families and recognises the family of a checkpoint, and `classes.py` finds the classes of a family.
"""
