"""Policy versions: each is kept, and due times follow it from its day on."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.sla import policy_file
from kb.tickets.attachments.files import Attachments
from kb.tickets.desk import Desk
from kb.tickets.repository.policy_versions import record_policy
from kb.tickets.repository.repository import TicketRepository
from tests.world import CATALOGUE, DAY, FRIDAY, HOUR, POLICIES, World, draft


@pytest.fixture
def file(tmp_path: Path) -> Path:
    copied = tmp_path / "policies.toml"
    copied.write_text(POLICIES.read_text("utf-8"), "utf-8")
    return copied


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_the_same_policy_is_noted_once(world: World, file: Path) -> None:
    policy = policy_file.load_policy(file)
    for day in range(3):
        (version,) = record_policy(world.database, policy, file, FRIDAY + day * DAY)
        assert version.policy.version == policy.version


def test_a_changed_policy_holds_from_its_day_on_and_open_tickets_are_looked_at_again(
    world: World, file: Path
) -> None:
    record_policy(world.database, policy_file.load_policy(file), file, FRIDAY - DAY)
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    change(file, 'sun = ["00:00-24:00"]', "sun = []")
    for _ in range(2):
        versions = record_policy(world.database, policy_file.load_policy(file), file, FRIDAY + DAY)
        assert [version.effective for version in versions] == [FRIDAY - DAY, FRIDAY + DAY]
    assert versions[0].policy.version == world.policy.version
    with world.database.read() as connection:
        at = connection.exec_driver_sql("SELECT next_at FROM tickets").scalar_one()
    assert at == int((FRIDAY + DAY).timestamp())
    assert world.desk.ticket(number, world.bob, now=FRIDAY).dues[0].due == FRIDAY + 3 * DAY


def test_closures_in_a_calendar_file_are_kept_with_the_policy(world: World, file: Path) -> None:
    (file.parent / "closures.ics").write_text(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        "DTSTART;VALUE=DATE:20260608\r\nSUMMARY:Outing\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n",
        "utf-8",
        newline="",
    )
    change(
        file,
        '[calendars.office]\nzone = "Europe/Berlin"',
        '[calendars.office]\nzone = "Europe/Berlin"\nics = "closures.ics"',
    )
    record_policy(world.database, policy_file.load_policy(file), file, FRIDAY - DAY)
    (file.parent / "closures.ics").unlink()
    change(file, 'ics = "closures.ics"\n', "")
    policy = policy_file.load_policy(file)
    versions = record_policy(world.database, policy, file, FRIDAY + 30 * DAY)
    files = Attachments(world.data / "attachments")
    desk = Desk(TicketRepository(world.database), policy, files, CATALOGUE, versions=versions)
    number = desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    assert desk.ticket(number, world.bob, now=FRIDAY + HOUR).dues[0].due == FRIDAY + 4 * DAY
