"""The field's own models: architectures that transformers does not have, one file each.

No code that comes with a model is ever run, so each architecture is written here, from its description,
with the names that its weights have on the hub. `family.py` says what has to be known of a family,
`registry.py` which families there are and to which a checkpoint belongs, and `classes.py` which classes
compute it.
"""
