"""Parsing of mails: bytes to texts, files and headers, within caps of size and time."""
