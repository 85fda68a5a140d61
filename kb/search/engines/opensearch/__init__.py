"""OpenSearch as a search engine: it finds, filters and counts; the embedded engine ranks.

``engine`` joins the parts: ``cluster`` (the connection), ``cluster_documents`` and
``cluster_queries`` (what is stored and asked), ``cluster_index``, ``cluster_reader`` and
``cluster_writer``. None of them knows about visitors.
"""
