"""Sources: which files there are, which have changed, and the IDs of their documents."""
