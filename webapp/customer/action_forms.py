"""Forms of verbs: which ones a page offers, and from its fields to the command for the desk.

Which fields a verb has stands in its row of ``kb.tickets.lifecycle``; here is only what the choices
of a field are, and how each kind of field is read. A new verb whose fields are of known kinds needs
nothing here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from flask import request
from werkzeug.datastructures import MultiDict

from kb.errors import Invalid, NotFound
from kb.search.documents import PUBLIC
from kb.sla.clock import CUSTOMER
from kb.sla.policy import SlaPolicy
from kb.tickets.actions import COMMANDS
from kb.tickets.actions.conversation import is_web_address
from kb.tickets.decision import Command
from kb.tickets.lifecycle import VERBS, ActionForm, FieldKind, FormField, Layout, Side, Verb
from kb.tickets.ticket import Ticket
from webapp.context import centre, person, settings, zone
from webapp.customer.ticket_form import uploads

#: Ids and addresses, in contrast to words that are searched for.
_LINKS = re.compile(r"(\S*[/:]\S*\s*)+")
#: Name of a form -> its verb.
FORM_VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        form.name: verb
        for verb, row in VERBS.items()
        for form in (row.form, row.requester_form)
        if form is not None
    }
)


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """A form that was refused: its page shows it again, with the reason and what was typed."""

    name: str
    sentence: str
    values: MultiDict[str, str]

    def shown_in(self, forms: Sequence[ActionForm]) -> RefusedForm:
        """As one of ``forms``, those that the page offers.

        The status of the ticket may have changed meanwhile, so that the form is gone: then its
        message goes to the last card, and is not lost.
        """
        cards = [form.name for form in forms if form.layout is Layout.CARD and form.fields]
        if not cards or self.name in [form.name for form in forms] or not self.values.get("body"):
            return self
        return replace(self, name=cards[-1])


def command_of(form_name: str, side: Side, form: MultiDict[str, str]) -> Command:
    """The command of a form that was sent from the pages of ``side``. Raises Invalid by field."""
    verb = FORM_VERBS[form_name]
    action_form = VERBS[verb].form_for(side)
    if action_form is None:
        raise NotFound("This action is not available here.")
    values = {field.name: _READERS[field.kind](form, field.name) for field in action_form.fields}
    if action_form.files:
        values["uploads"] = uploads(request.files)
    return COMMANDS[verb](**values)


def form_rule(side: Side, *others: str) -> str:
    """The last part of a route that takes every form of a side, and ``others``.

    Forms with files have routes of their own, since only these take large bodies.

    >>> form_rule(Side.COLLEAGUE, "watch")
    "<any('watch'):form_name>"
    """
    forms = [form for row in VERBS.values() if (form := row.form_for(side)) is not None]
    names = [form.name for form in forms if not form.files]
    return f"<any({', '.join(map(repr, (*names, *others)))}):form_name>"


def offered_forms(ticket: Ticket, side: Side) -> tuple[ActionForm, ...]:
    """The forms that a side can use on the ticket as it is, with their choices filled in."""
    forms = []
    for row in VERBS.values():
        form = row.form_for(side)
        if form is None or ticket.row.status not in row.transitions:
            continue
        if row is VERBS[Verb.ASK_FOR_FILES] and not settings().upload_megabytes:
            continue
        if row.needs_proposal and ticket.proposal is None:
            continue
        fields = tuple(_with_choices(field, ticket) for field in form.fields if _applies(field))
        # A choice without choices, such as a reason when none is configured, cannot be made.
        if all(field.choices for field in fields if field.kind is FieldKind.CHOICE):
            forms.append(replace(form, fields=fields))
    return tuple(forms)


def _applies(field: FormField) -> bool:
    """The detail of a severity is only asked for when some severity has one."""
    severities = centre().policy.severities.values()
    return field.name != "detail" or any(severity.parameter for severity in severities)


def _with_choices(field: FormField, ticket: Ticket) -> FormField:
    if not isinstance(field.choices, str):
        return field
    return replace(field, choices=tuple(_CHOICES[field.choices](centre().policy, ticket)))


Choices = Iterable[tuple[str, str]]


def _waiting_reasons(policy: SlaPolicy, _ticket: Ticket) -> Choices:
    reasons = [
        (reason.key, reason.title)
        for reason in policy.reasons.values()
        if reason.until_reply and not reason.closes
    ]
    return reasons or [(CUSTOMER, "Waiting for the customer")]


def _pause_reasons(policy: SlaPolicy, _ticket: Ticket) -> Choices:
    return [
        (reason.key, reason.title)
        for reason in policy.reasons.values()
        if not (reason.until_reply or reason.closes)
    ]


def _closing_reasons(policy: SlaPolicy, _ticket: Ticket) -> Choices:
    closing = [(reason.key, reason.title) for reason in policy.reasons.values() if reason.closes]
    return [("", "Answered"), *closing]


def _levels(policy: SlaPolicy, ticket: Ticket) -> Choices:
    return [(key, level.title) for key, level in policy.levels.items() if key != ticket.level_key]


def _severities(policy: SlaPolicy, ticket: Ticket) -> Choices:
    return [
        (key, severity.title)
        for key, severity in policy.severities.items()
        if key != ticket.severity
    ]


def _releases(_policy: SlaPolicy, _ticket: Ticket) -> Choices:
    viewer = person()
    if viewer is None:
        return []
    releases = centre().desk.queue.releases(viewer)
    return [(release.name, release.name) for release in releases if not release.shipped]


#: Name of a list in a form's row -> its values and titles.
_CHOICES: Mapping[str, Callable[[SlaPolicy, Ticket], Choices]] = MappingProxyType(
    {
        "waiting_reasons": _waiting_reasons,
        "pause_reasons": _pause_reasons,
        "closing_reasons": _closing_reasons,
        "levels": _levels,
        "severities": _severities,
        "releases": _releases,
    }
)


def midnight(text: str, field: str, *, days: int) -> dt.datetime | None:
    """The start of a day in the reader's time zone, ``days`` later; None for an empty field."""
    if not text:
        return None
    try:
        date = dt.date.fromisoformat(text) + dt.timedelta(days=days)
        return dt.datetime.combine(date, dt.time(), tzinfo=zone()).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            f"{text[:20]!r} is not a valid date. Write it like 2026-11-24.", field=field
        ) from None


