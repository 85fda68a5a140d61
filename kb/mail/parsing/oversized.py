"""A mail that is too large to be read: its headers, with a sentence in place of its content. Pure.

A mail server refuses such a mail and tells its sender. Without this module, nobody would notice a
mail that is too large in a mailbox from which the portal fetches.
"""

from __future__ import annotations

import re

#: Octets of headers that are read.
MOST_HEADERS = 256 * 1024
_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"^[!-9;-~]+:.*(?:\r?\n[ \t].*)*", re.MULTILINE)
_ABOUT_CONTENT = (b"content-", b"mime-version:")
_MEGABYTE = 1024 * 1024


def without_content(beginning: bytes, size: int, limit: int) -> bytes:
    """``beginning`` has the headers of a mail of ``size`` octets; ``limit`` are read here."""
    head = _END.split(beginning[:MOST_HEADERS], maxsplit=1)[0]
    fields = [
        field for field in _FIELD.findall(head) if not field.lower().startswith(_ABOUT_CONTENT)
    ]
    sentence = (
        f"(This e-mail of {-(-size // _MEGABYTE)} MB is too large to be read here: the limit is "
        f"{limit // _MEGABYTE} MB. Its content was left in the mailbox.)"
    )
    return b"\n".join([*fields, b"Content-Type: text/plain; charset=utf-8", b"", sentence.encode()])
