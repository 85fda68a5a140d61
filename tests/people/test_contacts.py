"""Accounts by link, sessions, and the contacts of an organisation."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kb.errors import Conflict, Forbidden, Invalid, KbError, NotFound, TooMany
from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.people.person import OPERATOR, Person
from tests.world import DAY, FRIDAY, HOUR, World, draft, person_of

MINUTE = dt.timedelta(minutes=1)


def asked(world: World, now: dt.datetime = FRIDAY) -> list[tuple[str, str]]:
    batches = Outbox(world.database).claim(MAIL_QUEUE, now)
    return [(notice.kind, notice.recipient) for batch in batches for notice in batch]


@pytest.fixture
def anton(world: World) -> Person:
    """Acme's administrator."""
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO contact_roles VALUES (?, 'administrator'), (?, 'billing')",
            (world.anton.id, world.anton.id),
        )
    return person_of(world.accounts, "anton")


def test_a_registration_is_a_link_and_then_an_account(world: World) -> None:
    world.accounts.links.request_registration(
        "Dora@example.com", "Dora", "Europe/Paris", address="192.0.2.1", now=FRIDAY
    )
    assert asked(world) == [("register", "dora@example.com")]
    secret = world.accounts.links.issue(
        "register", "dora@example.com", {"name": "Dora", "zone": "Europe/Paris"}, now=FRIDAY
    )
    assert world.accounts.links.get(secret, now=FRIDAY).email == "dora@example.com"
    with pytest.raises(Invalid):
        world.accounts.links.use(secret, "short", now=FRIDAY)
    dora = world.accounts.links.use(secret, "a good password", now=FRIDAY + MINUTE)
    assert (dora.name, dora.role, dora.zone, dora.organisation_id) == (
        "Dora",
        "customer",
        "Europe/Paris",
        None,
    )
    assert world.accounts.sign_in(
        "dora@example.com", "a good password", address="192.0.2.1", now=FRIDAY
    )
    with pytest.raises(NotFound):
        world.accounts.links.use(secret, "another password", now=FRIDAY + MINUTE)


def test_nobody_learns_whether_an_address_has_an_account(world: World) -> None:
    for email in ("alice@example.com", "nobody@example.com"):
        world.accounts.links.request_reset(email, address="192.0.2.1", now=FRIDAY)
        world.accounts.links.request_registration(
            email, "Somebody", "UTC", address="192.0.2.1", now=FRIDAY
        )
    assert asked(world) == [
        ("reset", "alice@example.com"),
        ("exists", "alice@example.com"),
        ("register", "nobody@example.com"),
    ]


@pytest.mark.parametrize(
    "variant", ["alice@example.com", "Alice@Example.com", "alice+x@example.com"]
)
def test_an_address_gets_three_mails_an_hour_however_it_is_written(
    world: World, variant: str
) -> None:
    for _ in range(3):
        world.accounts.links.request_reset("alice@example.com", address="192.0.2.1", now=FRIDAY)
    with pytest.raises(TooMany) as refused:
        world.accounts.links.request_reset(variant, address="192.0.2.2", now=FRIDAY)
    assert refused.value.retry_after == 3600
    world.accounts.links.request_reset(variant, address="192.0.2.2", now=FRIDAY + HOUR)


def test_one_network_cannot_flood_many_addresses(world: World) -> None:
    for i in range(20):
        world.accounts.links.request_reset(
            f"a{i}@example.com", address=f"2001:db8::{i}", now=FRIDAY
        )
    with pytest.raises(TooMany):
        world.accounts.links.request_reset(
            "another@example.com", address="2001:db8::ffff", now=FRIDAY
        )


