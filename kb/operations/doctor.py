"""``kb doctor``: what is wrong with an installation, since when, and what to do about it.

``examine`` looks (files, database, index) and ``diagnose`` judges: one function a concern, each
over the facts alone, so that every verdict can be tested without breaking a machine. A problem that
keeps one fact from being read is itself a finding and never ends the examination.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kb.database import (
    DATABASE_FILE,
    Database,
    database_exists,
    is_up_to_date,
    open_database,
)
from kb.errors import KbError
from kb.mail.spool import Spool
from kb.notifications.outbox import LATE_AFTER, Outbox
from kb.operations import heartbeats
from kb.operations.backup_schedule import backups_in
from kb.operations.retention import Overdue, overdue
from kb.operations.signing_key import SIGNING_KEY_FILE, existing_keys
from kb.people.repository.accounts import AccountRepository
from kb.people.second_factor.steps import FactorRule
from kb.people.second_factors import SecondFactors
from kb.search.generations.generation import Generations
from kb.search.installation import search_engine
from kb.search.meaning.embeddings import verify_models
from kb.settings import Settings
from kb.sla import policy_file

#: Below this share of the disk, or this many bytes, a publish may not fit.
_LEAST_FREE_SHARE, _LEAST_FREE_BYTES = 0.05, 500_000_000
#: One backup may be late: a machine restarts, a disk is full for an hour.
_BACKUPS_MISSED = 2
_MEND_INDEX = "Run the command that is named, and check the disk."
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Impact(StrEnum):
    """Whether the product fails, may fail soon, or is open to attack."""

    BROKEN = "broken"
    AT_RISK = "at-risk"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding: a stable ``check`` name, a sentence, what to do, and since when if known."""

    check: str
    impact: Impact
    message: str
    remedy: str
    since: dt.datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "since": self.since.isoformat() if self.since else None}


@dataclass(frozen=True, slots=True)
class Examination:
    """What an examination found. None: it does not exist, or could not be read."""

    settings: Settings
    now: dt.datetime
    errors: dict[str, str] = field(default_factory=dict)  # part -> sentence
    generation: str | None = None
    index_problem: str = ""  # why the published generation is not the one that answers
    index_is_earlier: bool = False  # an earlier version wrote it (see ``Manifest.is_earlier``)
    cluster_problem: str = ""  # why OpenSearch does not answer from it; "" also without OpenSearch
    needs_migration: bool = False
    worker_beat: dt.datetime | None = None
    worker_ended: dt.datetime | None = None
    oldest_message: dt.datetime | None = None
    failed_messages: int = 0
    delayed_mails: int = 0  # received, and to be tried again
    free_bytes: int | None = None
    free_share: float | None = None
    newest_backup: dt.datetime | None = None
    overdue: tuple[Overdue, ...] = ()
    demo_people: tuple[str, ...] = ()  # addresses
    secret_fields: tuple[str, ...] = ()  # titles
    staff_without_factor: tuple[str, ...] = ()  # addresses
    unreadable_factors: int = 0
    open_paths: tuple[Path, ...] = ()  # readable by others than their owner


def examine(settings: Settings, now: dt.datetime) -> Examination:
    """Look at the installation; opens what it can and changes nothing."""
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}

    @contextlib.contextmanager
    def part(name: str) -> Iterator[None]:
        try:
            yield
        except (KbError, OSError) as error:
            errors[name] = error.sentence if isinstance(error, KbError) else str(error)

    with part("policies"):
        policy = policy_file.load_policy(settings.policies_file)
        values["secret_fields"] = tuple(
            own.title for own in policy.fields.values() if own.is_secret
        )
    with part("index"):
        generations = Generations(settings.data)
        values["index_problem"] = generations.problem()
        generation = generations.current(trusted=True)
        values["generation"] = generation.name if generation else None
        values["index_is_earlier"] = generation is not None and generation.manifest.is_earlier
        if generation is not None and settings.search_cluster:
            engine = search_engine(settings.data, settings.search_cluster)
            values["cluster_problem"] = engine.problem(generation)
    if settings.meaning:
        with part("meaning"):
            verify_models()
    with part("disk"):
        usage = shutil.disk_usage(settings.data)
        values |= {"free_bytes": usage.free, "free_share": usage.free / usage.total}
    with part("files"):
        values["open_paths"] = tuple(_open_paths(settings.data))
        values["delayed_mails"] = Spool(settings.data / "mail").delayed()
    if settings.backup_folder:
        with part("backup"):
            taken = backups_in(Path(settings.backup_folder))
            values["newest_backup"] = taken[0][0] if taken else None
    with part("database"):
        exists = database_exists(settings.database_location)
        values["needs_migration"] = exists and not is_up_to_date(settings.database_location)
        if exists and not values["needs_migration"]:
            with contextlib.closing(open_database(settings.database_location)) as database:
                values |= _database_facts(database, settings, now)
    return Examination(settings=settings, now=now, errors=errors, **values)


