"""Pages of administrators for the programs that work with this portal."""
