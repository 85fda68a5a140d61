"""Which organisation an account belongs to: by its licence, by the operator, by merging."""

from __future__ import annotations

import pytest

from kb.errors import Conflict, Forbidden, Invalid, NotFound
from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.people.licences import licence_entries
from kb.people.person import OPERATOR, Person
from tests.world import FRIDAY, World, draft, person_of


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
    world.accounts.contacts.add_organisation(OPERATOR, "Initech", now=FRIDAY)
    license_to(world, "Initech", "initech.example")
    first, second = (register(world, f"{name}@initech.example") for name in ("dora", "emil"))
    assert first.contact_roles == ("administrator", "support")
    assert second.contact_roles == ("support",)
    assert [contact.email for contact in world.accounts.contacts.all(first)] == [
        "dora@initech.example",
        "emil@initech.example",
    ]


def test_the_buyer_administers_and_a_newcomer_of_the_domain_gets_no_power_over_others(
    world: World,
) -> None:
    license_to(world, "Acme", "acme.example", "buyer@elsewhere.example")
    assert register(world, "dora@acme.example").contact_roles == ("support",)
    buyer = register(world, "buyer@elsewhere.example")
    assert buyer.contact_roles == ("administrator", "support")


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


def test_an_account_is_moved_and_the_roles_it_had_end(world: World) -> None:
    admin = world.accounts.administration
    vera = admin.move(world.vera, "Initech", now=FRIDAY)
    assert (vera.organisation, vera.contact_roles) == ("Initech", ("administrator", "support"))
    assert admin.move(world.charlie, "initech", now=FRIDAY).contact_roles == ("support",)
    alone = admin.move(vera, "", now=FRIDAY)
    assert (alone.organisation_id, alone.contact_roles) == (None, ())
    with pytest.raises(Invalid):
        admin.move(world.bob, "Acme", now=FRIDAY)


@pytest.mark.parametrize(
    ("roles", "files", "views"),
    [
        ((), True, set()),
        (("support",), True, set()),
        (("administrator",), False, {"purchases", "licences"}),
        (("billing",), False, {"purchases", "licences"}),
        (("licence",), False, {"licences", "trials"}),
        (("billing", "licence", "support"), True, {"purchases", "licences", "trials"}),
    ],
)
def test_contact_roles_mean_what_they_say(
    world: World, roles: tuple[str, ...], files: bool, views: set[str]
) -> None:
    contacts, acme = world.accounts.contacts, world.alice.organisation_id or 0
    contacts.set_licence(OPERATOR, acme, "L-1", order_number="O-7", bought_at=FRIDAY)
    contacts.set_licence(OPERATOR, acme, "T-1", kind="trial", valid_until=FRIDAY)
    contacts.set_roles(OPERATOR, world.alice.id, roles)
    alice = person_of(world.accounts, "alice")
    if files:
        assert world.desk.filing.file(draft(), alice, key="k", now=FRIDAY)
    else:
        with pytest.raises(Forbidden):
            world.desk.filing.file(draft(), alice, key="k", now=FRIDAY)
    if not views:
        with pytest.raises(NotFound):
            contacts.licences(alice)
        return
    shown = contacts.licences(alice)
    assert shown.views == views
    assert [row.number for row in shown.purchases] == (["L-1"] if "purchases" in views else [])
    assert [row.number for row in shown.trials] == (["T-1"] if "trials" in views else [])


def test_licences_of_another_organisation_are_nobodys(world: World) -> None:
    contacts, acme = world.accounts.contacts, world.alice.organisation_id or 0
    contacts.set_licence(OPERATOR, acme, "L-1")
    contacts.set_roles(OPERATOR, world.charlie.id, ["billing", "licence"])
    charlie = person_of(world.accounts, "charlie")
    assert contacts.licences(charlie).licences == ()
    for person in (charlie, world.bob, world.erin):
        with pytest.raises(NotFound):
            contacts.licences(person, acme)
        with pytest.raises(NotFound):
            contacts.set_licence(person, acme, "L-2")
    with pytest.raises(NotFound):
        contacts.remove_licence(OPERATOR, acme, "L-2")


def test_guest_tickets_follow_into_the_account_with_the_verified_address(world: World) -> None:
    guest = world.accounts.guest("dora@acme.example", "Dora", "UTC", now=FRIDAY)
    about = draft(copy_to=("stranger@example.net",))
    number = world.desk.filing.file(about, guest, key="g", now=FRIDAY)
    secret = world.desk.links.for_new_ticket(number, guest, key="g", now=FRIDAY)
    license_to(world, "Acme", "acme.example")
    dora = register(world, "dora@acme.example")
    assert world.desk.adopt(dora) == 1
    assert world.desk.adopt(dora) == 0
    ticket = world.desk.ticket(number, dora, now=FRIDAY)
    assert ticket.ownership.organisation_id == dora.organisation_id
    assert ticket.copy_to == (), "nobody had confirmed the copy that a stranger may have typed"
    with pytest.raises(NotFound):
        world.desk.links.holder(number, secret, now=FRIDAY)
    with pytest.raises(NotFound):
        world.desk.ticket(number, world.charlie, now=FRIDAY)


def test_an_address_changes_by_the_link_in_the_mail_only(world: World) -> None:
    links = world.accounts.links
    with pytest.raises(Invalid):
        links.request_address(world.alice, "nonsense", address="192.0.2.1", now=FRIDAY)
    links.request_address(world.alice, "al@acme.example", address="192.0.2.1", now=FRIDAY)
    secret = links.issue("address", "al@acme.example", {"person": str(world.alice.id)}, now=FRIDAY)
    with pytest.raises(NotFound):
        links.use(secret, "a stolen account", now=FRIDAY)
    assert links.confirm_address(secret, now=FRIDAY).email == "al@acme.example"
    with pytest.raises(NotFound):
        links.confirm_address(secret, now=FRIDAY)
    batches = Outbox(world.database).claim(MAIL_QUEUE, FRIDAY)
    mails = {(notice.kind, notice.recipient) for batch in batches for notice in batch}
    assert mails == {("address", "al@acme.example"), ("address-changed", "alice@example.com")}


def test_the_address_of_another_account_is_not_taken(world: World) -> None:
    links = world.accounts.links
    links.request_address(world.alice, "charlie@example.com", address="192.0.2.1", now=FRIDAY)
    assert Outbox(world.database).claim(MAIL_QUEUE, FRIDAY) == []
    facts = {"person": str(world.alice.id)}
    secret = links.issue("address", "charlie@example.com", facts, now=FRIDAY)
    with pytest.raises(NotFound):
        links.confirm_address(secret, now=FRIDAY)
