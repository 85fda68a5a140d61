"""Verified files: the models, which answers depend on to the bit."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kb.errors import Misconfigured

INSTALL_AGAIN = "Install Askfirst again."


def read_verified(path: Path, checksum: str, what: str, remedy: str = INSTALL_AGAIN) -> bytes:
    """The content of a file with this SHA-256 ``checksum``, in hex.

    Raises Misconfigured for any other: the sentence says ``what`` is wrong and gives the
    ``remedy``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{what} {path} cannot be read: {error.strerror}.") from None
    if hashlib.sha256(content).hexdigest() != checksum:
        raise Misconfigured(
            f"{what} {path} is damaged or of another version (its checksum differs). {remedy}"
        )
    return content
