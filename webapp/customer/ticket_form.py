"""The ticket form: from a request to a checked draft and the person who files it.

Shared by the form and the JSON API. ``kb.tickets.drafts`` has the rules of each field; here are
reading the form, the consulted articles, and the guest's name and address. All faults are reported
at once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import session
from werkzeug.datastructures import FileStorage, MultiDict

from kb.errors import Invalid, KbError
from kb.ids import ticket_number, ticket_serial
from kb.people.person import Person, email_address
from kb.search.documents import Document
from kb.search.results import Hit
from kb.sla.form_fields import SiteField
from kb.text import has_visible_text
from kb.tickets.drafts import available
from kb.tickets.ticket import OUTCOMES, Draft, Upload
from webapp.context import audience, centre, current, settings
from webapp.customer.visits import current_visit, end_visit
from webapp.security.guard import FILES_PER_TICKET

if TYPE_CHECKING:
    from kb.centre import HelpCentre

#: Names of every form's fields, beside those of the site. Nothing else of a request is read: no
#: mass assignment.
FIELDS = (
    "title",
    "type",
    "severity",
    "severity_detail",
    "severity_explanation",
    "topic",
    "description",
    "facts",
    "add_facts",
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
MAX_CONSULTED = 20  # articles on one ticket
MAX_CONSULTED_TEXT = 20_000  # characters
MAX_FACTS = 4_000  # characters of what a page or program adds to the description
MAX_HELD_LINKS = 10  # links to a guest's tickets that one browser session keeps


@dataclass(frozen=True, slots=True)
class CheckedForm:
    """A form as it was typed, the draft that it was ``at`` this time, its requester, and the key
    with which filing it twice makes one ticket.

    ``customer`` is None for a guest, of whom ``guest`` has the address, the name and the time zone.
    """

    centre: HelpCentre
    form: Mapping[str, str]
    draft: Draft
    customer: Person | None
    guest: tuple[str, str, str]
    key: str
    at: dt.datetime


def blank_form(values: Mapping[str, str]) -> dict[str, str]:
    """A new form with a new key, the visit, and what the address names, such as a title."""
    own = centre().policy.fields
    form = dict.fromkeys((*FIELDS, *own), "")
    prefilled = [name for name, field in own.items() if field.on_form and not field.is_secret]
    for name in ("title", "product", "version", "type", "topic", *prefilled):
        if name in values:
            form[name] = values[name][:1000]
    form["facts"] = values.get("facts", "")[:MAX_FACTS].strip()
    form["key"], form["episode"] = secrets.token_urlsafe(18), current_visit()
    return form


def read_form(values: Mapping[str, Any]) -> dict[str, str]:
    """The form's fields as text, exactly as typed."""
    return _read(values, centre().policy.fields)


def _read(values: Mapping[str, Any], own: Mapping[str, SiteField]) -> dict[str, str]:
    form = {name: _text(values.get(name)) for name in (*FIELDS, *own)}

    # Each severity that asks for a detail has its own input: without a script, all are in the page.
    for name in ("severity_detail", "severity_explanation"):
        detail = values.get(f"{name}_{form['severity']}")
        if isinstance(detail, str):
            form[name] = detail
    return form


def read_json_form(body: Mapping[str, Any]) -> dict[str, str]:
    """As ``read_form``, with the site's own fields under ``fields``. Raises Invalid."""
    own = body.get("fields", {})
    if not isinstance(own, dict):
        raise Invalid("fields must be an object of field keys and values.", field="fields")
    keys = centre().policy.fields
    unknown = [key for key in own if key not in keys]
    if unknown:
        named = available(key for key, field in keys.items() if field.on_form)
        sentence = f"Unknown field {unknown[0]!r:.60}. {named}"
        raise Invalid(sentence, field="fields")
    facts = body.get("facts", {})
    if not isinstance(facts, dict) or not all(isinstance(fact, str) for fact in facts.values()):
        raise Invalid("facts must be an object with a text for each name.", field="facts")
    lines = "\n".join(f"{name}: {fact}" for name, fact in facts.items())
    return read_form({**body, **own, "facts": lines, "add_facts": "yes"})


