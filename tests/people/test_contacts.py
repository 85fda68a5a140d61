"""Accounts by link, sessions, and the contacts of an organisation."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import insert

from kb.errors import Conflict, Forbidden, Invalid, KbError, NotFound, TooMany
from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.people.person import OPERATOR, Person
from kb.people.tables import CONTACT_ROLES
from tests.world import DAY, FRIDAY, HOUR, World, draft, person_of

MINUTE = dt.timedelta(minutes=1)


def asked(world: World, now: dt.datetime = FRIDAY) -> list[tuple[str, str]]:
    batches = Outbox(world.database).claim(MAIL_QUEUE, now)
    return [(notice.kind, notice.recipient) for batch in batches for notice in batch]


@pytest.fixture
def anton(world: World) -> Person:
    """Acme's administrator."""
    with world.database.write() as connection:
        roles = [
            {"person_id": world.anton.id, "role": role} for role in ("administrator", "billing")
        ]
        connection.execute(insert(CONTACT_ROLES), roles)
    return person_of(world.accounts, "anton")


def invitation_secret(world: World, kind: str, email: str, *, at: dt.datetime = FRIDAY) -> str:
    """What the worker puts into the one mail that waits for ``email``."""
    batches = Outbox(world.database).claim(MAIL_QUEUE, at)
    (notice,) = [notice for batch in batches for notice in batch]
    assert (notice.kind, notice.recipient) == (kind, email)
    return world.accounts.links.issue(kind, email, notice.facts, now=at)


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
    invited = contacts.invite(
        anton, "Dora@example.com", "Dora", roles=["billing", "support"], now=FRIDAY
    )
    assert (invited.email, invited.roles) == ("dora@example.com", ("billing", "support"))
    assert world.accounts.by_email("dora@example.com") is None, "nobody exists before consenting"
    assert contacts.invitations(anton, now=FRIDAY) == (invited,)
    secret = invitation_secret(world, "invite", "dora@example.com")
    person = world.accounts.links.use(secret, "a good password", now=FRIDAY + 6 * DAY)
    assert (person.organisation, person.contact_roles) == ("Acme", ("billing", "support"))
    assert contacts.invitations(anton, now=FRIDAY) == ()
    dora = contacts.by_email(OPERATOR, "dora@example.com")
    assert (dora.name, dora.location, dora.phone) == ("Dora", "Berlin", "+49 30 1")
    changed = contacts.change(anton, dora.id, name="Dora D.", roles=["licence"], phone="+49 30 2")
    assert (changed.name, changed.roles, changed.phone) == ("Dora D.", ("licence",), "+49 30 2")
    token = world.accounts.sign_in(
        "dora@example.com", "a good password", address="192.0.2.1", now=FRIDAY
    )
    contacts.deactivate(anton, dora.id, now=FRIDAY)
    assert world.accounts.person(token, now=FRIDAY) is None
    assert [contact.name for contact in contacts.all(anton, active=False)] == ["Dora D."]
    world.accounts.links.request_reset("dora@example.com", address="192.0.2.1", now=FRIDAY)
    assert asked(world) == [("deactivated", "dora@example.com")]
    contacts.reactivate(anton, dora.id)
    assert world.accounts.sign_in(
        "dora@example.com", "a good password", address="192.0.2.1", now=FRIDAY
    )


def test_an_invitation_occupies_no_address(world: World, anton: Person) -> None:
    contacts = world.accounts.contacts
    contacts.invite(anton, "ceo@rival.example", "CEO", now=FRIDAY)
    asked(world)
    world.accounts.links.request_registration(
        "ceo@rival.example", "The CEO", "UTC", address="192.0.2.1", now=FRIDAY
    )
    assert asked(world) == [("register", "ceo@rival.example")]
    secret = world.accounts.links.issue("register", "ceo@rival.example", {}, now=FRIDAY)
    ceo = world.accounts.links.use(secret, "a good password", name="The CEO", now=FRIDAY)
    assert (ceo.organisation_id, ceo.contact_roles) == (None, ())


def test_inviting_tells_nobody_who_has_an_account(world: World, anton: Person) -> None:
    contacts = world.accounts.contacts
    ada = person_of(world.accounts, "ada")
    erin = contacts.by_email(OPERATOR, "erin@example.com")
    contacts.deactivate(ada, erin.id, now=FRIDAY)
    emails = ("nobody", "charlie", "bob", "erin")  # nobody's, a customer's, an agent's, inactive
    for name in emails:
        contacts.invite(anton, f"{name}@example.com", "Somebody", now=FRIDAY)
    assert len(contacts.invitations(anton, now=FRIDAY)) == len(emails)
    assert asked(world) == [("invite", "nobody@example.com"), ("join", "charlie@example.com")]


def test_who_has_an_account_joins_by_a_button_and_keeps_the_password(
    world: World, anton: Person
) -> None:
    contacts = world.accounts.contacts
    contacts.invite(anton, "charlie@example.com", "Not his name", roles=["billing"], now=FRIDAY)
    assert world.charlie.organisation == "Globex"
    secret = invitation_secret(world, "join", "charlie@example.com")
    link = world.accounts.links.get(secret, now=FRIDAY)
    assert (link.organisation, link.joins, link.leaves) == ("Acme", True, "Globex")
    with pytest.raises(NotFound):
        world.accounts.links.use(secret, "a stolen account", now=FRIDAY)
    charlie = world.accounts.links.join(secret, now=FRIDAY)
    assert (charlie.name, charlie.organisation) == (world.charlie.name, "Acme")
    assert charlie.contact_roles == ("billing",)
    assert world.accounts.sign_in(
        "charlie@example.com", "charlie-demo", address="192.0.2.1", now=FRIDAY
    )
    with pytest.raises(NotFound):
        world.accounts.links.join(secret, now=FRIDAY)


