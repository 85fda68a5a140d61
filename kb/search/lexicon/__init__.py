"""The lexicon: which words of a help desk mean the same, and which words are none to be corrected.

``files`` reads what is shipped (a text file for each language), ``matching`` finds its entries in
what somebody typed. What they mean in one audience's words is decided in ``query.expansion``.
"""
