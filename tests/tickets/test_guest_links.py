"""Guest links: one ticket, one secret, ninety days."""

from __future__ import annotations

import datetime as dt

import pytest

from kb.errors import NotFound
from kb.ids import ticket_serial
from kb.people.person import Person
from kb.tickets import actions
from kb.tickets.lifecycle import Verb
from tests.world import DAY, FRIDAY, HOUR, World, draft


def test_a_guest_opens_this_one_ticket_by_the_secret_link(world: World) -> None:
    guest = world.accounts.guest("alice@example.com", "Gina", "UTC", now=FRIDAY)
    number = world.desk.filing.file(draft(), guest, key="guest key", now=FRIDAY)
    other = world.desk.filing.file(draft(), guest, key="other key", now=FRIDAY)
    secret = world.desk.links.for_new_ticket(number, guest, key="guest key", now=FRIDAY)
    assert (
        world.desk.ticket(
            number, world.desk.links.holder(number, secret, now=FRIDAY), now=FRIDAY
        ).number
        == number
    )
    holder = world.desk.links.holder(number, secret, now=FRIDAY)
    world.desk.act(number, holder, actions.comment("It works by now."), key="c", now=FRIDAY)
    world.desk.act(number, holder, actions.solve(), now=FRIDAY)
    for refused in (
        lambda: world.desk.ticket(number, guest, now=FRIDAY),
        lambda: world.desk.ticket(other, holder, now=FRIDAY),
        lambda: world.desk.ticket(
            other, world.desk.links.holder(other, secret, now=FRIDAY), now=FRIDAY
        ),
        lambda: world.desk.ticket(
            number, world.desk.links.holder(number, secret + "x", now=FRIDAY), now=FRIDAY
        ),
        lambda: world.desk.ticket(
            number, world.desk.links.holder(number, "", now=FRIDAY), now=FRIDAY
        ),
        lambda: world.desk.ticket(
            number,
            world.desk.links.holder(number, secret, now=FRIDAY + 90 * DAY),
            now=FRIDAY + 90 * DAY,
        ),
        lambda: world.desk.links.for_new_ticket(other, guest, key="guest key", now=FRIDAY),
        lambda: world.desk.links.for_new_ticket(number, guest, key="", now=FRIDAY),
        lambda: world.desk.ticket(number, world.alice, now=FRIDAY),
    ):
        with pytest.raises(NotFound):
            refused()
    assert world.desk.mine(guest, now=FRIDAY) == (0, ())
    world.database.close()
    kept = b"".join(path.read_bytes() for path in world.data.glob("tickets.db*"))
    assert secret.encode() not in kept


def opens(world: World, number: str, secret: str, now: dt.datetime = FRIDAY) -> bool:
    try:
        world.desk.links.holder(number, secret, now=now)
    except NotFound:
        return False
    return True


@pytest.fixture
def guest(world: World) -> Person:
    return world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)


def test_a_guest_has_five_live_links_and_those_in_use_stay(world: World, guest: Person) -> None:
    number = world.desk.filing.file(draft(), guest, key="k", now=FRIDAY)
    serial = ticket_serial(number) or 0
    links = [world.desk.links.create(serial, guest.id, now=FRIDAY + i * HOUR) for i in range(5)]
    assert all(opens(world, number, link) for link in links)
    now = FRIDAY + 5 * HOUR
    world.desk.links.open(number, links[0], now=now)
    newest = world.desk.links.create(serial, guest.id, now=now)
    assert [opens(world, number, link, now) for link in (*links, newest)] == [
        True,
        False,
        True,
        True,
        True,
        True,
    ]
    assert world.desk.links.live(number, now=now) == 5


@pytest.mark.parametrize("why", ["spam", "duplicate"])
def test_no_link_opens_a_ticket_that_was_spam_or_filed_twice(
    world: World, guest: Person, why: str
) -> None:
    number = world.desk.filing.file(draft(), guest, key="k", now=FRIDAY)
    secret = world.desk.links.for_new_ticket(number, guest, key="k", now=FRIDAY)
    world.desk.act(number, world.bob, actions.void(why), now=FRIDAY)
    assert not opens(world, number, secret)
    assert world.desk.links.create(ticket_serial(number) or 0, guest.id, now=FRIDAY) == ""


def test_no_link_opens_a_merged_ticket_but_the_one_that_goes_on(
    world: World, guest: Person
) -> None:
    source, target = (world.desk.filing.file(draft(), guest, key=key, now=FRIDAY) for key in "ab")
    secrets = {
        number: world.desk.links.for_new_ticket(number, guest, key=key, now=FRIDAY)
        for number, key in ((source, "a"), (target, "b"))
    }
    world.desk.merge(source, world.bob, target, now=FRIDAY)
    assert not opens(world, source, secrets[source])
    assert opens(world, target, secrets[target])


def test_agents_and_the_guest_revoke_all_links_and_nobody_else(world: World, guest: Person) -> None:
    number = world.desk.filing.file(draft(), guest, key="k", now=FRIDAY)
    links = world.desk.links
    old = links.for_new_ticket(number, guest, key="k", now=FRIDAY)
    holder = links.holder(number, old, now=FRIDAY)
    for stranger in (world.charlie, guest):
        with pytest.raises(NotFound):
            world.desk.act(number, stranger, actions.revoke_links(), now=FRIDAY)
        assert links.renew(number, stranger, now=FRIDAY) == ""
    world.desk.act(number, holder, actions.revoke_links(), now=FRIDAY)
    new = links.renew(number, holder, now=FRIDAY)
    assert (opens(world, number, old), opens(world, number, new)) == (False, True)
    world.desk.act(number, world.bob, actions.revoke_links(), now=FRIDAY)
    assert links.renew(number, world.bob, now=FRIDAY) == ""
    assert not opens(world, number, new)
    events = world.desk.ticket(number, world.bob, now=FRIDAY).events
    assert [(event.verb, event.by_agent) for event in events[1:]] == [
        (Verb.REVOKE_LINKS, False),
        (Verb.REVOKE_LINKS, True),
    ]
    assert links.live(number, now=FRIDAY) == 0
