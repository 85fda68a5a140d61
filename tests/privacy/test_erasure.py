"""An erasure leaves no word of the person in any byte of the data folder, and all of others."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from kb.database.metadata import METADATA
from kb.database.sqlite.engine import SqliteDatabase
from kb.errors import Conflict, Invalid, NotFound, Unavailable
from kb.operations.audit import Action, AuditEntry, AuditLog
from kb.operations.backup import write_backup
from kb.people.person import OPERATOR
from kb.people.tables import PEOPLE
from kb.privacy.inventory import INVENTORY
from kb.privacy.personal_data import PersonalData
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.lifecycle import Status
from kb.tickets.reports.resolved_links import resolved_links
from kb.tickets.repository.policy_versions import single_version
from kb.tickets.sweeper import Sweeper
from kb.tickets.tables import EVENTS
from kb.webhooks.feed import WebhookFeed
from tests.privacy.planting import ADDRESS, Planted, found_in, plant
from tests.tickets.tickets import rows
from tests.world import DAY, FRIDAY, HOUR, World, draft

KEYS = ("k" * 48,)
LATER = FRIDAY + 2 * DAY


def personal_data(world: World) -> PersonalData:
    return PersonalData(world.database, Attachments(world.data / "attachments"), KEYS)


def entry(world: World) -> AuditEntry:
    return AuditEntry(LATER, Action.PERSON_EXPORTED, actor_id=world.bob.id)


def erase(world: World, address: str = ADDRESS) -> None:
    personal_data(world).erase(address, entry(world))


def words_of(planted: Planted) -> dict[str, str]:
    return {**planted.seeds.places, ADDRESS: "address"}


def test_the_inventory_has_every_table_once() -> None:
    assert sorted(holding.table.name for holding in INVENTORY) == sorted(METADATA.tables)


@pytest.mark.parametrize("seed", range(3))
def test_no_byte_of_the_data_folder_keeps_a_word(world: World, tmp_path: Path, seed: int) -> None:
    planted = plant(world, seed)
    words = words_of(planted)
    WebhookFeed(world.database, ["http://hooks.example.com/"]).enqueue_new(FRIDAY)
    before = found_in(world.data, words)
    assert {words[word] for word in words if word not in before} == set()

    erase(world)
    left = found_in(world.data, words)
    assert {words[word]: places for word, places in left.items()} == {}

    Sweeper(world.database, world.policy, single_version(world.policy)).sweep(LATER + DAY)
    write_backup(
        world.data, tmp_path / "next.backup", settings={}, secrets={}, passphrase="", now=LATER
    )
    assert found_in(tmp_path, words) == {}


def test_nothing_of_anybody_else_is_lost(world: World) -> None:
    report = draft("Cannot print mulberries", description="Only blackberries come out.")
    charlies = world.desk.filing.file(report, world.charlie, key="c", now=FRIDAY)
    planted = plant(world, 7)
    before = world.desk.ticket(charlies, world.bob, now=LATER)
    erase(world)

    assert world.desk.ticket(charlies, world.bob, now=LATER) == before
    elsewhere = world.desk.ticket(planted.elsewhere, world.alice, now=LATER)
    assert elsewhere.row.title == "Ask [...] about elderberries"
    assert elsewhere.copy_to == ("friend@example.net",)
    assert [event.body for event in elsewhere.events] == [
        "Paula ([...]) knows about gooseberries.",
        "",
        "Thank you, [...].",
    ]
    for word, number in (("mulberries", charlies), ("gooseberries", planted.elsewhere)):
        count, tickets = world.desk.queue.tickets(world.bob, words=word, status="all", now=LATER)
        assert (count, tickets[0].number) == (1, number)
    company = world.accounts.contacts.named(OPERATOR, "ACME")
    assert company.licence_addresses == ("alice@example.com",)
    copies = rows(world, "SELECT address, choice FROM copies")
    assert copies == [("carol@example.net", "refused")]
    assert rows(world, "SELECT count(*) FROM asked WHERE query = 'paper jam'") == [(1,)]


def test_number_times_and_sla_results_stay_under_a_pseudonym(world: World) -> None:
    planted = plant(world, 1)
    number = planted.own[0]
    before = world.desk.ticket(number, world.bob, now=LATER)
    erase(world)
    Sweeper(world.database, world.policy, single_version(world.policy)).sweep(LATER)

    after = world.desk.ticket(number, world.bob, now=LATER)
    assert after.row.customer == f"Erased person {before.row.customer_id}"
    assert after.row.created == before.row.created
    assert [event.at for event in after.events[:-1]] == [event.at for event in before.events]
    assert [event.verb for event in after.events[:-1]] == [event.verb for event in before.events]
    assert after.rating is not None
    assert (after.rating.score, after.rating.words) == (2, "")
    assert {event.body for event in after.events} == {""}

    assert after.row.status is Status.CANCELLED  # it was open, and nobody can answer it
    ended = [due for due in before.dues if due.met_at is not None]
    assert ended
    assert [due for due in after.dues if due.met_at is not None] == ended
    assert not [due for due in after.dues if due.state in ("running", "paused")]


def test_an_agents_replies_to_others_stay_without_the_name(world: World) -> None:
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)
    world.desk.act(number, world.bob, actions.reply("Switch it on."), now=FRIDAY)
    erase(world, "bob@example.com")
    ticket = world.desk.ticket(number, world.alice, now=LATER)
    assert ticket.events[-1].body == "Switch it on."
    assert {event.actor for event in ticket.events} == {
        world.alice.name,
        f"Erased person {world.bob.id}",
    }
    assert found_in(world.data, ["bob@example.com", world.bob.name]) == {}


def test_a_person_without_tickets_leaves_no_row(world: World) -> None:
    erase(world, "vera@example.com")
    with world.database.read() as connection:
        count = connection.execute(select(PEOPLE.c.id).where(PEOPLE.c.id == world.vera.id)).all()
    assert count == []
    assert world.accounts.by_email("vera@example.com") is None


def test_an_address_without_an_account_is_erased_where_it_stands(world: World) -> None:
    planted = plant(world, 2)
    erase(world, "friend@example.net")
    assert found_in(world.data, ["friend@example.net"]) == {}
    assert found_in(world.data, [ADDRESS])  # and nobody else's
    assert world.desk.ticket(planted.own[0], world.bob, now=LATER).row.title != "Erased ticket"


def test_an_attachment_that_somebody_else_has_too_stays(world: World) -> None:
    from kb.tickets.ticket import Upload

    file = Upload("same.log", b"the same bytes")
    for person in (world.vera, world.charlie):
        world.desk.filing.file(draft(attachments=(file,)), person, key="k", now=FRIDAY)
    erase(world, "vera@example.com")
    assert found_in(world.data / "attachments", ["the same bytes"])
    erase(world, "charlie@example.com")
    assert not found_in(world.data / "attachments", ["the same bytes"])


def test_an_event_that_the_full_text_never_had_is_not_taken_out_of_it(world: World) -> None:
    assert world.sqlite, "about the index of FTS5"
    """The full text counts its rows: a deletion too many would make it refuse searches one day."""
    number = world.desk.filing.file(draft(), world.vera, key="k", now=FRIDAY)
    pause = actions.pause("release", until=FRIDAY + DAY)
    world.desk.act(number, world.bob, pause, now=FRIDAY)
    Sweeper(world.database, world.policy, single_version(world.policy)).sweep(LATER)
    ((resumption,),) = rows(world, "SELECT id FROM events WHERE verb = 'resumed'")
    erase(world, "vera@example.com")
    indexed = f"SELECT count(*) FROM words_docsize WHERE id = {resumption}"
    assert rows(world, indexed) == [(0,)]


def test_search_learns_nothing_more_from_erased_tickets(world: World) -> None:
    number = world.desk.filing.file(draft("Elderberries"), world.vera, key="k", now=FRIDAY)
    world.desk.act(number, world.bob, actions.answer_by_link([("doc/jam", "Jam")]), now=FRIDAY)
    world.desk.act(number, world.bob, actions.reply("See /help/doc/ink."), now=FRIDAY)
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY)
    assert [links.title for links in resolved_links(world.database, most=9)] == ["Elderberries"]
    erase(world, "vera@example.com")
    assert resolved_links(world.database, most=9) == ()


def test_an_erasure_that_a_reader_held_up_is_completed_by_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb.database.sqlite.engine._PURGE_DEADLINE", 0.2)
    plant(world, 12)
    with contextlib.closing(SqliteDatabase(world.sqlite.path, deadline=0.2)) as database:
        data = dataclasses.replace(personal_data(world), database=database)
        with world.database.read() as reading:
            reading.execute(select(PEOPLE.c.id)).all()
            with pytest.raises(Unavailable):
                data.erase(ADDRESS, entry(world))
        assert found_in(world.data, [ADDRESS])  # in the log, which could not be emptied
        with pytest.raises(NotFound):
            data.erase(ADDRESS, entry(world))
    assert found_in(world.data, [ADDRESS]) == {}


def test_whom_nothing_is_held_about_and_the_last_administrator_are_refused(world: World) -> None:
    with pytest.raises(Invalid):
        erase(world, "no address")
    with pytest.raises(NotFound):
        erase(world, "nobody@example.com")
    world.accounts.add("root@example.com", "Root", "correct horse", role="admin", now=FRIDAY)
    with pytest.raises(Conflict):
        erase(world, "root@example.com")
    world.accounts.add("next@example.com", "Next", "correct horse", role="admin", now=FRIDAY)
    erase(world, "root@example.com")


def test_the_audit_log_has_both_and_no_address(world: World) -> None:
    plant(world, 3)
    personal_data(world).export(ADDRESS, entry(world))
    erase(world)
    erased, exported = AuditLog(world.database).page()
    assert (exported.action, erased.action) == (Action.PERSON_EXPORTED, Action.PERSON_ERASED)
    assert exported.target == erased.target != ""
    assert exported.facts["digest"] == erased.facts["digest"]
    with pytest.raises(NotFound) as refused:
        erase(world)
    assert f"{LATER:%Y-%m-%d}" in refused.value.sentence
    other = dataclasses.replace(personal_data(world), keys=("another key" * 5,))
    with pytest.raises(NotFound) as unknown:
        other.held(ADDRESS, now=LATER)
    assert f"{LATER:%Y-%m-%d}" not in unknown.value.sentence


def test_an_event_loses_words_and_nothing_else(world: World) -> None:
    world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    for change in (
        {"body": "It does print."},
        {"body": "[...] is not printed by it at all."},
        {"at": FRIDAY + HOUR},
        {"verb": "replied"},
        {"public": False},
        {"actor": "Somebody else"},
        {"actor_id": None},
    ):
        with pytest.raises(IntegrityError), world.database.write() as connection:
            connection.execute(update(EVENTS).values(change))
    with world.database.write() as connection:
        connection.execute(update(EVENTS).values(body="", actor="Erased person 7"))
        with pytest.raises(IntegrityError):
            connection.execute(text("DELETE FROM events"))


def test_erasing_twice_and_searching_afterwards_keeps_the_full_text_whole(world: World) -> None:
    assert world.sqlite, "about the index of FTS5"
    planted = plant(world, 4)
    erase(world)
    world.desk.act(planted.elsewhere, world.bob, actions.note("raspberries"), now=LATER)
    erase(world, "alice@example.com")
    with world.database.write() as connection:
        connection.execute(text("INSERT INTO words (words) VALUES ('integrity-check')"))
    assert not found_in(world.data, ["raspberries", "gooseberries"])
    assert world.desk.queue.tickets(world.bob, words="Erased", status="all", now=LATER)[0] == 5
