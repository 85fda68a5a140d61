"""Bytes to Documents: one module per format family; `indexer.readers.registry` chooses between
them.
"""
