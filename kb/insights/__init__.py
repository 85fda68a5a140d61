"""Insights: what a support manager reads about deflection, searches, tickets and agents.

Sums by day are kept here, from which every page and command reads; raw rows go after a while. The
rules of deflection are in ``kb.analytics``.
"""
