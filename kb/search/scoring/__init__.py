"""From query terms to ranked documents: candidates by BM25, rescoring, fusion, confidence.

Reads the structures of ``kb.search.index`` by the loops of ``kb.search.kernels``; what editors
decided is added by ``kb.search.query.curations``.
"""
