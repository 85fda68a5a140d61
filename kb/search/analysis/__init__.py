"""From text to what is indexed: words and stems, character n-grams, passages, similarity.

Pure functions of text; what is found is stored by ``kb.search.index``.
"""
