"""Staff notifications: new tickets, answers, assignments, mentions, and SLA targets at risk.

Each member of staff chooses by event which tickets, whether by e-mail, and whether at any hour.
"""
