"""What must not be so when a portal starts: each is one sentence, and nothing is served.

A single setting is checked by ``kb.settings``; these are combinations of settings, and the
permissions of what only the portal's own user may read.
"""

from __future__ import annotations

import stat
from pathlib import Path

from kb.errors import Misconfigured
from kb.operations.signing_key import SIGNING_KEY_FILE
from kb.settings import Settings, is_loopback

_OTHERS = 0o077  # any permission of the group or of everybody
_FEWEST_CHARACTERS = 8  # different ones; random keys of 32 characters practically have more


def check_start(settings: Settings) -> None:
    """Raises Misconfigured for the first thing that makes the portal unsafe."""
    _check_demo(settings)
    if settings.is_https and not settings.secure_cookies:
        raise Misconfigured(
            f"KB_SECURE_COOKIES: no is not safe for {settings.base_url}, since cookies could be "
            "read on the way. Remove the setting, or set it to yes.",
            field="secure_cookies",
        )
    if settings.is_https and 0 < len(set(settings.secret_key)) < _FEWEST_CHARACTERS:
        raise Misconfigured(
            "KB_SECRET_KEY: the key can be guessed. Remove the setting, so that a key is created "
            "in the data folder, or make one with: openssl rand -hex 32",
            field="secret_key",
        )
    check_private(settings.data, "KB_DATA: the data folder")
    check_private(settings.data / SIGNING_KEY_FILE, "The signing key")


def _check_demo(settings: Settings) -> None:
    if not settings.demo:
        return
    advice = (
        "The passwords of demo accounts are public, so the demo is for this machine only. Use "
        "127.0.0.1, or turn the demo off (KB_DEMO=no, no --demo)."
    )
    if not settings.is_local:
        raise Misconfigured(f"KB_BASE_URL: no demo at {settings.base_url}. {advice}", field="demo")
    if not is_loopback(settings.host):
        raise Misconfigured(f"KB_HOST: no demo on {settings.host!r}. {advice}", field="demo")


def check_private(path: Path, what: str) -> None:
    """Raises Misconfigured when other users of this machine may read what is at ``path``."""
    if not path.exists():
        return
    status = path.stat()
    if status.st_mode & _OTHERS:
        mode = "700" if stat.S_ISDIR(status.st_mode) else "600"
        raise Misconfigured(
            f"{what} {path} is open to other users of this machine "
            f"(mode {stat.S_IMODE(status.st_mode):o}). Run: chmod {mode} {path}"
        )
