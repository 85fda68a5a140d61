"""Which policies held when?

Each policy file that ever started a help centre is kept with the instant since which it holds, so
that what was promised under it can be counted again. Not for choosing a level: that is always
today's policy.
"""

from __future__ import annotations

import datetime as dt
import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from kb.database import Database
from kb.errors import KbError
from kb.sla import policy_file
from kb.sla import policy_reload as watch
from kb.sla.clock import PolicyVersion
from kb.sla.policy import SlaPolicy
from kb.tickets.tables import POLICIES, TICKETS

LOG = logging.getLogger(__name__)
_FIRST = "policies.toml"
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def always(policy: SlaPolicy) -> tuple[PolicyVersion, ...]:
    """One policy that has held since ever."""
    return (PolicyVersion(_BEGINNING, policy),)


def sources(path: Path) -> dict[str, str]:
    """The policy file and the calendars of closures that it names, as text by name; it was read
    without a mistake.
    """
    found = {_FIRST: path.read_text("utf-8-sig")}
    for name in watch.closure_files(path):
        found[name] = (path.parent / name).read_text("utf-8", "replace")
    return found


def record(
    database: Database,
    policy: SlaPolicy,
    path: Path,
    now: dt.datetime,
    *,
    known: Iterable[PolicyVersion] = (),
) -> tuple[PolicyVersion, ...]:
    """Notes the policy as the one in force from ``now`` on, unless it is already; all versions,
    oldest first.

    Those that are ``known`` are not read again.

    Every open ticket is looked at again by the worker after a change, since its due times may have
    moved.
    """
    rows = _noted(database)
    if not rows or rows[-1].version != policy.version:
        _note(database, policy, path, now.replace(microsecond=0), first=not rows)
        rows = _noted(database)
    if len(rows) == 1:
        return always(policy)
    read = {one.policy.version: one.policy for one in known}
    return (*_earlier(rows[:-1], read), PolicyVersion(rows[-1].effective_at, policy))


def _noted(database: Database) -> Sequence[Any]:
    with database.read() as connection:
        return connection.execute(select(POLICIES).order_by(POLICIES.c.id)).all()


def _note(
    database: Database, policy: SlaPolicy, path: Path, now: dt.datetime, *, first: bool
) -> None:
    """Nothing when another process has noted it in the meantime."""
    with database.write() as connection:
        known = (
            connection.execute(select(POLICIES.c.version).order_by(POLICIES.c.id.desc()))
            .scalars()
            .first()
        )
        if known == policy.version:
            return
        noted = {"version": policy.version, "effective_at": now, "sources": sources(path)}
        connection.execute(insert(POLICIES), noted)
        if not first:
            running = TICKETS.c.status.in_(("open", "waiting", "paused"))
            connection.execute(update(TICKETS).where(running).values(next_at=now))


def _earlier(rows: Iterable[Any], read: Mapping[str, SlaPolicy]) -> list[PolicyVersion]:
    """Those that can still be read; one that a later Askfirst does not understand is left out."""
    found = []
    for row in rows:
        try:
            policy = read.get(row.version) or _read(row.sources, row.effective_at.date())
            found.append(PolicyVersion(row.effective_at, policy))
        except KbError as error:
            LOG.warning(
                "the policy of %s cannot be read any more: %s",
                row.effective_at.date(),
                error.sentence,
            )
    return found


def _read(texts: dict[str, str], today: dt.date) -> SlaPolicy:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, text in texts.items():
            path = (root / name).resolve()
            if path.is_relative_to(root):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
        return policy_file.load_policy(root / _FIRST, today=today)
