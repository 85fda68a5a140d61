"""The audit log: entries are only added, and go in their order when they are old."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from kb.centre import HelpCentre
from kb.database import open_database
from kb.operations.audit import Action, AuditEntry, AuditLog, record_command
from kb.operations.cli import audit, backup, restore
from kb.operations.tables import AUDIT_LOG
from kb.people.cli import accounts
from kb.worker.assembly import build_worker
from tests.webapp.world import settings_of
from tests.world import DAY, FRIDAY, World


def entry(days: int, action: Action = Action.SIGNED_IN) -> AuditEntry:
    return AuditEntry(FRIDAY + days * DAY, action, actor_id=7, target="person:7")


def filled(world: World, *days: int) -> AuditLog:
    log = AuditLog(world.database)
    for day in days:
        log.add(entry(day))
    return log


def test_entries_come_back_newest_first_in_pages(world: World) -> None:
    log = filled(world, 0, 1, 2)
    first = log.page(limit=2)
    assert [one.at for one in first] == [FRIDAY + 2 * DAY, FRIDAY + DAY]
    assert [one.at for one in log.page(before=first[-1].id, limit=2)] == [FRIDAY]


def _change(world: World) -> None:
    with world.database.write() as connection:
        connection.execute(update(AUDIT_LOG).values(actor_id=8))


def _delete_one(world: World) -> None:
    with world.database.write() as connection:
        connection.execute(delete(AUDIT_LOG).where(AUDIT_LOG.c.id == 2))


def _replace(world: World) -> None:
    with world.database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_log (id, at, action, facts) VALUES (2, 0, 'x', '{}') "
                "ON CONFLICT (id) DO UPDATE SET action = 'x'"
            )
        )


@pytest.mark.parametrize("tamper", [_change, _delete_one, _replace])
def test_no_entry_is_changed_or_taken_out(world: World, tamper: Callable[[World], None]) -> None:
    log = filled(world, 0, 1, 2)
    before = log.page()
    with pytest.raises(DBAPIError):
        tamper(world)
    assert log.page() == before


def test_old_entries_are_forgotten_and_a_clock_that_went_back_takes_no_later_one(
    world: World,
) -> None:
    log = filled(world, 0, 1, 9, 2, 10)
    assert log.forget(before=FRIDAY + 5 * DAY) == 2
    assert [one.at for one in log.page()] == [FRIDAY + day * DAY for day in (10, 2, 9)]
    assert log.forget(before=FRIDAY + 50 * DAY) == 3


def test_the_worker_keeps_entries_for_the_days_of_the_setting(tmp_path: Path) -> None:
    centre = HelpCentre.open(settings_of(tmp_path, audit_days="30"), now=FRIDAY)
    try:
        log = AuditLog(centre.database)
        for day in (0, 20):
            log.add(entry(day))
        build_worker(centre).round(FRIDAY + 40 * DAY)
        assert [one.at for one in log.page()] == [FRIDAY + 20 * DAY]
    finally:
        centre.close()


def test_a_changed_policy_is_one_entry_and_the_first_one_none(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    first = HelpCentre.open(settings, now=FRIDAY)
    assert AuditLog(first.database).page() == ()

    path = settings.policies_file
    path.write_text(path.read_text("utf-8") + "\n# changed\n", "utf-8")
    for _ in range(2):
        HelpCentre.open(settings, now=FRIDAY + DAY).close()
    entries = AuditLog(first.database).page()
    first.close()
    assert [one.action for one in entries] == [Action.POLICY_CHANGED]


def test_commands_leave_entries_without_addresses_and_passwords(world: World) -> None:
    def run(*arguments: str, stdin: str = "") -> None:
        command, *rest = arguments
        result = CliRunner().invoke(
            accounts, [command, "--data", str(world.data), *rest], input=stdin
        )
        assert result.exit_code == 0, result.output

    run("add", "dora@example.com", "--name", "Dora", "--password-stdin", stdin="s3cret-word\n")
    run("role", "dora@example.com", "admin")
    run("rename", "dora@example.com", "--name", "Theodora")
    run("password", "dora@example.com", "--password-stdin", stdin="s3cret-word-2\n")
    run("contact", "dora@example.com", "--deactivate")
    run("contact", "dora@example.com", "--reactivate")
    run("remove", "dora@example.com")

    result = CliRunner().invoke(audit, ["--data", str(world.data), "--json"])
    found = json.loads(result.stdout)
    assert [one["action"] for one in reversed(found)] == [
        "account-added",
        "account-changed",
        "account-changed",
        "password-changed",
        "account-deactivated",
        "account-reactivated",
        "account-removed",
    ]
    assert len({one["target"] for one in found}) == 1
    assert found[-2]["facts"]["role"] == "admin"
    assert not [word for word in ("dora", "Dora", "s3cret") if word in result.stdout]


def test_a_backup_and_its_restoration_name_the_same_archive(world: World, tmp_path: Path) -> None:
    file, restored = tmp_path / "house.backup", tmp_path / "restored"
    made = CliRunner().invoke(backup, [str(file), "--data", str(world.data)])
    assert made.exit_code == 0, made.output
    back = CliRunner().invoke(restore, [str(file), "--data", str(restored)])
    assert back.exit_code == 0, back.output

    (backed_up,) = AuditLog(world.database).page()
    database = open_database(restored)
    (came_back,) = AuditLog(database).page()
    database.close()
    assert (backed_up.action, came_back.action) == (Action.BACKED_UP, Action.RESTORED)
    assert backed_up.facts["sha256"] == came_back.facts["sha256"]


def test_what_a_command_did_stands_although_the_log_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "tickets.db").write_bytes(b"no database, but long enough to be looked at" * 40)
    now = dt.datetime.now(dt.UTC)
    record_command(tmp_path, Action.PUBLISHED, "generation:000001", now=now)