def test_a_reset_ends_every_session_and_every_other_link(world: World) -> None:
    token = world.accounts.sign_in(
        "alice@example.com", "alice-demo", address="192.0.2.1", now=FRIDAY
    )
    first, second = (
        world.accounts.links.issue("reset", "alice@example.com", {}, now=FRIDAY) for _ in range(2)
    )
    world.accounts.links.use(first, "a new password", now=FRIDAY)
    assert world.accounts.person(token, now=FRIDAY) is None
    for secret in (first, second, "nonsense", ""):
        with pytest.raises(NotFound):
            world.accounts.links.use(secret, "yet another one", now=FRIDAY)
    assert asked(world) == [("changed", "alice@example.com")]
    with pytest.raises(Forbidden):
        world.accounts.sign_in("alice@example.com", "alice-demo", address="192.0.2.1", now=FRIDAY)
    late = world.accounts.links.issue("reset", "alice@example.com", {}, now=FRIDAY)
    with pytest.raises(NotFound):
        world.accounts.links.get(late, now=FRIDAY + 15 * MINUTE)


def test_a_link_is_kept_as_a_hash_only(world: World) -> None:
    secret = world.accounts.links.issue("reset", "alice@example.com", {}, now=FRIDAY)
    world.database.close()
    assert secret.encode() not in b"".join(
        path.read_bytes() for path in world.data.glob("tickets.db*")
    )


def test_a_password_is_changed_by_who_knows_the_old_one(world: World) -> None:
    here, there = (
        world.accounts.sign_in(
            "alice@example.com", "alice-demo", address="192.0.2.1", client=name, now=FRIDAY
        )
        for name in ("Firefox", "Phone")
    )
    with pytest.raises(Forbidden):
        world.accounts.change_password(
            world.alice, "wrong", "a new password", token=here, now=FRIDAY
        )
    with pytest.raises(Invalid):
        world.accounts.change_password(world.alice, "alice-demo", "short", token=here, now=FRIDAY)
    world.accounts.change_password(
        world.alice, "alice-demo", "a new password", token=here, now=FRIDAY
    )
    assert world.accounts.person(here, now=FRIDAY)
    assert world.accounts.person(there, now=FRIDAY) is None


def test_sessions_are_listed_and_ended_by_their_owner(world: World) -> None:
    here, there = (
        world.accounts.sign_in(
            "alice@example.com", "alice-demo", address="192.0.2.1", client=name, now=FRIDAY
        )
        for name in ("Firefox", "Phone")
    )
    listed = world.accounts.sessions(world.alice, here, now=FRIDAY)
    assert {(one.client, one.this) for one in listed} == {("Firefox", True), ("Phone", False)}
    phone = next(one for one in listed if one.client == "Phone")
    with pytest.raises(NotFound):
        world.accounts.end_session(world.charlie, phone.id)
    world.accounts.end_session(world.alice, phone.id)
    assert world.accounts.person(there, now=FRIDAY) is None
    world.accounts.sign_in("alice@example.com", "alice-demo", address="192.0.2.1", now=FRIDAY)
    assert world.accounts.end_other_sessions(world.alice, here) == 1
    assert world.accounts.person(here, now=FRIDAY)


def test_an_administrator_invites_changes_and_deactivates_contacts(
    world: World, anton: Person
) -> None:
    contacts = world.accounts.contacts
    contacts.set_organisation(
        anton, anton.organisation_id or 0, location="Berlin", phone="+49 30 1"
    )
    dora = contacts.invite(
        anton, "Dora@example.com", "Dora", roles=["billing", "support"], now=FRIDAY
    )
    assert (dora.roles, dora.location, dora.phone, dora.invited) == (
        ("billing", "support"),
        "Berlin",
        "+49 30 1",
        True,
    )
    assert asked(world) == [("invite", "dora@example.com")]
    secret = world.accounts.links.issue("invite", "dora@example.com", {}, now=FRIDAY)
    person = world.accounts.links.use(secret, "a good password", now=FRIDAY + 6 * DAY)
    assert (person.organisation, person.contact_roles) == ("Acme", ("billing", "support"))
    changed = contacts.change(anton, dora.id, name="Dora D.", roles=["licence"], phone="+49 30 2")
    assert (changed.name, changed.roles, changed.phone) == ("Dora D.", ("licence",), "+49 30 2")
    token = world.accounts.sign_in(
        "dora@example.com", "a good password", address="192.0.2.1", now=FRIDAY
    )
    contacts.deactivate(anton, dora.id)
    assert world.accounts.person(token, now=FRIDAY) is None
    assert [contact.name for contact in contacts.all(anton, active=False)] == ["Dora D."]
    world.accounts.links.request_reset("dora@example.com", address="192.0.2.1", now=FRIDAY)
    assert asked(world) == []
    contacts.reactivate(anton, dora.id)
    assert world.accounts.sign_in(
        "dora@example.com", "a good password", address="192.0.2.1", now=FRIDAY
    )


