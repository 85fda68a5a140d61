"""Search and suggestions: from words that a visitor typed to the documents that answer them.

``Searcher`` answers; one folder for each step: ``analysis``, ``query``, ``index``, ``scoring``,
``kernels``, ``build``, ``generations``, ``engines``. Knows neither tickets nor the web.
"""
