"""What every command does around its work."""
