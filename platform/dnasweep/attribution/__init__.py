"""Explanations of a model's calls: the estimators, and the engine that makes them fast."""