def addresses(text: str) -> list[str]:
    """
    >>> addresses("a@example.com, b@example.com;")
    ['a@example.com', 'b@example.com']
    """
    return [word for word in re.split(r"[\s,;]+", text) if word]


def _line(form: MultiDict[str, str], name: str) -> str:
    return form.get(name, "").strip()


def _text(form: MultiDict[str, str], name: str) -> str:
    return form.get(name, "")


def _date(form: MultiDict[str, str], name: str) -> dt.datetime | None:
    return midnight(_line(form, name), name, days=0)


def _addresses(form: MultiDict[str, str], name: str) -> list[str]:
    return addresses(form.get(name, ""))


def _score(form: MultiDict[str, str], name: str) -> int:
    """0, which no rating is, for everything but one digit."""
    text = form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) == 1 else 0


def _articles(form: MultiDict[str, str], _name: str) -> list[tuple[str, str]]:
    """Targets and titles of what is ticked or picked, and of what is typed.

    Only articles that everybody may read, and sections of them: the requester must be able to open
    them. An address of another site is its own title.
    """
    chosen, typed = form.getlist("document"), form.get("another", "").strip()
    site = settings()
    links = []
    # A title has blanks; ids and addresses have not, and a slash or a colon.
    for text in dict.fromkeys([*chosen, *(typed.split() if _LINKS.fullmatch(typed) else [typed])]):
        if not text:
            continue
        path = text.removeprefix(site.origin).removeprefix(site.base_path)
        if is_web_address(path):
            links.append((path, path.partition("://")[2]))
        else:
            links.append(_article_link(path.removeprefix("/help/")))
    return links


def _article_link(target: str) -> tuple[str, str]:
    """A public article or a section of it, and its title. Raises Invalid."""
    document_id, _, anchor = target.partition("#")
    try:
        document = centre().searcher.article(document_id, audience=PUBLIC)
    except NotFound:
        raise Invalid(
            f"There is no public article {document_id[:80]!r}. Search for it by its title.",
            field="another",
        ) from None
    if not anchor:
        return document.id, document.title
    section = next((section for section in document.sections if section.anchor == anchor), None)
    if section is None:
        raise Invalid(f"{document.title} has no section #{anchor[:80]}.", field="another")
    return f"{document.id}#{anchor}", " › ".join((document.title, *section.path[-1:]))


_READERS: Mapping[FieldKind, Callable[[MultiDict[str, str], str], object]] = MappingProxyType(
    {
        FieldKind.LINE: _line,
        FieldKind.TEXT: _text,
        FieldKind.DATE: _date,
        FieldKind.CHOICE: _line,
        FieldKind.ADDRESSES: _addresses,
        FieldKind.ARTICLES: _articles,
        FieldKind.SCORE: _score,
    }
)
