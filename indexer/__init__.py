"""The indexer: from files that editors wrote to a published generation of the search index.

Commands in ``cli``, the order of the stages in ``pipeline``; every sentence about a file in
``findings``.
"""
