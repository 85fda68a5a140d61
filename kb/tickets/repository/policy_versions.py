"""Policy versions: which SLA policies were in force when.

Each policy file that a help centre has used is stored with the time from which it applies, so that
the SLA targets of that period can be recalculated. The level of a new ticket always comes from
today's policy.
"""

from __future__ import annotations

import datetime as dt
import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from kb.database import Database
from kb.errors import KbError
from kb.sla import policy_file, policy_reload
from kb.sla.clock import PolicyVersion
from kb.sla.policy import SlaPolicy
from kb.tickets.lifecycle import ACTIVE
from kb.tickets.tables import POLICIES, TICKETS

LOG = logging.getLogger(__name__)
_POLICY_FILE = "policies.toml"
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def single_version(policy: SlaPolicy) -> tuple[PolicyVersion, ...]:
    """One policy that has always been in force."""
    return (PolicyVersion(_BEGINNING, policy),)


def record_policy(
    database: Database,
    policy: SlaPolicy,
    path: Path,
    now: dt.datetime,
    *,
    loaded: Iterable[PolicyVersion] = (),
    on_change: Callable[[Connection], None] | None = None,
) -> tuple[PolicyVersion, ...]:
    """Records that ``policy`` is in force from ``now`` on, unless it is; all versions in order.

    Versions that are ``loaded`` are not parsed again. ``on_change`` is called in the transaction
    that records a changed policy. After a change the worker looks at every
    active ticket, since its due times may have moved.
    """
    rows = _rows(database)
    if not rows or rows[-1].version != policy.version:
        _record(database, policy, path, now.replace(microsecond=0), on_change)
        rows = _rows(database)
    if len(rows) == 1:
        return single_version(policy)
    policies = {version.policy.version: version.policy for version in loaded}
    earlier = _earlier_versions(rows[:-1], policies)
    return (*earlier, PolicyVersion(rows[-1].effective_at, policy))


def _rows(database: Database) -> Sequence[Any]:
    with database.read() as connection:
        return connection.execute(select(POLICIES).order_by(POLICIES.c.id)).all()


def _record(
    database: Database,
    policy: SlaPolicy,
    path: Path,
    now: dt.datetime,
    on_change: Callable[[Connection], None] | None,
) -> None:
    """Does nothing when another process has recorded it in the meantime."""
    with database.write() as connection:
        newest = select(POLICIES.c.version).order_by(POLICIES.c.id.desc())
        previous = connection.execute(newest).scalars().first()
        if previous == policy.version:
            return
        row = {"version": policy.version, "effective_at": now, "sources": _sources(path)}
        connection.execute(insert(POLICIES), row)
        if previous is not None:
            if on_change is not None:
                on_change(connection)
            active = TICKETS.c.status.in_([status.value for status in ACTIVE])
            connection.execute(update(TICKETS).where(active).values(next_at=now))


def _sources(path: Path) -> dict[str, str]:
    """The policy file and the calendar files that it names, as text by name."""
    texts = {_POLICY_FILE: path.read_text("utf-8-sig")}
    for name in policy_reload.closure_files(path):
        texts[name] = (path.parent / name).read_text("utf-8", "replace")
    return texts


def _earlier_versions(
    rows: Iterable[Any], policies: Mapping[str, SlaPolicy]
) -> list[PolicyVersion]:
    """Those that can still be parsed; later releases of Askfirst may not understand an old one."""
    versions = []
    for row in rows:
        try:
            policy = policies.get(row.version) or _parse(row.sources, row.effective_at.date())
            versions.append(PolicyVersion(row.effective_at, policy))
        except KbError as error:
            LOG.warning(
                "The policies of %s can no longer be read: %s",
                row.effective_at.date(),
                error.sentence,
            )
    return versions


def _parse(texts: Mapping[str, str], today: dt.date) -> SlaPolicy:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, text in texts.items():
            path = (root / name).resolve()
            if path.is_relative_to(root):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
        return policy_file.load_policy(root / _POLICY_FILE, today=today)
