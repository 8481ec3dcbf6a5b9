"""What a model is judged by: metrics, the loss, and which class is called."""
