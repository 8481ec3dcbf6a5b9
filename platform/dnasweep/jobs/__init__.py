"""A batch job without Ray: its options, its request, its work list and shards."""
