"""Scheduled backups: the worker writes one every so many hours and keeps the newest.

When a backup was taken is in its name, so that copying the folder or touching a file changes
nothing. Only files with such a name are ever removed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kb.errors import KbError, Unavailable
from kb.operations.backup import BackupReport
from kb.settings import Settings

LOG = logging.getLogger(__name__)

_NAME = re.compile(r"askfirst-(\d{8}T\d{6})Z\.backup")
_TIME_FORMAT = "%Y%m%dT%H%M%S"
#: A full disk stays full for a while, and every attempt reads all that there is.
_RETRY_AFTER = dt.timedelta(minutes=15)


def backups_in(folder: Path) -> list[tuple[dt.datetime, Path]]:
    """The scheduled backups in ``folder`` and when each was taken, the newest first.

    Raises OSError.
    """
    found = []
    for path in folder.iterdir() if folder.exists() else ():
        if match := _NAME.fullmatch(path.name):
            with contextlib.suppress(ValueError):
                taken = dt.datetime.strptime(match[1], _TIME_FORMAT).replace(tzinfo=dt.UTC)
                found.append((taken, path))
    return sorted(found, reverse=True)


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A scheduled backup, and when the worker will have removed it if it takes each one on time."""

    file: Path
    taken: dt.datetime
    removed_by: dt.datetime


def kept_backups(settings: Settings) -> list[KeptBackup]:
    """The scheduled backups, the newest first; none without a folder for them.

    Raises Unavailable when the folder cannot be read.
    """
    if not settings.backup_folder:
        return []
    try:
        backups = backups_in(Path(settings.backup_folder))
    except OSError as error:
        raise Unavailable(
            f"The backups in {settings.backup_folder} cannot be listed: {error.strerror}."
        ) from error
    interval = dt.timedelta(hours=settings.backup_hours)
    return [
        KeptBackup(path, taken, backups[0][0] + max(1, settings.backup_keep - position) * interval)
        for position, (taken, path) in enumerate(backups)
    ]


class BackupSchedule:
    """``write`` takes a backup into a file. Any number of workers may share ``folder``."""

    def __init__(
        self,
        folder: Path,
        *,
        every: dt.timedelta,
        keep: int,
        write: Callable[[Path, dt.datetime], BackupReport],
    ) -> None:
        self._folder = folder
        self._every = every
        self._keep = keep
        self._write = write
        self._retry_at: dt.datetime | None = None
        self._thread: threading.Thread | None = None

    def start_if_due(self, now: dt.datetime) -> None:
        """Starts a backup if one is due, in a thread, so that mails go on meanwhile.

        The thread does not hold up the end of the worker: half a backup has no name of its own, and
        the next worker takes a whole one.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        if self._retry_at is not None and now < self._retry_at:
            return
        if self._is_due(now):
            self._thread = threading.Thread(
                target=self.take_if_due, args=(now,), name="kb-backup", daemon=True
            )
            self._thread.start()

    def wait(self) -> None:
        """Returns once no backup is in progress."""
        if self._thread is not None:
            self._thread.join()

    def take_if_due(self, now: dt.datetime) -> None:
        """Takes a backup if one is due and nobody else is taking it, then removes old ones."""
        try:
            with self._turn() as is_ours:
                if is_ours and self._is_due(now):
                    self._take(now)
                    self._retry_at = None
        except (KbError, OSError) as error:
            self._retry_at = now + _RETRY_AFTER
            sentence = error.sentence if isinstance(error, KbError) else str(error)
            LOG.warning("No backup was taken; trying again in 15 minutes. %s", sentence)

    def _take(self, now: dt.datetime) -> None:
        for leftover in self._folder.glob(".askfirst-*.partial"):
            leftover.unlink(missing_ok=True)  # of a worker that was killed: the turn is ours
        name = f"askfirst-{now.astimezone(dt.UTC):{_TIME_FORMAT}}Z.backup"
        report = self._write(self._folder / name, now)
        LOG.info("Wrote and verified the backup %s, %s bytes", report.file, report.size)
        for _, path in backups_in(self._folder)[self._keep :]:
            path.unlink(missing_ok=True)

    def _is_due(self, now: dt.datetime) -> bool:
        try:
            taken = backups_in(self._folder)
        except OSError:
            return True  # taking one then says what is wrong
        return not taken or now - taken[0][0] >= self._every

    @contextlib.contextmanager
    def _turn(self) -> Iterator[bool]:
        """Whether this worker may take a backup now: one at a time does. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)
