"""PostgreSQL behind ``kb.database``: everything that only PostgreSQL understands.

Its full text of tickets is ``kb.tickets.repository.fulltext.postgresql``. The driver, psycopg, is
in the extra ``postgres``.
"""
