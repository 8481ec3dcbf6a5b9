"""Sessions and placement: which machines there are, and what fits on them."""
