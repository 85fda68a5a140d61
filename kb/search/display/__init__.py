"""Display of the documents that match: hits, excerpts, and the answer card."""
