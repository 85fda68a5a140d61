"""Policy reload: notices that the policy file has changed, and reads it again.

Long-running processes ask before each request or round; most answers cost one ``stat`` per file. A
broken file is reported once and the previous policy stays in force. The history of policy versions
is kept in ``kb.tickets.repository.policy_versions``.
"""

from __future__ import annotations

import datetime as dt
import threading
import tomllib
from pathlib import Path

from kb.errors import Misconfigured
from kb.sla import policy_file
from kb.sla.policy import SlaPolicy

#: A change counts once two checks in a row see the same file: editors write in several steps.
CHECK_INTERVAL = dt.timedelta(seconds=1)

#: Inode, size and modification time of each file; empty for a file that does not exist.
_FileStamps = tuple[tuple[int, ...], ...]


class PolicyWatch:
    """Watches one policy file. Thread-safe: one caller of many receives a change."""

    def __init__(self, path: Path, policy: SlaPolicy) -> None:
        self._path = path
        self._version = policy.version
        self._names = closure_files(path)
        self._read = self._noticed = self._stamps()
        self._checked = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._lock = threading.Lock()
        self.problem = ""  # what is wrong with the file; empty while it is valid

    def changed(self, now: dt.datetime) -> SlaPolicy | None:
        """The new policy if the file has changed, to one caller; None otherwise.

        Raises Misconfigured with every mistake, once for each broken state of the file; ``problem``
        keeps the message.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if abs(now - self._checked) < CHECK_INTERVAL:
                return None
            self._checked = now
            return self._settled_change()
        finally:
            self._lock.release()

    def again(self) -> None:
        """Returns the last change once more, after a caller could not apply it."""
        self._read, self._version = (), ""

    def _settled_change(self) -> SlaPolicy | None:
        before, self._noticed = self._noticed, self._stamps()
        if self._noticed != before or self._noticed == self._read:
            return None
        self._read = self._noticed
        try:
            policy = policy_file.load_policy(self._path)
        except Misconfigured as error:
            self.problem = error.sentence
            raise
        self.problem = ""
        self._names = closure_files(self._path)
        self._read = self._noticed = self._stamps()
        if policy.version == self._version:
            return None
        self._version = policy.version
        return policy

    def _stamps(self) -> _FileStamps:
        return tuple(
            _stamp(path)
            for path in (self._path, *(self._path.parent / name for name in self._names))
        )


def closure_files(path: Path) -> tuple[str, ...]:
    """The iCalendar files that a policy file names, relative to it; none if it is unreadable."""
    try:
        tables = tomllib.loads(path.read_text("utf-8-sig")).get("calendars", {}).values()
    except (OSError, ValueError, AttributeError):
        return ()
    named = [table.get("ics", "") for table in tables if isinstance(table, dict)]
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str) and name))


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns
