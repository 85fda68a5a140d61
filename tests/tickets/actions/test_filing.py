"""Filing: the level, the due time, coupons, and the promise beforehand."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from sqlalchemy import update

from kb.errors import Invalid, TooMany
from kb.people.tables import ORGANISATIONS
from kb.tickets import actions
from kb.tickets.lifecycle import Status
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.ticket import Consulted
from tests.tickets.tickets import LOG, MONDAY, rows, seen
from tests.world import DAY, FRIDAY, HOUR, World, draft


def test_a_filed_ticket_has_its_number_level_and_due_time(world: World) -> None:
    filed = draft(
        product="press",
        module="print",
        version="2.0",
        copy_to=("boss@example.com",),
        attachments=(LOG,),
    )
    number = world.desk.filing.file(filed, world.alice, key="k", now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert number == ticket.number == "KB-1001"
    assert (ticket.row.status, ticket.row.level, ticket.row.urgent) == (
        Status.OPEN,
        "Commercial",
        False,
    )
    assert ticket.level_why == "Your organisation has a commercial licence."
    assert (ticket.row.customer, ticket.row.organisation, ticket.row.product) == (
        "Alice Archer",
        "Acme",
        "press",
    )
    assert (ticket.module, ticket.version, ticket.severity_title) == ("print", "2.0", "Question")
    assert ticket.row.due
    assert (ticket.row.due.target, ticket.row.due.state, ticket.row.due.due) == (
        "first response",
        "running",
        MONDAY,
    )
    assert ticket.copy_to == ("boss@example.com",)


def test_the_due_time_comes_with_its_derivation_without_a_hole(world: World, number: str) -> None:
    ledger = world.desk.ticket(number, world.alice, now=FRIDAY).ledger
    assert ledger[0]["from"] == FRIDAY.isoformat()
    assert ledger[-1]["to"] == MONDAY.isoformat()
    assert all(one["to"] == other["from"] for one, other in itertools.pairwise(ledger))
    assert sum(int(line["seconds"]) for line in ledger if line["state"] == "open") == 8 * 3600


def test_the_promise_before_sending_is_the_one_that_is_kept(world: World) -> None:
    asked = world.desk.filing.promise(
        type="problem",
        severity="question",
        product="press",
        version="2.0",
        customer=world.alice,
        now=FRIDAY,
    )
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert (asked.level_title, asked.why) == (ticket.row.level, ticket.level_why)
    assert asked.due == ticket.dues[0].due == MONDAY
    assert asked.ledger == ticket.ledger
    assert asked.support_ends == dt.date(2027, 12, 31)


def test_a_level_without_a_first_response_promises_only_what_it_has(world: World) -> None:
    guest = world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)
    assert (
        world.desk.filing.promise(
            type="problem", severity="question", customer=guest, now=FRIDAY
        ).due
        is None
    )
    assert (
        world.desk.filing.promise(
            type="problem", severity="question", customer=None, now=FRIDAY
        ).level_title
        == "Community"
    )
    number = world.desk.filing.file(draft(), guest, key="k", now=FRIDAY)
    dues = world.desk.ticket(number, world.bob, now=FRIDAY).dues
    assert [(due.target, due.state) for due in dues] == [("resolution", "running")]
    world.desk.act(number, world.bob, actions.reply("Look here."), key="k", now=FRIDAY)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).dues == dues
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY + HOUR)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).dues[0].state == "met"


@pytest.mark.parametrize(
    "asked", [{"severity": "none"}, {"coupon": "VERA-5"}, {"coupon": "x" * 500}]
)
def test_a_promise_for_what_does_not_exist_is_refused(world: World, asked: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        world.desk.filing.promise(
            **{"type": "problem", "severity": "question", **asked}, customer=world.alice, now=FRIDAY
        )


def test_the_consulted_trail_is_kept_in_order(world: World) -> None:
    trail = (
        Consulted("doc/a", "A", "opened"),
        Consulted("faq/b", "B", "rejected"),
        Consulted("doc/c", "C", "shown"),
    )
    number = world.desk.filing.file(draft(consulted=trail), world.alice, key="k", now=FRIDAY)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).consulted == trail


def test_coupons_lift_the_level_and_are_spent_once_each(world: World) -> None:
    with_coupon = draft(coupon="VERA-5")
    assert (
        world.desk.filing.promise(
            type="problem", severity="question", coupon="VERA-5", customer=world.vera, now=FRIDAY
        ).coupons_left
        == 5
    )
    for i in range(5):
        number = world.desk.filing.file(with_coupon, world.vera, key=f"k{i}", now=FRIDAY)
        world.desk.filing.file(with_coupon, world.vera, key=f"k{i}", now=FRIDAY)
        row = world.desk.ticket(number, world.vera, now=FRIDAY).row
        assert (row.level, row.urgent, row.due and row.due.due) == (
            "VIP coupon",
            True,
            FRIDAY + 4 * HOUR,
        )
    with pytest.raises(Invalid) as refused:
        world.desk.filing.file(with_coupon, world.vera, key="k5", now=FRIDAY)
    assert refused.value.field == "coupon"
    assert world.desk.filing.file(with_coupon, world.vera, key="k4", now=FRIDAY) == number
    assert rows(world, "SELECT count(*) FROM tickets") == [(5,)]


@pytest.mark.parametrize("name", ["alice", "charlie"])
def test_somebody_elses_coupon_is_worth_nothing(world: World, name: str) -> None:
    with pytest.raises(Invalid):
        world.desk.filing.file(draft(coupon="VERA-5"), getattr(world, name), key="k", now=FRIDAY)
    assert rows(world, "SELECT value FROM counters WHERE name = 'ticket'") == [(1000,)]


def test_the_ticket_ends_the_episode_it_came_from(world: World) -> None:
    world.deflection.record("e1", "form_open", {}, now=FRIDAY)
    world.desk.filing.file(draft(episode="e1"), world.alice, key="k", now=FRIDAY)
    assert rows(world, "SELECT ticket_id, person_id FROM episodes") == [(1001, world.alice.id)]
    assert rows(world, "SELECT kind FROM episode_events")[1] == ("submit",)


def test_a_licence_address_counts_only_while_the_contract_holds(world: World) -> None:
    with world.database.write() as connection:
        connection.execute(
            update(ORGANISATIONS)
            .where(ORGANISATIONS.c.name == "Acme")
            .values(
                category="commercial",
                contract_until=FRIDAY + DAY,
                licence_addresses=["anton@example.com"],
            )
        )
    people = TicketRepository(world.database).people
    assert people.entitled(world.anton, FRIDAY) == ("commercial", "commercial")
    assert people.entitled(world.anton, FRIDAY + DAY) == ("", "")
    number = world.desk.filing.file(draft(), world.anton, key="k", now=FRIDAY)
    assert (
        seen(world, number, FRIDAY + 2 * DAY).row.level == "Commercial"
    )  # what was promised stays
    assert world.desk.filing.promise(
        type="problem", severity="question", customer=world.anton, now=FRIDAY + DAY
    ).level_title == ("Community")


def test_an_address_nobody_has_proved_files_ten_tickets_an_hour(world: World) -> None:
    for i in range(10):
        guest = world.accounts.guest(f"gina+{i}@example.com", "Gina", "UTC", now=FRIDAY)
        world.desk.filing.file(draft(), guest, key=str(i), now=FRIDAY)
    with pytest.raises(TooMany):
        world.desk.filing.file(draft(), guest, key="11", now=FRIDAY)
    assert world.desk.filing.file(draft(), guest, key="9", now=FRIDAY) == "KB-1010"  # sent again
    world.desk.filing.file(draft(), guest, key="11", now=FRIDAY + HOUR)
