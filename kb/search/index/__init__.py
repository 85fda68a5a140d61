"""The structures of an index, one module each: what writes it and what reads it.

File formats (``array_file``, ``record_file``), documents, term dictionary, postings, n-grams,
latent topics. Nothing here ranks; ``kb.search.build`` puts the structures together.
"""