def diagnose(facts: Examination, *, production: bool) -> tuple[Problem, ...]:
    """All problems, the worst first. ``production`` adds what must not be so on the internet."""
    problems = [
        *_broken_parts(facts),
        *_migration(facts),
        *_index(facts),
        *_worker(facts),
        *_outbox(facts),
        *_mail_in(facts),
        *_disk(facts),
        *_backups(facts),
        *_retention(facts),
        *_factor_keys(facts),
        *_secret_fields(facts),
    ]
    if production:
        problems += [
            *_exposure(facts),
            *_demo_people(facts),
            *_second_factors(facts),
            *_files(facts),
        ]
    order = list(Impact)
    return tuple(sorted(problems, key=lambda problem: order.index(problem.impact)))


# --- looking


def _database_facts(database: Database, settings: Settings, now: dt.datetime) -> dict[str, Any]:
    outbox = Outbox(database)
    rule = FactorRule(settings.second_factor)
    factors = SecondFactors(database, rule, None, partial(existing_keys, settings))
    return {
        "worker_beat": heartbeats.last_beat(database, heartbeats.WORKER),
        "worker_ended": heartbeats.last_beat(database, heartbeats.WORKER_ENDED),
        "oldest_message": outbox.oldest_due(now),
        "failed_messages": len(outbox.failures()),
        "overdue": overdue(database, settings, now),
        "demo_people": tuple(person.email for person in AccountRepository(database).demo()),
        "staff_without_factor": factors.staff_without(),
        "unreadable_factors": factors.unreadable(),
    }


def _open_paths(data: Path) -> Iterator[Path]:
    for path in (data, data / DATABASE_FILE, data / SIGNING_KEY_FILE, data / "attachments"):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield path


# --- judging


def _broken_parts(facts: Examination) -> Iterator[Problem]:
    remedies = {
        "policies": "Correct the policy file; `kb sla check` reports every error with its line.",
        "index": "Publish again with `kb index --full`.",
        "database": (
            "Correct that, and run `kb database check`. Only if the database is damaged, stop the "
            "portal and restore the last backup with `kb restore`."
        ),
        "backup": "Check that KB_BACKUP_FOLDER exists and is readable.",
        "disk": "Check that the data folder exists and is readable.",
        "files": "Check that the data folder exists and is readable.",
        "meaning": "Reinstall Askfirst and its extra `meaning`, then restart the portal.",
    }
    for name, sentence in facts.errors.items():
        # Without its models, search finds pages by their words.
        impact = Impact.AT_RISK if name == "meaning" else Impact.BROKEN
        yield Problem(name, impact, sentence, remedies[name])


def _migration(facts: Examination) -> Iterator[Problem]:
    if facts.needs_migration:
        message = "The database was written by an earlier version and has not been migrated."
        remedy = "Back up with `kb backup`, then start `kb serve`, which migrates it."
        yield Problem("migration", Impact.AT_RISK, message, remedy)


