"""Markdown: the flavours of many tools to CommonMark, and that to HTML (not yet safe)."""
