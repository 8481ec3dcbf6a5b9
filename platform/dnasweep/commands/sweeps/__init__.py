"""One file a sweep: its axes."""
