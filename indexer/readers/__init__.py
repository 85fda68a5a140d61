"""Readers: from the bytes of one file to Documents, one module a format.

``registry`` chooses the reader, ``context`` and ``site_index`` tell it about other files,
``frontmatter`` and ``metadata`` read what a file declares about itself. Forum exports have a folder
of their own. Which files are read is decided in ``indexer.sources``.
"""
