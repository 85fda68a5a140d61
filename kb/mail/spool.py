"""The spool: mails on disk, from before they are acknowledged until they are deleted.

A mail is written to ``new`` and synced; once its effect is saved, it moves to ``kept``. A mail that
a crash left in ``new`` is processed again. A file is named by the hash of its bytes and recipients,
so the same delivery is the same file. Its first line is the envelope in JSON, the rest is the mail.
Beside a mail that could not be processed yet is a file that counts its tries
(``kb.mail.rules.retries``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from kb.disk import sync
from kb.errors import NotFound, Unavailable
from kb.mail.envelope import Envelope
from kb.mail.rules.retries import RetryState

_TRIES = ".tries"


class Spool:
    """The folder ``mail`` of a data folder. Safe for many threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._new = folder / "new"
        self._kept = folder / "kept"

    def put(self, raw: bytes, envelope: Envelope) -> str:
        """The name of the mail, which is on the disk. Raises Unavailable when it is not."""
        name = _name(raw, envelope)
        if self._path(self._kept, name).is_file():
            return name
        path = self._path(self._new, name)
        if path.is_file():
            return name
        head = {
            "sender": envelope.sender,
            "recipients": list(envelope.recipients),
            "way": envelope.way,
        }
        try:
            for folder in (path.parent.parent.parent, path.parent.parent, path.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = path.with_name(f".{name}.{secrets.token_hex(4)}")
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(json.dumps(head).encode("ascii") + b"\n")
                    file.write(raw)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.rename(path)
                sync(path.parent)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"The e-mail could not be stored: {error.strerror}. Deliver it again later.",
                retry_after=60,
            ) from error
        return name

    def get(self, name: str) -> tuple[bytes, Envelope]:
        """Raises NotFound for a mail that was deleted."""
        for folder in (self._kept, self._new):
            try:
                data = self._path(folder, name).read_bytes()
            except OSError:
                continue
            head, _, raw = data.partition(b"\n")
            values = json.loads(head)
            return raw, Envelope(values["sender"], tuple(values["recipients"]), values["way"])
        raise NotFound("The original of this e-mail has been deleted.")

    @contextlib.contextmanager
    def claim(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Whether the mail still has no effect, and nobody else reads it within the block.

        Without ``wait``, this is False also while another thread or process reads it.
        """
        path = self._path(self._new, name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            is_locked = _lock(descriptor, wait=wait)
            yield is_locked and path.is_file()
        finally:
            os.close(descriptor)

    def tries(self, name: str) -> RetryState:
        """The tries of a waiting mail; none if the file that counts them cannot be read."""
        try:
            values = json.loads(self._tries_path(name).read_bytes())
            after = values["after"]
            return RetryState(
                int(values["count"]), dt.datetime.fromisoformat(after) if after else None
            )
        except (OSError, ValueError, KeyError, TypeError):
            return RetryState()

    def save_tries(self, name: str, tries: RetryState) -> None:
        """Saves the tries if possible: a full disk must not keep a mail from being processed."""
        values = {"count": tries.count, "after": tries.after.isoformat() if tries.after else None}
        with contextlib.suppress(OSError):
            self._tries_path(name).write_text(json.dumps(values), "ascii")

    def has(self, name: str) -> bool:
        """Whether the mail is still there."""
        return any(self._path(folder, name).is_file() for folder in (self._kept, self._new))

    def keep(self, name: str) -> None:
        """The mail has had its effect, and is not read again."""
        new, kept = self._path(self._new, name), self._path(self._kept, name)
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            new.rename(kept)
        except FileNotFoundError:
            if not kept.is_file():
                raise
        self._tries_path(name).unlink(missing_ok=True)

    def waiting(self) -> list[str]:
        """The mails without an effect, in the order in which they arrived."""
        paths = [path for path in self._new.glob("*/*") if not path.name.startswith(".")]
        return [path.name for path in sorted(paths, key=_arrived_at)]

    def delayed(self) -> int:
        """The number of mails that were tried and will be tried again."""
        return sum(1 for _ in self._new.glob(f"*/.*{_TRIES}"))

    def sweep(self, referenced: Callable[[], frozenset[str]], *, before: dt.datetime) -> int:
        """Deletes kept mails from ``before`` that ``referenced`` does not name, and what a crash
        left half written; how many.
        """
        paths = [path for path in self._kept.glob("*/*") if _arrived_at(path) < before.timestamp()]
        names = referenced() if paths else frozenset()
        orphans = [path for path in paths if path.name not in names]
        orphans += [
            path
            for path in self._new.glob("*/.*")
            if path.suffix != _TRIES and _arrived_at(path) < before.timestamp()
        ]
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans)

    def erase(self, names: frozenset[str]) -> None:
        for name in names:
            self._path(self._kept, name).unlink(missing_ok=True)

    @staticmethod
    def _path(folder: Path, name: str) -> Path:
        return folder / name[:2] / name

    def _tries_path(self, name: str) -> Path:
        return self._new / name[:2] / f".{name}{_TRIES}"


def _name(raw: bytes, envelope: Envelope) -> str:
    recipients = json.dumps(sorted(envelope.recipients)).encode()
    return hashlib.blake2b(recipients + b"\0" + raw, digest_size=20).hexdigest()


def _lock(descriptor: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _arrived_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has moved it
        return float("inf")
