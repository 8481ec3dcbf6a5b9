"""The commands: a file for each sweep and job, with its options and what it calls."""
