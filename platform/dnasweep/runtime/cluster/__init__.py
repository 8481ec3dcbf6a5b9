"""Sessions and placement: available machines, and the work that fits on them."""
