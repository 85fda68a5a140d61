"""Tickets: their states, verbs, SLA targets, storage and reports."""
