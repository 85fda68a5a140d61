"""Analytics: what visitors searched for, and which suggestions saved a ticket.

Rows go in as people use the portal; editors' pages and the indexer read them. Reports about
tickets are in ``kb.tickets.reports``.
"""
