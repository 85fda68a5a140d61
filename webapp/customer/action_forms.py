"""Forms of verbs: from the fields that a page sent to the command that the desk carries out.

Which fields a verb has stands in its row of ``kb.tickets.lifecycle``; here is only how each kind of
field is read. A new verb with known kinds of fields needs nothing here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from werkzeug.datastructures import MultiDict

from kb.errors import Invalid, NotFound
from kb.search.documents import PUBLIC
from kb.tickets.actions import COMMANDS
from kb.tickets.decision import Command
from kb.tickets.lifecycle import VERBS, FieldKind, Verb
from webapp.context import centre, zone

#: Name of a form -> its verb.
FORM_VERBS: Mapping[str, Verb] = MappingProxyType(
    {row.form.name: verb for verb, row in VERBS.items() if row.form is not None}
)


def command_of(form_name: str, form: MultiDict[str, str]) -> Command:
    """The command of a form that was sent. Raises Invalid by field."""
    verb = FORM_VERBS[form_name]
    action_form = VERBS[verb].form
    values = {
        field.name: _READERS[field.kind](form, field.name)
        for field in (action_form.fields if action_form else ())
    }
    return COMMANDS[verb](**values)


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
    """Ids and titles of the articles that are ticked, and of the one that is typed.

    Only those that everybody may read: the requester must be able to open them.
    """
    chosen = [*form.getlist("document"), *form.get("another", "").split()]
    articles = []
    for document_id in dict.fromkeys(address.removeprefix("/help/") for address in chosen):
        try:
            document = centre().searcher.article(document_id, audience=PUBLIC)
        except NotFound:
            raise Invalid(
                f"There is no public article {document_id[:80]!r}.", field="another"
            ) from None
        articles.append((document.id, document.title))
    return articles


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
