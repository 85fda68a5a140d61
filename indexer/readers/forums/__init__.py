"""Readers of discussions: a forum thread, whatever it was exported from, becomes one Document.

``thread`` makes the Document from posts; every other module reads one format into posts.
"""
