"""Tracking in MLflow: runs, a write-ahead log, registered models. Only this package imports mlflow."""
