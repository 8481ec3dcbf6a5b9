"""Sessions and placement: what machines there are, and what fits on them."""
