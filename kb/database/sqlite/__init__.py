"""SQLite behind ``kb.database``: everything that only SQLite understands.

Its full text of tickets is ``kb.tickets.repository.fulltext.sqlite``.
"""
