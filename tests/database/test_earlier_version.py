"""A ticket database that an earlier version wrote is migrated, shown and worked on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from kb.analytics.tables import EPISODE_EVENTS
from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.people.demo import DEMO_ACCOUNTS
from kb.tickets import actions
from kb.tickets.desk import Desk
from kb.tickets.reports.resolved_links import resolved_links
from tests.earlier_version import EXPECTED, NOW, extract
from tests.webapp.world import Portal, build, settings_of
from tests.world import person_of


@pytest.fixture
def portal(tmp_path: Path) -> Portal:
    """Closed by the fixtures of the folder, as every portal that is built."""
    return build(settings_of(extract(tmp_path)))


def state_of(desk: Desk, number: str, portal: Portal) -> dict[str, Any]:
    """A ticket as an agent sees it, in the shape of the expected values."""
    ticket = desk.ticket(number, person_of(portal.centre.accounts, "bob"), now=NOW)
    targets, _ = desk.history(number, now=NOW)
    return {
        "title": ticket.row.title,
        "status": str(ticket.row.status),
        "customer": ticket.row.customer,
        "level": ticket.level_key,
        "verbs": [str(event.verb) for event in ticket.events],
        "bodies": [event.body for event in ticket.events],
        "related": list(ticket.related),
        "merged_into": ticket.merged_into,
        "rating": ticket.rating.score if ticket.rating else None,
        "targets": [
            [str(t.goal), t.cycle, str(t.state), t.due.isoformat() if t.due else None]
            for t in targets
        ],
    }


@pytest.mark.parametrize("number", sorted(EXPECTED["tickets"]))
def test_each_ticket_is_as_it_was(portal: Portal, number: str) -> None:
    assert state_of(portal.centre.desk, number, portal) == EXPECTED["tickets"][number]


def test_pages_show_each_ticket_to_agents_and_hide_notes_from_the_customer(portal: Portal) -> None:
    portal.clock.now = NOW
    bob, alice = portal.browser("bob"), portal.browser("alice")
    for number, ticket in EXPECTED["tickets"].items():
        assert ticket["title"] in bob.page(f"/desk/{number}")
    assert "Probably the roller." in bob.page("/desk/KB-1001")
    assert "Probably the roller." not in alice.page("/tickets/KB-1001")

    seen = portal.centre.desk.ticket("KB-1001", person_of(portal.centre.accounts, "alice"), now=NOW)
    assert [str(event.verb) for event in seen.events] == EXPECTED["seen_by_customer"]


def test_sessions_mails_votes_and_episodes_go_on(portal: Portal) -> None:
    centre = portal.centre
    person = centre.accounts.person(EXPECTED["session"], now=NOW)
    assert person is not None
    assert person.email == "alice@example.com"

    assert list(Outbox(centre.database).pending().values()) == EXPECTED["mails_waiting"]
    assert len(Outbox(centre.database).claim(MAIL_QUEUE, NOW)) > 0
    assert list(centre.deflection.votes("doc/ink")) == EXPECTED["votes"]

    links = resolved_links(centre.database, most=10)
    assert [
        [link.title, list(link.document_ids), link.solved_at.isoformat()] for link in links
    ] == EXPECTED["resolved_links"]

    with centre.database.read() as connection:
        kinds = connection.execute(
            select(EPISODE_EVENTS.c.kind).where(EPISODE_EVENTS.c.episode_id == "episode-1")
        )
        assert list(kinds.scalars()) == ["query", "shown", "submit"]


def test_the_demo_people_of_an_earlier_version_are_marked(portal: Portal) -> None:
    marked = [person.email for person in portal.centre.accounts.administration.demo_people()]
    assert marked == sorted(demo.email for demo in DEMO_ACCOUNTS)


def test_work_on_a_ticket_goes_on(portal: Portal) -> None:
    desk, accounts = portal.centre.desk, portal.centre.accounts
    bob, alice = person_of(accounts, "bob"), person_of(accounts, "alice")
    later = NOW + dt.timedelta(hours=1)

    desk.act("KB-1002", alice, actions.comment("The black one."), key="c2", now=later)
    assert str(desk.ticket("KB-1002", bob, now=later).row.status) == "open"

    desk.act("KB-1003", alice, actions.reopen("The stain is back."), now=later)
    assert str(desk.ticket("KB-1003", bob, now=later).row.status) == "open"
    desk.act("KB-1001", bob, actions.reply("Solved now?"), key="r9", now=later)
    assert (
        len(desk.ticket("KB-1001", bob, now=later).events)
        == len(EXPECTED["tickets"]["KB-1001"]["verbs"]) + 1
    )
