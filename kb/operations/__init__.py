"""Operation of a help centre: starting a site, backups, health, logs and metrics.

What an operator does to a whole installation lives here. The daily work of the portal and the
worker does not: it is in ``webapp`` and ``kb.worker``.
"""
