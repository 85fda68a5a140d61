"""The choke point: every person, every verb."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kb.errors import Forbidden, NotFound
from kb.people.person import Person, Role
from kb.tickets import permissions
from kb.tickets.lifecycle import VERBS, Side, Verb
from kb.tickets.permissions import Ownership

ACME, GLOBEX = 1, 2
TICKET = Ownership(serial=1001, customer_id=10, organisation_id=ACME)
PEOPLE = {
    "alice": Person(10, "alice@example.com", "Alice", Role.CUSTOMER, ACME),
    "colleague": Person(11, "anton@example.com", "Anton", Role.CUSTOMER, ACME),
    "charlie": Person(12, "charlie@example.com", "Charlie", Role.CUSTOMER, GLOBEX),
    "erin": Person(13, "erin@example.com", "Erin", Role.EDITOR),
    "bob": Person(14, "bob@example.com", "Bob", Role.AGENT),
    "ada": Person(15, "ada@example.com", "Ada", Role.ADMIN),
    "guest with her id": Person(10, "alice@example.com", "Alice?", Role.CUSTOMER, guest=True),
    "guest with the link": Person(
        16, "gina@example.com", "Gina", Role.CUSTOMER, guest=True, holds=1001
    ),
    "guest with another link": Person(
        10, "gina@example.com", "Gina", Role.CUSTOMER, guest=True, holds=1002
    ),
    "agent as a guest": Person(14, "bob@example.com", "Bob?", Role.AGENT, guest=True),
}
STAFF, OWNERS = {"bob", "ada"}, {"alice", "guest with the link"}
OWNERS_ONLY = {
    Verb.COMMENT,
    Verb.UPLOAD,
    Verb.AGREE,
    Verb.DECLINE,
    Verb.ESCALATE,
    Verb.RATE,
    Verb.CONFIRM,
}
OWNERS_MAY = OWNERS_ONLY | {
    Verb.COPY,
    Verb.SOLVE,
    Verb.CANCEL,
    Verb.REOPEN,
    Verb.REVOKE_LINKS,
}
STAFF_MAY = set(Verb) - {Verb.OPEN} - OWNERS_ONLY


@pytest.mark.parametrize("name", PEOPLE)
def test_only_the_owner_and_staff_see_a_ticket(name: str) -> None:
    person = PEOPLE[name]
    assert permissions.may_see(person, TICKET) == (name in STAFF | OWNERS)
    assert permissions.may_see_internal(person, TICKET) == (name in STAFF)
    assert permissions.may_work_the_queue(person) == (name in STAFF)


#: Colleagues may do this on a ticket that their organisation shares.
COLLEAGUES_MAY = {verb for verb, row in VERBS.items() if Side.COLLEAGUE in row.sides}
SHARED = replace(TICKET, shared=True)


@pytest.mark.parametrize("name", PEOPLE)
def test_a_shared_ticket_is_seen_by_colleagues_too_and_by_nobody_else(name: str) -> None:
    person = PEOPLE[name]
    assert permissions.may_see(person, SHARED) == (name in STAFF | OWNERS | {"colleague"})
    assert permissions.may_see_internal(person, SHARED) == (name in STAFF)
    for verb in Verb:
        if name == "colleague":
            assert permissions.may(person, verb, SHARED) == (verb in COLLEAGUES_MAY)
        else:
            assert permissions.may(person, verb, SHARED) == permissions.may(person, verb, TICKET)
    assert COLLEAGUES_MAY


def test_neither_an_editor_nor_who_has_no_organisation_is_a_colleague() -> None:
    editor = replace(PEOPLE["erin"], organisation_id=ACME)
    loner = replace(PEOPLE["charlie"], organisation_id=None)
    assert not permissions.may_see(editor, SHARED)
    assert not permissions.may_see(loner, replace(SHARED, organisation_id=None))


@pytest.mark.parametrize("name", PEOPLE)
def test_who_asks_for_internal_notes_is_told_only_when_the_ticket_is_theirs(name: str) -> None:
    person = PEOPLE[name]
    if name in STAFF | OWNERS:
        assert permissions.sees_internal(person, TICKET) == (name in STAFF)
    else:
        with pytest.raises(NotFound):
            permissions.sees_internal(person, TICKET)


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("name", PEOPLE)
def test_each_may_do_what_their_side_does_and_strangers_learn_nothing(
    name: str, verb: Verb
) -> None:
    person = PEOPLE[name]
    allowed = (name in STAFF and verb in STAFF_MAY) or (name in OWNERS and verb in OWNERS_MAY)
    assert permissions.may(person, verb, TICKET) == allowed
    if allowed:
        permissions.check_use(person, verb, TICKET)
        return
    with pytest.raises(Forbidden if name in STAFF | OWNERS else NotFound):
        permissions.check_use(person, verb, TICKET)


def test_every_verb_but_opening_is_somebodys() -> None:
    assert {verb for verb, row in VERBS.items() if row.sides} == set(Verb) - {Verb.OPEN}
