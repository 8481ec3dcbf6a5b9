"""A long work list, computed and published shard by shard."""
