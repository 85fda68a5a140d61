"""Attachments: which files are allowed, and where they are stored."""
