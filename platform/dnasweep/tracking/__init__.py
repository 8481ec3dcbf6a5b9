"""MLflow: runs, records that wait while the server is away, registered models. The one room that imports mlflow."""
