"""Pages of administrators for programs."""