def test_who_registers_before_opening_the_invitation_joins_with_the_account(
    world: World, anton: Person
) -> None:
    world.accounts.contacts.invite(anton, "dora@example.com", "Dora", now=FRIDAY)
    invited = invitation_secret(world, "invite", "dora@example.com")
    world.accounts.add("dora@example.com", "Dora D.", "dora-secret", role="customer", now=FRIDAY)
    assert world.accounts.links.get(invited, now=FRIDAY).joins
    with pytest.raises(NotFound):
        world.accounts.links.use(invited, "a stolen account", now=FRIDAY)
    assert world.accounts.links.join(invited, now=FRIDAY).organisation == "Acme"


def test_a_withdrawn_or_old_invitation_opens_nothing(world: World, anton: Person) -> None:
    contacts = world.accounts.contacts
    first = contacts.invite(anton, "dora@example.com", "Dora", now=FRIDAY)
    secret = invitation_secret(world, "invite", "dora@example.com")
    with pytest.raises(NotFound):
        contacts.withdraw(world.charlie, first.id)
    contacts.withdraw(anton, first.id)
    for attempt in (
        lambda: world.accounts.links.get(secret, now=FRIDAY),
        lambda: world.accounts.links.use(secret, "a good password", now=FRIDAY),
        lambda: contacts.withdraw(anton, first.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert world.accounts.by_email("dora@example.com") is None

    again = contacts.invite(anton, "dora@example.com", "Dora", now=FRIDAY)
    assert contacts.invitations(anton, now=FRIDAY + 6 * DAY) == (again,)
    assert contacts.invitations(anton, now=FRIDAY + 7 * DAY) == ()


def test_invitations_to_one_address_are_as_few_as_other_account_mails(
    world: World, anton: Person
) -> None:
    for variant in ("dora@example.com", "Dora@example.com", "dora+x@example.com"):
        world.accounts.contacts.invite(anton, variant, "Dora", now=FRIDAY)
    with pytest.raises(TooMany):
        world.accounts.contacts.invite(anton, "dora@example.com", "Dora", now=FRIDAY)


def test_only_the_side_that_deactivated_a_contact_reactivates_it(
    world: World, anton: Person
) -> None:
    contacts, ada = world.accounts.contacts, person_of(world.accounts, "ada")
    contacts.deactivate(ada, world.alice.id, now=FRIDAY)
    contacts.deactivate(anton, world.alice.id, now=FRIDAY)  # does not make it theirs
    with pytest.raises(Forbidden):
        contacts.reactivate(anton, world.alice.id)
    assert world.accounts.by_email("alice@example.com") is None
    contacts.reactivate(ada, world.alice.id)
    contacts.deactivate(anton, world.alice.id, now=FRIDAY)
    contacts.deactivate(ada, world.alice.id, now=FRIDAY)  # ours counts more
    with pytest.raises(Forbidden):
        contacts.reactivate(anton, world.alice.id)


def test_an_organisation_never_manages_who_works_for_the_help_centre(
    world: World, anton: Person
) -> None:
    contacts = world.accounts.contacts
    agent = world.accounts.add(
        "finn@example.com", "Finn", "finn-secret", role="agent", organisation="Acme", now=FRIDAY
    )
    assert agent.organisation_id == anton.organisation_id
    assert "finn@example.com" not in [contact.email for contact in contacts.all(anton)]
    for attempt in (
        lambda: contacts.change(anton, agent.id, name="Mine", roles=[]),
        lambda: contacts.set_roles(anton, agent.id, ["billing"]),
        lambda: contacts.deactivate(anton, agent.id, now=FRIDAY),
        lambda: contacts.reactivate(anton, agent.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    ada = person_of(world.accounts, "ada")
    assert "finn@example.com" in [c.email for c in contacts.all(ada, agent.organisation_id)]
    contacts.deactivate(ada, agent.id, now=FRIDAY)


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
            lambda who=who: contacts.deactivate(who, anton.id, now=FRIDAY),
            lambda who=who: contacts.reactivate(who, anton.id),
            lambda who=who: contacts.set_organisation(who, acme, phone="1"),
        ):
            with pytest.raises(NotFound):
                attempt()
    with pytest.raises(NotFound):
        contacts.deactivate(anton, world.charlie.id, now=FRIDAY)
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
        contacts.deactivate(anton, anton.id, now=FRIDAY)
    with pytest.raises(Conflict):
        contacts.change(anton, anton.id, name="Anton", roles=["support"])
    with pytest.raises(Invalid):
        contacts.set_organisation(anton, anton.organisation_id or 0, category="ultimate")


def test_a_deactivated_contacts_tickets_stay(world: World, anton: Person) -> None:
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    world.accounts.contacts.deactivate(anton, world.alice.id, now=FRIDAY)
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