def _text(value: object) -> str:
    """JSON callers may send a list (``copy_to``), or the consulted articles as they are."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    return json.dumps(value)


def uploads(sent: MultiDict[str, FileStorage]) -> tuple[Upload, ...]:
    """The chosen files; an empty file input sends one without a name."""
    files = [file for file in sent.getlist("attachments") if file.filename]
    if not files:
        return ()
    if len(files) > FILES_PER_TICKET:
        raise Invalid(
            f"You can attach at most {FILES_PER_TICKET} files, not {len(files)}. Pack them into "
            "one ZIP file.",
            field="attachments",
        )

    # One byte more than allowed shows that a file is too large; the rest stays out of memory.
    limit = settings().attachment_megabytes * 1024 * 1024 + 1
    return tuple(Upload(name=file.filename or "", data=file.stream.read(limit)) for file in files)


def consulted_articles(text: str) -> str:
    """The consulted articles again, checked, with the titles of the index: an agent reads them.

    Documents that are gone, or that the requester may not see, leave no trace.
    """
    try:
        entries = json.loads(text) if 0 < len(text) <= MAX_CONSULTED_TEXT else []
    except (ValueError, RecursionError):
        return "[]"
    if not isinstance(entries, list):
        return "[]"

    articles: dict[str, dict[str, str]] = {}
    for entry in entries[: 2 * MAX_CONSULTED]:
        if not isinstance(entry, dict) or len(articles) >= MAX_CONSULTED:
            continue
        document_id, outcome = entry.get("id"), entry.get("outcome")
        if not isinstance(document_id, str) or outcome not in OUTCOMES:
            continue
        document = _document(document_id)
        if document:
            article = {"id": document.id, "title": document.title, "outcome": str(outcome)}
            articles.setdefault(document.id, article)
    return json.dumps(list(articles.values()))


def encodable(text: str) -> bool:
    """Whether UTF-8 can encode it: JSON may hold lone surrogates, which no document's id has."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _document(document_id: str) -> Document | None:
    if not encodable(document_id):
        return None
    try:
        return centre().searcher.article(document_id, audience=audience())
    except KbError:
        return None


def shown_articles(hits: Sequence[Hit]) -> str:
    """The suggestions of the review step, as the form carries consulted articles."""
    return json.dumps([{"id": hit.id, "outcome": "shown"} for hit in hits])


def _described(form: Mapping[str, str]) -> Mapping[str, str]:
    """The form with the facts below its description, if its writer adds them. Raises Invalid."""
    facts = form["facts"].strip().replace("`", "'")  # nothing ends the block before its end
    if not (facts and form["add_facts"] and form["description"].strip()):
        return form
    if len(facts) > MAX_FACTS:
        sentence = f"The facts can have at most {MAX_FACTS:,} characters."
        raise Invalid(sentence, fields={"facts": sentence})
    return {**form, "description": f"{form['description'].rstrip()}\n\n```\n{facts}\n```"}


def check_form(values: Mapping[str, Any], sent: MultiDict[str, FileStorage]) -> CheckedForm:
    """The form and the files that were sent, read and checked.

    Raises Invalid with a sentence for each field at fault.
    """
    portal, customer, time = current()
    form = _read(values, portal.policy.fields)
    files = uploads(sent)
    fields = {} if customer else _guest_faults(form)
    draft = None
    try:
        draft = portal.desk.filing.check(
            _described(form), files, consulted_articles(form["consulted"]), now=time
        )
    except Invalid as error:
        fields = {**error.fields, **fields} or {"": error.sentence}

    if draft is None or fields:
        count = len(fields)
        raise Invalid(
            "One field needs your attention."
            if count == 1
            else f"{count} fields need your attention.",
            fields=fields,
        )
    guest = (form["email"], form["name"], form["zone"])
    key = form["key"] or secrets.token_urlsafe(18)
    return CheckedForm(portal, form, draft, customer, guest, key, time)


def _guest_faults(form: Mapping[str, str]) -> dict[str, str]:
    fields = {}
    if not has_visible_text(form["name"]) or len(form["name"]) > 200:
        fields["name"] = "Enter your name, up to 200 characters."
    if email_address(form["email"]) is None:
        fields["email"] = "Enter a valid e-mail address, such as alice@example.com."
    return fields


def file_once(checked: CheckedForm, *, channel: str = "web") -> tuple[str, Person]:
    """Files the ticket: its number and requester; the same key returns the same number.

    A guest's browser keeps the link.
    """
    portal, customer, time = checked.centre, checked.customer, checked.at
    # A guest, the ticket and the link are saved together, as each waits for the disk; but files are
    # saved first, while others may write.
    is_joined = customer is None and not checked.draft.attachments
    requester = f"requester {checked.guest[0]}"
    with portal.database.join(requester) if is_joined else contextlib.nullcontext():
        customer = customer or portal.accounts.guest(*checked.guest, now=time)
        number = portal.desk.filing.file(
            checked.draft, customer, key=checked.key, channel=channel, now=time
        )
        secret = ""
        if customer.guest:
            secret = portal.desk.links.for_new_ticket(number, customer, key=checked.key, now=time)
    end_visit()
    if secret:
        hold_link(number, secret, customer)
    return number, customer


def held_links() -> dict[str, str]:
    """Ticket number -> secret of the guest links that this browser session holds."""
    links = session.get("receipts")
    return dict(links) if isinstance(links, dict) else {}


def hold_link(number: str, secret: str, guest: Person) -> None:
    """Keeps the newest links in the signed session, and the guest's time zone."""
    serial = ticket_serial(number)
    if serial is None:
        return
    links = held_links()
    links.pop(ticket_number(serial), None)
    links[ticket_number(serial)] = secret
    # The name under which browsers have kept them since before the word changed.
    session["receipts"] = dict(list(links.items())[-MAX_HELD_LINKS:])
    session["zone"] = guest.zone
