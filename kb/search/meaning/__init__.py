"""Meaning: directions of texts, so that a question finds a page that says it in other words.

``sentence_encoder`` reads a text as a whole and is for passages and for questions at a pause;
``query_table`` has a direction for each piece of a word and is for keystrokes. What they
learned from help centres is in the ``adapter`` and in the table's rows. Neither contains anything
of a site. ``embeddings`` is what a partition keeps of them.
"""
