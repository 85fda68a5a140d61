"""The link in a receipt by which the sender of an unproven mail gets the level of the address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kb.errors import Conflict, NotFound
from kb.mail.confirming import ConfirmByLink
from kb.mail.inbox import Inbox
from kb.mail.mail_links import MailLinks
from kb.tickets import actions
from kb.tickets.repository.repository import TicketRepository
from tests.mail.mails import KEYS, inbox, mail, mailbox, receive
from tests.world import DAY, FRIDAY, World

LINKS = MailLinks(KEYS)


def confirming(world: World, box: Inbox, **changed: object) -> ConfirmByLink:
    box_ = mailbox(**changed)
    policy = replace(world.policy, mailboxes={box_.address: box_})
    return ConfirmByLink(LINKS, TicketRepository(world.database), box.mails, world.desk, policy)


def link(world: World, number: str) -> str:
    serial = int(number.removeprefix("KB-"))
    owner = world.desk.ticket(number, world.bob, now=FRIDAY).ownership.customer_id
    return LINKS.confirm_path(serial, owner, now=FRIDAY).rpartition("/")[2]


@pytest.fixture
def box(world: World) -> Inbox:
    return inbox(world)


def test_confirming_gives_the_level_of_the_account_from_the_start(world: World, box: Inbox) -> None:
    number = receive(box, mail(sender="vera@example.com")).ticket
    proven = receive(box, mail("Else.", sender="vera@example.com", proven=True, subject="Else"))
    token = link(world, number)
    page = confirming(world, box)
    assert not page.ticket(token, now=FRIDAY).confirmed
    later = FRIDAY + DAY
    assert page.confirm(token, now=later).confirmed
    ticket = world.desk.ticket(number, world.vera, now=later)
    same = world.desk.ticket(proven.ticket, world.vera, now=later)
    assert ticket.row.level == proven.level
    dues = [{due.target: due.due for due in each.dues}["first response"] for each in (ticket, same)]
    assert dues[0] == dues[1]
    assert page.confirm(token, now=later).confirmed


def test_opening_the_page_changes_nothing(world: World, box: Inbox) -> None:
    outcome = receive(box, mail(sender="vera@example.com"))
    confirming(world, box).ticket(link(world, outcome.ticket), now=FRIDAY)
    assert world.desk.ticket(outcome.ticket, world.bob, now=FRIDAY).row.level == outcome.level


def test_an_address_without_an_account_or_licence_keeps_the_level(world: World, box: Inbox) -> None:
    outcome = receive(box, mail(sender="new@example.net"))
    confirming(world, box).confirm(link(world, outcome.ticket), now=FRIDAY)
    ticket = world.desk.ticket(outcome.ticket, world.bob, now=FRIDAY)
    assert ticket.row.level == outcome.level


def test_another_organisation_s_mailbox_gives_nobody_else_a_level(world: World, box: Inbox) -> None:
    outcome = receive(box, mail(sender="vera@example.com"))
    page = confirming(world, box, organisation="Globex")
    page.confirm(link(world, outcome.ticket), now=FRIDAY)
    assert world.desk.ticket(outcome.ticket, world.bob, now=FRIDAY).row.level == outcome.level


def test_a_damaged_or_old_link_and_one_of_another_ticket_lead_nowhere(
    world: World, box: Inbox
) -> None:
    outcome = receive(box, mail(sender="vera@example.com"))
    token = link(world, outcome.ticket)
    page = confirming(world, box)
    other = LINKS.confirm_path(1001, world.alice.id, now=FRIDAY).rpartition("/")[2]
    for bad, now in ((token[:-1], FRIDAY), (other, FRIDAY), (token, FRIDAY + 60 * DAY)):
        with pytest.raises(NotFound):
            page.confirm(bad, now=now)


def test_a_closed_ticket_is_not_confirmed(world: World, box: Inbox) -> None:
    outcome = receive(box, mail(sender="vera@example.com"))
    token = link(world, outcome.ticket)
    world.desk.act(outcome.ticket, world.bob, actions.solve(), now=FRIDAY)
    with pytest.raises(Conflict):
        confirming(world, box).confirm(token, now=FRIDAY)
    assert not confirming(world, box).ticket(token, now=FRIDAY).confirmed
