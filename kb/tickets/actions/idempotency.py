"""Idempotency keys: a double click, a reload or a lost response never performs an action twice."""

from __future__ import annotations

from kb.errors import Invalid
from kb.people.person import Person
from kb.text import clean_text
from kb.tickets.changeset import IdempotencyKey
from kb.tickets.lifecycle import Verb

MAX_KEY_LENGTH = 100


def filing_key(person: Person, key: str) -> IdempotencyKey:
    """For filing a ticket. Raises Invalid."""
    return IdempotencyKey(person.id, Verb.OPEN.value, checked_key(key))


def verb_key(person: Person, verb: Verb, serial: int, key: str) -> IdempotencyKey:
    """For a verb on one ticket. Raises Invalid."""
    return IdempotencyKey(person.id, f"{verb}/{serial}", checked_key(key))


def checked_key(key: str) -> str:
    """The key as it is stored; empty for none. Raises Invalid."""
    if len(key) > MAX_KEY_LENGTH:
        raise Invalid(f"An idempotency key has at most {MAX_KEY_LENGTH} characters.", field="key")
    cleaned = clean_text(key)
    if key and not cleaned.strip():
        raise Invalid(
            "This idempotency key is blank. Use letters or digits, or leave it out.", field="key"
        )
    return cleaned
