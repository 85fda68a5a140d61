"""Which steps lead from any older ticket database to today's? ``HEAD`` names the last one; a test
keeps it true.
"""

HEAD = "0004"
