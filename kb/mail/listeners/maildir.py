"""Mail from a Maildir, into which the mail server delivers: each file in ``new`` is one mail."""

from __future__ import annotations

import logging
from pathlib import Path

from kb.errors import Misconfigured
from kb.mail.envelope import Envelope
from kb.mail.listeners.intake import MailIntake

LOG = logging.getLogger(__name__)
_SEEN = ":2,S"


class Maildir:
    """A mail moves to ``cur`` once it is taken, as if somebody had read it."""

    def __init__(self, folder: Path, intake: MailIntake, *, most_bytes: int) -> None:
        if not (folder / "new").is_dir() or not (folder / "cur").is_dir():
            raise Misconfigured(
                f"KB_MAILDIR: {folder} is not a Maildir; it needs the folders new and cur.",
                field="maildir",
            )
        self._folder = folder
        self._intake = intake
        self._most_bytes = most_bytes

    def fetch(self) -> int:
        """Takes the mails that are there; how many. Raises Unavailable."""
        count = 0
        for path in sorted((self._folder / "new").iterdir()):
            if path.name.startswith(".") or not path.is_file():
                continue
            if path.stat().st_size > self._most_bytes:
                LOG.error("%s is larger than KB_MAIL_MEGABYTES allows, and was not read.", path)
                continue
            self._intake.take(path.read_bytes(), Envelope(None, (), "maildir"))
            path.rename(self._folder / "cur" / f"{path.name.partition(':')[0]}{_SEEN}")
            count += 1
        return count
