"""Mail from a Maildir, into which the mail server delivers: each file in ``new`` is one mail."""

from __future__ import annotations

import logging
from pathlib import Path

from kb.errors import Misconfigured
from kb.mail.envelope import Envelope
from kb.mail.listeners.intake import MailIntake
from kb.mail.parsing.oversized import MOST_HEADERS, without_content

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
            self._intake.take(self._content(path), Envelope(None, (), "maildir"))
            path.rename(self._folder / "cur" / f"{path.name.partition(':')[0]}{_SEEN}")
            count += 1
        return count

    def _content(self, path: Path) -> bytes:
        size = path.stat().st_size
        if size <= self._most_bytes:
            return path.read_bytes()
        LOG.warning("%s is larger than KB_MAIL_MEGABYTES allows.", path)
        with path.open("rb") as file:
            return without_content(file.read(MOST_HEADERS), size, self._most_bytes)
