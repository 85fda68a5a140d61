"""What is old enough is deleted by its class, and nothing younger or of another kind."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from kb.analytics.query_log import QueryLog
from kb.analytics.tables import DEFLECTION_PEOPLE
from kb.centre import HelpCentre
from kb.database.metadata import USAGE
from kb.experiments.tables import EXPERIMENT_CREDITS, EXPERIMENTS
from kb.gaps.tables import GAP_PROPOSALS
from kb.mail.tables import RECEIVED_MAILS, UNREACHABLE_ADDRESSES
from kb.notifications.queue import NewNotice, add_notices
from kb.notifications.tables import NOTICES, WEBHOOK_JOBS
from kb.operations.audit import Action, AuditEntry, AuditLog
from kb.operations.retention import RETENTION, Retention, overdue
from kb.operations.tables import AUDIT_LOG
from kb.people.accounts import SIGN_IN_LIMIT
from kb.people.person import OPERATOR
from kb.people.second_factors import CODE_LIMIT
from kb.people.tables import PEOPLE
from kb.privacy.personal_data import PersonalData
from kb.settings import SETTINGS, Settings
from kb.subscriptions.tables import SUBSCRIPTIONS
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.tables import UPLOAD_LINKS, UPLOADS
from kb.tickets.ticket import Upload
from kb.worker.assembly import build_worker
from tests.privacy.planting import found_in
from tests.webapp.world import settings_of
from tests.world import DAY, FRIDAY, HOUR, World, draft

SECOND = dt.timedelta(seconds=1)


def retention(world: World, **more: str) -> tuple[Retention, Settings]:
    settings = settings_of(world.data.parent, **more)
    data = PersonalData(world.database, Attachments(world.data / "attachments"), ("k" * 48,))
    return (
        Retention(
            world.database,
            settings,
            remove_orphans=lambda age, now: 0,
            sweep_uploads=lambda now: 0,
            erase_tickets=data.erase_texts,
        ),
        settings,
    )


def count(world: World, table: Any, *where: Any) -> int:
    with world.database.read() as connection:
        query = select(func.count()).select_from(table).where(*where)
        return int(connection.execute(query).scalar_one())


def test_every_class_has_a_setting_that_exists_or_is_fixed() -> None:
    names = {setting.name for setting in SETTINGS}
    assert {row.setting for row in RETENTION} - {""} <= names
    keys = [row.key for row in RETENTION]
    assert len(keys) == len(set(keys))


def test_failed_attempts_are_kept_for_as_long_as_a_limit_counts_them(tmp_path: Path) -> None:
    attempts = next(row for row in RETENTION if row.key == "attempts")
    kept = attempts.kept(settings_of(tmp_path))
    assert kept == max(SIGN_IN_LIMIT.window, CODE_LIMIT.window)


@pytest.fixture
def filled(world: World) -> World:
    """One row of each class, made on FRIDAY."""
    world.deflection.record("visit", "query", {"query": "paper"}, now=FRIDAY)
    world.accounts.links.issue("register", "new@example.com", {}, now=FRIDAY)
    world.accounts.sign_in("alice@example.com", "alice-demo", address="192.0.2.1", now=FRIDAY)
    for _ in range(2):
        with pytest.raises(Exception, match="wrong"):
            world.accounts.sign_in("bob@example.com", "no", address="192.0.2.1", now=FRIDAY)
    AuditLog(world.database).add(AuditEntry(FRIDAY, Action.SIGNED_IN))
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY)
    serial = int(number.removeprefix("KB-"))
    upload = {"ref": "u", "ticket_id": serial, "person_id": world.alice.id, "name": "a", "size": 9}
    upload |= {"begun_at": FRIDAY}
    link = {"ticket_id": serial, "expires_at": FRIDAY + 7 * DAY}
    world.desk.copies.token(serial, "asked@example.com", now=FRIDAY)
    confirmed = world.desk.copies.token(serial, "sure@example.com", now=FRIDAY)
    world.desk.copies.choose(confirmed, "confirmed", now=FRIDAY)
    guest = world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)
    world.desk.links.create(serial, guest.id, now=FRIDAY)
    world.accounts.guest("hal@example.com", "Hal", "UTC", now=FRIDAY)
    QueryLog(world.database).count([("paper jam", "public")], now=FRIDAY)
    company = world.accounts.contacts.named(OPERATOR, "ACME")
    world.accounts.contacts.invite(
        OPERATOR, "dora@example.com", "Dora", organisation_id=company.id, now=FRIDAY
    )
    compared = {"person_id": world.alice.id, "day": FRIDAY, "portal": "", "form": "", "product": ""}
    compared |= {"share": 50, "arm": "holdout", "needs": 1, "filed": 0, "need_at": FRIDAY}
    job = {"kind": "webhook", "key": "k", "facts": {}, "state": "done", "due_at": FRIDAY}
    with world.database.write() as connection:
        connection.execute(update(NOTICES).values(state="sent"))
        connection.execute(insert(WEBHOOK_JOBS).values(job))
        connection.execute(insert(USAGE).values(scope="mail", key=b"k", at=FRIDAY))
        connection.execute(insert(DEFLECTION_PEOPLE).values(compared))
        connection.execute(insert(UPLOADS).values(upload))
        asked = {"topic": "article:doc/a", "address": "new@example.com", "token": "t", "at": FRIDAY}
        connection.execute(insert(SUBSCRIPTIONS).values(asked))
        tried = {"name": "synonyms", "curations": {}, "started_at": FRIDAY}
        connection.execute(insert(EXPERIMENTS).values(tried))
        credit = {"experiment_id": 1, "who": "visit:v", "present": 1, "at": FRIDAY}
        connection.execute(insert(EXPERIMENT_CREDITS).values(credit))
        connection.execute(insert(UPLOAD_LINKS).values(link))
        received = {"content": "c", "received_at": FRIDAY, "outcome": "ignored"}
        connection.execute(insert(RECEIVED_MAILS).values(received))
        proposal = {"document_id": "doc/jam", "words": ["paper jam"], "asked_at": FRIDAY}
        connection.execute(insert(GAP_PROPOSALS).values(proposal))
        gone = {"address": "gone@example.com", "at": FRIDAY}
        connection.execute(insert(UNREACHABLE_ADDRESSES).values(gone))
    return world


@pytest.mark.parametrize(
    ("row", "expiry"),
    [(row, expiry) for row in RETENTION for expiry in row.expiries],
    ids=lambda value: getattr(value, "key", "") or getattr(getattr(value, "table", ""), "name", ""),
)
def test_a_row_goes_at_its_time_and_not_before(filled: World, row: Any, expiry: Any) -> None:
    enforcer, settings = retention(filled, ticket_days="30" if row.key == "tickets" else "0")
    kept = row.kept(settings)
    assert kept is not None
    with filled.database.read() as connection:
        last = connection.execute(select(func.max(expiry.instant)).where(expiry.where)).scalar_one()
    over = last if expiry.is_end else last + kept

    enforcer.enforce(over - HOUR)
    assert count(filled, expiry.table, expiry.where) > 0
    enforcer.enforce(over + SECOND)
    assert count(filled, expiry.table, expiry.where) == 0


def test_a_guest_who_filed_a_ticket_stays_and_one_who_did_not_goes(filled: World) -> None:
    enforcer, _ = retention(filled)
    enforcer.enforce(FRIDAY + DAY)
    with filled.database.read() as connection:
        guests = connection.execute(select(PEOPLE.c.email).where(PEOPLE.c.guest)).scalars().all()
    assert guests == ["gina@example.com"]


def test_what_is_enforced_is_not_overdue_and_the_choice_of_a_copy_stays(filled: World) -> None:
    enforcer, settings = retention(filled)
    later = FRIDAY + 500 * DAY
    late = {entry.retention.key for entry in overdue(filled.database, settings, later)}
    assert {"episodes", "mails", "copies", "sessions", "links", "usage", "audit"} <= late
    assert enforcer.enforce(later) > 0
    assert overdue(filled.database, settings, later) == ()
    with filled.database.read() as connection:
        copies = connection.exec_driver_sql("SELECT address FROM copies").scalars().all()
    assert copies == ["sure@example.com"]


def test_mails_of_an_active_ticket_stay_since_they_prevent_a_second_one(world: World) -> None:
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    with world.database.write() as connection:
        add_notices(connection, None, "c", [NewNotice("changed", "alice@example.com")], FRIDAY)
        connection.execute(update(NOTICES).values(state="sent"))
    enforcer, _ = retention(world, mail_days="7")
    enforcer.enforce(FRIDAY + 8 * DAY)
    with world.database.read() as connection:
        kept = connection.execute(select(NOTICES.c.ticket_id)).scalars().all()
    assert set(kept) == {int(number.removeprefix("KB-"))}


def test_many_rows_go_in_small_transactions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.database.write() as connection:
        uses = [{"scope": "mail", "key": b"k", "at": FRIDAY} for _ in range(25)]
        connection.execute(insert(USAGE), uses)
    monkeypatch.setattr("kb.operations.retention._BATCH", 10)
    enforcer, _ = retention(world)
    enforcer.enforce(FRIDAY + 2 * DAY)
    assert count(world, USAGE) == 0


def test_closed_tickets_keep_their_texts_unless_the_setting_says_otherwise(world: World) -> None:
    guest = world.accounts.guest("gina@example.com", "Gina Gooseberry", "UTC", now=FRIDAY)
    file = Upload("print.log", b"mulberries")
    texts = draft("Elderberries", description="Blackberries", attachments=(file,))
    old = world.desk.filing.file(texts, guest, key="k", now=FRIDAY)
    world.desk.act(old, world.bob, actions.solve(), now=FRIDAY)
    active = world.desk.filing.file(draft("Raspberries"), world.alice, key="k", now=FRIDAY)
    words = ["elderberries", "blackberries", "mulberries", "gooseberry", "gina@example.com"]

    enforcer, _ = retention(world)
    enforcer.enforce(FRIDAY + 3000 * DAY)
    assert set(found_in(world.data, words)) == set(words)

    enforcer, settings = retention(world, ticket_days="30")
    enforcer.enforce(FRIDAY + 29 * DAY)
    assert world.desk.ticket(old, world.bob, now=FRIDAY).row.title == "Elderberries"
    enforcer.enforce(FRIDAY + 30 * DAY)
    world.database.purge()
    left = found_in(world.data, words)
    assert "mulberries" not in left
    ticket = world.desk.ticket(old, world.bob, now=FRIDAY)
    assert (ticket.row.title, ticket.row.customer) == (
        "Erased ticket",
        f"Erased person {guest.id}",
    )
    assert {event.body for event in ticket.events} == {""}
    assert world.desk.ticket(active, world.bob, now=FRIDAY).row.title == "Raspberries"
    assert overdue(world.database, settings, FRIDAY + 90 * DAY) == ()
    for word in ("elderberries", "gina"):
        assert world.desk.queue.tickets(world.bob, words=word, status="all", now=FRIDAY)[0] == 0


def test_the_worker_enforces_it(tmp_path: Path) -> None:
    centre = HelpCentre.open(settings_of(tmp_path, audit_days="30"), now=FRIDAY)
    try:
        AuditLog(centre.database).add(AuditEntry(FRIDAY, Action.SIGNED_IN))
        centre.deflection.record("visit", "form_open", {}, now=FRIDAY)
        build_worker(centre).round(FRIDAY + 400 * DAY)
        with centre.database.read() as connection:
            for table in (AUDIT_LOG, USAGE):
                assert connection.execute(select(func.count()).select_from(table)).scalar() == 0
        assert overdue(centre.database, centre.settings, FRIDAY + 400 * DAY) == ()
    finally:
        centre.close()
