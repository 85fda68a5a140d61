"""Published generations of the index: naming, checksums, findings, previews and rollback.

A reader opens one generation and keeps it for the length of a request; a generation never changes.
Building the next one belongs to ``kb.search.build``.
"""
