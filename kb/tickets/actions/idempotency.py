"""Idempotency keys: a double click, a reload or a lost response never performs an action twice."""

from __future__ import annotations

import hashlib
import json

from kb.errors import Invalid
from kb.people.person import Person
from kb.text import clean_text
from kb.tickets.changeset import IdempotencyKey
from kb.tickets.lifecycle import Verb
from kb.tickets.ticket import Draft

MAX_KEY_LENGTH = 100


def filing_key(person: Person, key: str, draft: Draft | None = None) -> IdempotencyKey:
    """For filing ``draft``, or for looking up what was filed. Raises Invalid."""
    filed_as = fingerprint(draft) if draft else ""
    return IdempotencyKey(person.id, Verb.OPEN.value, checked_key(key), filed_as)


def fingerprint(draft: Draft) -> str:
    """A hash of everything that the requester gave, 64 hex digits: the same for the same ticket.

    The consulted articles and the episode may grow between two attempts and do not count.
    """
    values = [
        draft.title,
        draft.type,
        draft.severity,
        draft.severity_detail,
        draft.description,
        draft.product,
        draft.module,
        draft.version,
        draft.coupon,
    ]
    if draft.topic or draft.fields or draft.secrets or draft.severity_explanation:
        own = sorted({**draft.fields, **draft.secrets}.items())
        values += [draft.topic, draft.severity_explanation, json.dumps(own)]
    files = [(file.name, hashlib.sha256(file.data).hexdigest()) for file in draft.attachments]
    return hashlib.sha256(json.dumps([values, draft.copy_to, files]).encode("ascii")).hexdigest()


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