def _index(facts: Examination) -> Iterator[Problem]:
    if facts.generation is None and "index" not in facts.errors:
        yield Problem(
            "index",
            Impact.BROKEN,
            facts.index_problem or "Nothing is published, so search finds nothing.",
            _MEND_INDEX if facts.index_problem else "Run `kb index`, or `kb index pull`.",
        )
    elif facts.index_problem:
        yield Problem(
            "index",
            Impact.AT_RISK,
            f"{facts.index_problem} Generation {facts.generation} answers instead.",
            _MEND_INDEX,
        )
    if facts.index_is_earlier:
        yield Problem(
            "index-version",
            Impact.AT_RISK,
            "The index was written by an earlier version: fewer pages might be suggested.",
            "Run `kb index`, which reads all files again.",
        )
    if facts.cluster_problem:
        yield Problem(
            "opensearch",
            Impact.AT_RISK,
            facts.cluster_problem,
            "Check OpenSearch and KB_OPENSEARCH, then run `kb index`.",
        )


def _worker(facts: Examination) -> Iterator[Problem]:
    remedy = "Start `kb worker`, or let `kb serve` run it."
    if facts.worker_beat is None:
        if "database" not in facts.errors and not facts.needs_migration:
            message = "No worker has ever run: no e-mail is sent and no SLA target is watched."
            yield Problem("worker", Impact.BROKEN, message, remedy)
    elif facts.now - facts.worker_beat > heartbeats.DEAD_AFTER:
        message = "The worker has stopped: no e-mail is sent and no SLA target is watched."
        yield Problem("worker", Impact.BROKEN, message, remedy, facts.worker_beat)
    if facts.worker_ended and facts.now - facts.worker_ended < heartbeats.RECENT:
        message = "The worker ended unexpectedly, and `kb serve` restarted it."
        remedy = "See the log of `kb serve` for the worker's exit code and its last messages."
        yield Problem("worker-ended", Impact.AT_RISK, message, remedy, facts.worker_ended)


def _outbox(facts: Examination) -> Iterator[Problem]:
    if facts.oldest_message and facts.now - facts.oldest_message > LATE_AFTER:
        remedy = (
            "Set KB_SMTP_HOST."
            if not facts.settings.smtp_host
            else "See `kb worker --failures` and the log of the worker."
        )
        message = "Messages are waiting in the outbox."
        yield Problem("outbox", Impact.BROKEN, message, remedy, facts.oldest_message)
    if facts.failed_messages:
        yield Problem(
            "undelivered",
            Impact.AT_RISK,
            f"{facts.failed_messages} messages could not be delivered.",
            "See `kb worker --failures`.",
        )


def _mail_in(facts: Examination) -> Iterator[Problem]:
    if facts.delayed_mails:
        yield Problem(
            "mail-in",
            Impact.AT_RISK,
            f"Received e-mails that could not be processed yet: {facts.delayed_mails}.",
            "They will be tried again. The log of `kb worker` or `kb mail` has the reason.",
        )


def _disk(facts: Examination) -> Iterator[Problem]:
    free, share = facts.free_bytes, facts.free_share
    if free is None or share is None:
        return
    if free < _LEAST_FREE_BYTES or share < _LEAST_FREE_SHARE:
        yield Problem(
            "disk",
            Impact.AT_RISK,
            f"The disk of the data folder has {free / 1e6:,.0f} MB left ({share:.0%}).",
            "Free some space; a full disk refuses new tickets.",
        )


def _backups(facts: Examination) -> Iterator[Problem]:
    settings = facts.settings
    if not settings.backup_folder or "backup" in facts.errors:
        return
    remedy = "Check the log of the worker, which takes backups, and the space on the disk."
    if facts.newest_backup is None:
        message = f"There is no backup in {settings.backup_folder}."
        yield Problem("backup", Impact.AT_RISK, message, remedy)
    elif facts.now - facts.newest_backup > _BACKUPS_MISSED * dt.timedelta(
        hours=settings.backup_hours
    ):
        message = f"The newest backup is older than {_BACKUPS_MISSED} times KB_BACKUP_HOURS."
        yield Problem("backup", Impact.AT_RISK, message, remedy, facts.newest_backup)


