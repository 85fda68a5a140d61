"""Which organisation an account belongs to: by its licence, by the operator, by merging."""

from __future__ import annotations

import pytest

from kb.errors import Conflict, Invalid
from kb.people.licences import licence_entries
from kb.people.person import OPERATOR, Person
from tests.world import FRIDAY, World


def register(world: World, email: str) -> Person:
    """Through the link in the mail, which verifies the address."""
    secret = world.accounts.links.issue("register", email, {"name": "Somebody"}, now=FRIDAY)
    return world.accounts.links.use(secret, "a good password", now=FRIDAY)


def license_to(world: World, name: str, *entries: str) -> None:
    contacts = world.accounts.contacts
    organisation = contacts.named(OPERATOR, name)
    contacts.set_organisation(
        OPERATOR, organisation.id, category="commercial", licence_addresses=entries
    )


def test_an_address_that_a_licence_names_joins_its_organisation(world: World) -> None:
    license_to(world, "Acme", "dora@acme.example")
    license_to(world, "Globex", "globex.example")
    dora = register(world, "dora@acme.example")
    assert (dora.organisation, dora.category) == ("Acme", "commercial")
    gus = register(world, "gus@globex.example")
    assert gus.organisation == "Globex"
    assert world.accounts.category(gus, FRIDAY) == "commercial"
    assert register(world, "eve@sub.globex.example").organisation_id is None


def test_the_level_of_a_licensed_address_is_the_paid_one(world: World) -> None:
    promise = world.desk.filing.promise
    stranger = register(world, "eve@elsewhere.example")
    license_to(world, "Acme", "acme.example")
    dora = register(world, "dora@acme.example")
    levels = [
        promise(type="problem", severity="question", customer=person, now=FRIDAY).level_title
        for person in (world.alice, dora, stranger)
    ]
    assert levels[0] == levels[1] != levels[2]


def test_an_address_goes_before_its_domain(world: World) -> None:
    license_to(world, "Globex", "group.example")
    license_to(world, "Acme", "dora@group.example")
    assert register(world, "dora@group.example").organisation == "Acme"


def test_the_first_user_administers_and_the_next_ones_file_tickets(world: World) -> None:
    license_to(world, "Acme", "acme.example")
    first, second = (register(world, f"{name}@acme.example") for name in ("dora", "emil"))
    assert first.contact_roles == ("administrator", "support")
    assert second.contact_roles == ("support",)
    assert [contact.email for contact in world.accounts.contacts.all(first)] == [
        "alice@example.com",
        "anton@example.com",
        "dora@acme.example",
        "emil@acme.example",
    ]


def test_who_registered_before_the_licence_named_the_address_joins_then(world: World) -> None:
    dora = register(world, "dora@acme.example")
    assert dora.organisation_id is None
    license_to(world, "Acme", "acme.example")
    joined = world.accounts.by_email(dora.email)
    assert joined is not None
    assert joined.organisation == "Acme"
    charlie = world.accounts.by_email("charlie@example.com")
    assert charlie == world.charlie, "nobody leaves an organisation by the licence of another"


def test_two_organisations_cannot_claim_one_domain(world: World) -> None:
    license_to(world, "Acme", "acme.example", "dora@globex.example")
    for entries in (["acme.example"], ["dora@globex.example", "globex.example"]):
        with pytest.raises(Conflict) as refused:
            license_to(world, "Globex", *entries)
        assert refused.value.field == "licence_addresses"
    assert world.accounts.contacts.named(OPERATOR, "Globex").licence_addresses == ()
    license_to(world, "Acme", "acme.example")


@pytest.mark.parametrize("entry", ["nonsense", "a@b@c.example", "gmail.com", "@", "Globex Inc"])
def test_what_no_licence_can_name_is_refused(entry: str) -> None:
    with pytest.raises(Invalid) as refused:
        licence_entries([entry])
    assert refused.value.field == "licence_addresses"