def test_nobody_else_manages_contacts(world: World, anton: Person) -> None:
    contacts = world.accounts.contacts
    acme = anton.organisation_id
    assert acme
    for who in (world.alice, world.charlie, world.bob, world.erin):
        for attempt in (
            lambda who=who: contacts.all(who, acme),
            lambda who=who: contacts.organisation(who, acme),
            lambda who=who: contacts.invite(
                who, "x@example.com", "X", organisation_id=acme, now=FRIDAY
            ),
            lambda who=who: contacts.change(who, world.alice.id, name="X", roles=[]),
            lambda who=who: contacts.deactivate(who, anton.id),
            lambda who=who: contacts.reactivate(who, anton.id),
            lambda who=who: contacts.set_organisation(who, acme, phone="1"),
        ):
            with pytest.raises(NotFound):
                attempt()
    with pytest.raises(NotFound):
        contacts.deactivate(anton, world.charlie.id)
    ada = person_of(world.accounts, "ada")
    contacts.set_organisation(
        ada, acme or 0, category="commercial", shared_view=True, licence_addresses=["A@example.com"]
    )
    assert contacts.organisation(ada, acme).licence_addresses == ("a@example.com",)


@pytest.mark.parametrize(
    ("about", "error"),
    [
        ({"email": "nonsense"}, Invalid),
        ({"email": "alice@example.com"}, Conflict),
        ({"name": " "}, Invalid),
        ({"phone": "1" * 201}, Invalid),
        ({"roles": ["king"]}, Invalid),
    ],
)
def test_a_contact_that_cannot_be_is_refused(
    world: World, anton: Person, about: dict[str, Any], error: type[KbError]
) -> None:
    with pytest.raises(error):
        world.accounts.contacts.invite(
            anton, **{"email": "d@example.com", "name": "D", **about}, now=FRIDAY
        )
    assert asked(world) == []


def test_an_administrator_cannot_lock_the_own_door(world: World, anton: Person) -> None:
    contacts = world.accounts.contacts
    with pytest.raises(Conflict):
        contacts.deactivate(anton, anton.id)
    with pytest.raises(Conflict):
        contacts.change(anton, anton.id, name="Anton", roles=["support"])
    with pytest.raises(Invalid):
        contacts.set_organisation(anton, anton.organisation_id or 0, category="ultimate")


def test_a_deactivated_contacts_tickets_stay(world: World, anton: Person) -> None:
    number = world.desk.file(draft(), world.alice, key="k", now=FRIDAY)
    world.accounts.contacts.deactivate(anton, world.alice.id)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).row.customer == "Alice Archer"


def test_what_a_contact_inherits_goes_on_following_the_organisation(
    world: World, anton: Person
) -> None:
    contacts, acme = world.accounts.contacts, anton.organisation_id
    assert acme
    contacts.set_organisation(OPERATOR, acme, location="Oslo", phone="1")
    shown = contacts.by_email(OPERATOR, anton.email)
    contacts.change(
        OPERATOR, anton.id, name="Toni", roles=["support"], location=shown.location, phone="2"
    )
    contacts.set_organisation(OPERATOR, acme, location="Bergen", phone="3")
    moved = contacts.by_email(OPERATOR, anton.email)
    assert (moved.name, moved.location, moved.phone) == ("Toni", "Bergen", "2")
