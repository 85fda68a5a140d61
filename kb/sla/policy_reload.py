"""Has the policy file changed since it was read, and is the change sound?

Whoever serves or sweeps for weeks asks before each round or request; most answers cost one look at
the file's times. Never onto a broken file: the mistakes are told once, and what held before holds
on. Not for noting since when a policy holds: that is ``kb.tickets.policy_versions``.
"""

from __future__ import annotations

import datetime as dt
import threading
import tomllib
from pathlib import Path

from kb.errors import Misconfigured
from kb.sla import policy_file
from kb.sla.policy import SlaPolicy

#: The file is looked at so often; a change counts when it looks the same twice, as editors write in
#: several steps.
CHECK_INTERVAL = dt.timedelta(seconds=1)

#: What a file looks like from outside: inode, size and time of its last change; empty for one that
#: is not there.
_FileStamps = tuple[tuple[int, ...], ...]


class PolicyWatch:
    """One policy file and what it said last. Safe for many threads: a change is answered to one of
    them.
    """

    def __init__(self, path: Path, policy: SlaPolicy) -> None:
        self._path = path
        self._version = policy.version
        self._names = closure_files(path)
        self._read = self._noticed = self._look()
        self._looked = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._turn = threading.Lock()
        self.problem = ""  # what is wrong with the file now; empty while it is sound

    def changed(self, now: dt.datetime) -> SlaPolicy | None:
        """The policy of the file, when that is another one than it was; None otherwise, and for all
        but one asker.

        Raises Misconfigured with every mistake, once for each broken state of the file; ``problem``
        keeps it.
        """
        if not self._turn.acquire(blocking=False):
            return None
        try:
            if abs(now - self._looked) < CHECK_INTERVAL:
                return None
            self._looked = now
            return self._settled()
        finally:
            self._turn.release()

    def again(self) -> None:
        """The last answer could not be used; give it once more."""
        self._read, self._version = (), ""

    def _settled(self) -> SlaPolicy | None:
        before, self._noticed = self._noticed, self._look()
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
        self._read = self._noticed = self._look()
        if policy.version == self._version:
            return None
        self._version = policy.version
        return policy

    def _look(self) -> _FileStamps:
        return tuple(
            _looks(path)
            for path in (self._path, *(self._path.parent / name for name in self._names))
        )


def closure_files(path: Path) -> tuple[str, ...]:
    """The calendars of closures that a policy file names, relative to it; none for a file that
    cannot be read.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8-sig")).get("calendars", {}).values()
    except (OSError, ValueError, AttributeError):
        return ()
    named = [table.get("ics", "") for table in tables if isinstance(table, dict)]
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str) and name))


def _looks(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