def _retention(facts: Examination) -> Iterator[Problem]:
    for late in facts.overdue:
        setting = late.retention.setting
        name = f"KB_{setting.upper()}" if setting else "the retention period"
        yield Problem(
            "retention",
            Impact.AT_RISK,
            f"Data is kept for longer than {name} allows: {late.retention.what}",
            "Check that `kb worker` is running, and read its log. It deletes old data every hour.",
            late.since,
        )


def _factor_keys(facts: Examination) -> Iterator[Problem]:
    if facts.unreadable_factors:
        yield Problem(
            "second-factor-key",
            Impact.BROKEN,
            "Authenticator apps that cannot be checked with the current signing key: "
            f"{facts.unreadable_factors}. Their owners need a recovery code or a passkey.",
            "Add the earlier key to KB_SECRET_KEY_FALLBACKS and restart `kb serve` once, or run "
            "`kb accounts reset-factor` for each of them.",
        )


def _second_factors(facts: Examination) -> Iterator[Problem]:
    if not facts.staff_without_factor:
        return
    addresses = ", ".join(facts.staff_without_factor)
    if facts.settings.second_factor == FactorRule.STAFF:
        # Whoever has the password can set up a factor of their own in such an account.
        message = f"Staff have not set up the required second factor yet: {addresses}."
        remedy = "Ask them to sign in, and remove accounts that nobody uses."
        yield Problem("second-factor", Impact.UNSAFE, message, remedy)
    else:
        message = f"Staff sign in with a password alone: {addresses}."
        remedy = "Require a second factor with KB_SECOND_FACTOR=staff."
        yield Problem("second-factor", Impact.AT_RISK, message, remedy)


def _secret_fields(facts: Examination) -> Iterator[Problem]:
    if facts.secret_fields and not facts.settings.field_key:
        yield Problem(
            "field-key",
            Impact.AT_RISK,
            f"The ticket form does not ask for {', '.join(facts.secret_fields)}, because there "
            "is no key to encrypt it.",
            "Set KB_FIELD_KEY, for example to the output of: openssl rand -hex 32",
        )


def _demo_people(facts: Examination) -> Iterator[Problem]:
    if facts.demo_people:
        yield Problem(
            "demo-people",
            Impact.UNSAFE,
            f"There are demo accounts, whose passwords are public: {', '.join(facts.demo_people)}.",
            "Run `kb accounts remove --demo`.",
        )


def _exposure(facts: Examination) -> Iterator[Problem]:
    settings = facts.settings
    https = settings.base_url.startswith("https://")
    public = urlsplit(settings.base_url).hostname not in _LOOPBACK

    if settings.demo:
        message = "Demo mode is on: the sign-in page shows the passwords of staff accounts."
        yield Problem("demo-mode", Impact.UNSAFE, message, "Start `kb serve` without --demo.")
    if public and not https:
        message = f"The portal is public at {settings.base_url}, without TLS."
        remedy = "Put it behind a proxy with TLS, and set KB_BASE_URL to the https address."
        yield Problem("tls", Impact.UNSAFE, message, remedy)
    if https and not settings.secure_cookies:
        message = "Sign-in cookies may travel unencrypted."
        yield Problem("cookies", Impact.UNSAFE, message, "Set KB_SECURE_COOKIES=yes.")
    if not public:
        message = f"KB_BASE_URL is {settings.base_url}: links in e-mails work on this machine only."
        yield Problem("base-url", Impact.BROKEN, message, "Set KB_BASE_URL to the public address.")
    if not settings.smtp_host:
        message = "KB_SMTP_HOST is not set: no e-mail is sent."
        yield Problem(
            "smtp", Impact.BROKEN, message, "Set KB_SMTP_HOST and the other KB_SMTP_ settings."
        )
    if not settings.backup_folder:
        message = "KB_BACKUP_FOLDER is not set: the worker takes no backups."
        yield Problem("backup", Impact.AT_RISK, message, "Set it to a folder on another disk.")


def _files(facts: Examination) -> Iterator[Problem]:
    for path in facts.open_paths:
        message = f"{path} can be read by other users of this machine."
        yield Problem("permissions", Impact.UNSAFE, message, f"Run `chmod go= {path}`.")
