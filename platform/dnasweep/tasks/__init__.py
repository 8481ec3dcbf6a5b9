"""Training and evaluation of a classifier: its loss, its metrics, and its calls."""
