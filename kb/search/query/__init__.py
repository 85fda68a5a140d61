"""From what a visitor typed to query terms: parsing, expansion, spelling, editors' curations.

Knows the term dictionary of one audience; which documents match is decided in ``scoring``.
"""
