"""Migrations: the steps from any older database to the present schema.

``HEAD`` names the last step; a test compares it, and the tables, with what the steps lead to.
"""

HEAD = "0011"
