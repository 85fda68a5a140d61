"""How does a request become a checked draft and the person who files it?

Shared by the form and the JSON route. The rules of each field are ``kb.tickets.drafts``'; here are
only the reading of forms, the trail of consulted documents and the guest's name and address, all
mistakes told at once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Request, session
from werkzeug.datastructures import FileStorage

from kb.errors import Invalid, KbError
from kb.ids import ticket_number, ticket_serial
from kb.people.person import Person, email_address
from kb.search.documents import Document
from kb.search.results import Hit
from kb.text import has_visible_text
from kb.tickets.actions.idempotency import checked_key
from kb.tickets.ticket import OUTCOMES, Draft, Upload
from webapp.context import audience, centre, now, person, settings, zone_named
from webapp.security.guard import FILES_PER_TICKET

#: Names of the form's fields; nothing else of a request is read (no mass assignment).
FIELDS = (
    "title",
    "type",
    "severity",
    "severity_detail",
    "description",
    "product",
    "module",
    "version",
    "copy_to",
    "coupon",
    "episode",
    "name",
    "email",
    "zone",
    "key",
    "consulted",
)
TRAIL = 20  # documents on one ticket's trail
TRAIL_TEXT = 20_000  # characters
RECEIPTS = 10  # links of a guest's tickets that one browser session remembers


@dataclass(frozen=True, slots=True)
class Filing:
    """A draft that may be filed, by whom, and the key that makes filing it twice one ticket."""

    draft: Draft
    customer: Person
    key: str


def blank(values: Mapping[str, str]) -> dict[str, str]:
    """A new form: what the address gave (a title from an empty search), fresh key and episode."""
    form = dict.fromkeys(FIELDS, "")
    form |= {
        name: values[name][:1000]
        for name in ("title", "product", "version", "type")
        if name in values
    }
    form["key"], form["episode"] = secrets.token_urlsafe(18), secrets.token_urlsafe(12)
    return form


def read(values: Mapping[str, Any]) -> dict[str, str]:
    """The form's fields as text, exactly as typed."""
    form = {}
    for name in FIELDS:
        value = values.get(name)
        form[name] = value if isinstance(value, str) else "" if value is None else _text(value)
    # Each severity that asks for more has its own input, so that the page needs no script to show
    # the right one.
    detail = values.get(f"severity_detail_{form['severity']}")
    if isinstance(detail, str):
        form["severity_detail"] = detail
    return form


def _text(value: object) -> str:
    """JSON callers may send lists (copy_to) and the trail as it is."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    return json.dumps(value)


def uploads(request: Request) -> tuple[Upload, ...]:
    """The chosen files; an empty file input sends a nameless file, which is none."""
    files = [file for file in request.files.getlist("attachments") if file.filename]
    if len(files) > FILES_PER_TICKET:
        sentence = (
            f"{len(files)} files are too many; attach at most {FILES_PER_TICKET}, or pack "
            f"them into one ZIP."
        )
        raise Invalid(sentence, field="attachments")
    return tuple(_upload(file) for file in files)


def _upload(file: FileStorage) -> Upload:
    """One byte more than is allowed shows that a file is too large; the rest is not taken into
    memory.
    """
    return Upload(
        name=file.filename or "",
        data=file.stream.read(settings().attachment_megabytes * 1024 * 1024 + 1),
    )


def trail(text: str) -> str:
    """The trail again, with the titles that the index knows: what a client says is read by an
    agent, so it is checked.

    Documents that are gone, or were never the asker's, leave no trace.
    """
    try:
        entries = json.loads(text) if 0 < len(text) <= TRAIL_TEXT else []
    except (ValueError, RecursionError):
        return "[]"
    found: dict[str, dict[str, str]] = {}
    for entry in entries[: 2 * TRAIL] if isinstance(entries, list) else ():
        name, outcome = (
            (entry.get("id"), entry.get("outcome")) if isinstance(entry, dict) else (None, None)
        )
        document = (
            _document(name)
            if isinstance(name, str) and outcome in OUTCOMES and len(found) < TRAIL
            else None
        )
        if document:
            found.setdefault(
                document.id, {"id": document.id, "title": document.title, "outcome": str(outcome)}
            )
    return json.dumps(list(found.values()))


def encodable(name: str) -> bool:
    """Whether UTF-8 can say it: JSON may name half a letter, which no document's id holds."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _document(name: str) -> Document | None:
    if not encodable(name):
        return None
    try:
        return centre().searcher.article(name, audience=audience())
    except KbError:
        return None


def shown(hits: Sequence[Hit]) -> str:
    """The trail of suggestions that the review step shows, as the form carries it."""
    return json.dumps([{"id": hit.id, "outcome": "shown"} for hit in hits])


def check(form: Mapping[str, str], files: tuple[Upload, ...]) -> Filing:
    """The draft and its customer. Raises Invalid with one sentence for every field at fault, the
    guest's included.
    """
    someone = person()
    fields = _key_faults(form["key"]) | ({} if someone else _guest_faults(form))
    draft = None
    try:
        draft = centre().desk.check(form, files, trail(form["consulted"]), now=now())
    except Invalid as error:
        fields = {**error.fields, **fields} or {"": error.sentence}
    if draft is None or fields:
        count = len(fields)
        raise Invalid(
            f"{'One field needs' if count == 1 else f'{count} fields need'} another look.",
            fields=fields,
        )
    return Filing(draft, someone or _guest(form), form["key"] or secrets.token_urlsafe(18))


def _key_faults(key: str) -> dict[str, str]:
    try:
        checked_key(key)
    except Invalid as error:
        return dict(error.fields)
    return {}


def _guest_faults(form: Mapping[str, str]) -> dict[str, str]:
    fields = {}
    if not has_visible_text(form["name"]) or len(form["name"]) > 200:
        fields["name"] = "Give your name, up to 200 characters, so that we know whom to answer."
    if email_address(form["email"]) is None:
        fields["email"] = (
            "Give the e-mail address that we should answer to, such as alice@example.com."
        )
    return fields


def _guest(form: Mapping[str, str]) -> Person:
    zone = zone_named(form["zone"]).key
    return centre().accounts.guest(form["email"], form["name"], zone, now=now())


def file_once(filing: Filing) -> str:
    """Files it and returns the number; a guest's browser keeps the link. The same key gives the
    same number.
    """
    desk, at = centre().desk, now()
    number = desk.file(filing.draft, filing.customer, key=filing.key, now=at)
    if filing.customer.guest:
        secret = desk.links.for_new_ticket(number, filing.customer, key=filing.key, now=at)
        remember(number, secret, filing.customer)
    return number


def receipts() -> dict[str, str]:
    """Ticket number -> secret of the guest links that this browser session holds."""
    kept = session.get("receipts")
    return dict(kept) if isinstance(kept, dict) else {}


def remember(number: str, secret: str, guest: Person) -> None:
    """Keeps the newest few links in the signed session, and the guest's zone for showing times."""
    serial = ticket_serial(number)
    if serial is None:
        return
    kept = receipts()
    kept.pop(ticket_number(serial), None)
    kept[ticket_number(serial)] = secret
    session["receipts"] = dict(list(kept.items())[-RECEIPTS:])
    session["zone"] = guest.zone
