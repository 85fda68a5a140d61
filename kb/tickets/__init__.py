"""Tickets: what could not be answered by an article, kept with its promise and its history."""
