"""One file per sweep: its axes."""
