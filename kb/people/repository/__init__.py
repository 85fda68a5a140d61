"""Repositories of people: rows in, values out, one transaction per call. No rules."""
