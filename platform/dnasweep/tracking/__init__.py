"""MLflow: runs, a write-ahead log for when the server is away, registered models. The one room that imports mlflow."""
