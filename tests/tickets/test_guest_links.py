"""Guest links: one ticket, one secret, ninety days."""

from __future__ import annotations

import pytest

from kb.errors import NotFound
from kb.tickets import actions
from tests.world import DAY, FRIDAY, World, draft


def test_a_guest_opens_this_one_ticket_by_the_secret_link(world: World) -> None:
    guest = world.accounts.guest("alice@example.com", "Gina", "UTC", now=FRIDAY)
    number = world.desk.file(draft(), guest, key="guest key", now=FRIDAY)
    other = world.desk.file(draft(), guest, key="other key", now=FRIDAY)
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
