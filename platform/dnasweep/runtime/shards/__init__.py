"""The pool of actors that computes the missing shards of a job."""
