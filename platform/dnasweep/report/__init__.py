"""Pages, figures and terminal output."""
