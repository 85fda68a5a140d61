"""The signing key of an installation: from the settings, or kept in the data folder.

It signs sessions, forms and cookies, and the keys that encrypt second factors derive from it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from kb.errors import Misconfigured
from kb.settings import Settings

SIGNING_KEY_FILE = "secret.key"
MIN_KEY_LENGTH = 32  # characters


def signing_keys(settings: Settings) -> tuple[str, ...]:
    """The key in use, then the earlier ones that are still accepted. Raises Misconfigured."""
    return (settings.secret_key or kept_key(settings.data), *settings.secret_key_fallbacks)


def existing_keys(settings: Settings) -> tuple[str, ...]:
    """As ``signing_keys``, for whoever only looks: creates none."""
    if settings.secret_key or (settings.data / SIGNING_KEY_FILE).exists():
        return signing_keys(settings)
    return settings.secret_key_fallbacks


def kept_key(data: Path) -> str:
    """The signing key in ``data``, created on first use, readable by its owner only.

    Raises Misconfigured when the folder cannot be written or the key is too short.
    """
    path = data / SIGNING_KEY_FILE
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_key(path)
        key = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise Misconfigured(
            f"The signing key {path} cannot be stored: {error.strerror}. Make the folder writable, "
            "or set KB_SECRET_KEY."
        ) from error
    if len(key) < MIN_KEY_LENGTH:
        raise Misconfigured(
            f"The signing key {path} has {len(key)} characters, but needs at least "
            f"{MIN_KEY_LENGTH}. Delete the file to create a new key, which signs everybody out, or "
            "set KB_SECRET_KEY."
        )
    return key


def _make_key(path: Path) -> None:
    """Writes a temporary file and links it into place.

    Of two processes that start together one wins, and both read its key.
    """
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
