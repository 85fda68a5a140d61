"""Gaps: what people asked and got no answer to, in groups that mean the same, priced in tickets.

A group whose page exists is a problem of search; one without a page is a page to write.
"""
