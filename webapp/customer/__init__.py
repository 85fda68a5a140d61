"""Customer."""
