"""What is shown of the documents that were found: hits, excerpts, and the answer card."""
