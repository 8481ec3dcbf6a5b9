"""How a classifier is trained and evaluated: its loss, its metrics, and which class it calls."""
