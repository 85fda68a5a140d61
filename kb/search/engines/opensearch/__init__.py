"""OpenSearch as a search engine: it finds, filters and counts; the embedded engine ranks.

``engine`` joins the parts: ``cluster`` (the connection), ``cluster_documents`` and
``cluster_queries`` (what is stored and asked), ``reader`` and ``writer``. Knows no visitor.
"""
