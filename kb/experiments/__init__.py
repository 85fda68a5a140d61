"""Experiments: other curations, synonyms or weights tried on live typing beside the published ones.

``kb.search.interleaving`` makes the lists; here is which experiment runs, what people preferred,
and what follows from it.
"""
