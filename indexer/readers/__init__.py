"""Bytes to Documents: one module per format family; `indexer.reading` chooses between them."""
