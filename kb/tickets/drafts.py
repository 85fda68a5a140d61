"""What may a ticket form hold?

Every field's rule, checked at once: the answer is a ``Draft`` or one ``Invalid`` with a sentence
for each field at fault. Pure. The customer's words are kept as they are, but for characters that no
text holds; who the customer is and what they are promised is the desk's business.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kb.errors import Invalid
from kb.people.person import email_address
from kb.sla.policy import SlaPolicy
from kb.text import clean_text, has_visible_text
from kb.tickets.attachments import validation as uploads
from kb.tickets.catalogue import Catalogue
from kb.tickets.ticket import OUTCOMES, Consulted, Draft, Type, Upload


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Lengths in characters, except for ``files``."""

    title: tuple[int, int] = (3, 200)
    description: int = 20_000
    copy_to: int = 10
    consulted: int = 50
    consulted_text: int = 100_000
    coupon: int = 64
    detail: int = 200
    files: uploads.Limits = field(default_factory=uploads.Limits)


@dataclass(slots=True)
class _Form:
    """The form being read: its fields, and the sentence of each at fault."""

    values: Mapping[str, str]
    limits: FormLimits
    wrong: dict[str, str] = field(default_factory=dict)

    def line(self, name: str) -> str:
        return " ".join(clean_text(self.values.get(name, "")).split())

    def refuse(self, name: str, sentence: str) -> None:
        self.wrong.setdefault(name, sentence)


def check(
    form: Mapping[str, str],
    files: Sequence[Upload] = (),
    consulted: str = "",
    *,
    policy: SlaPolicy,
    catalogue: Catalogue,
    limits: FormLimits | None = None,
    today: dt.date | None = None,
) -> Draft:
    """The form as a draft. Field names are those of ``Draft``; ``copy_to`` separates addresses by
    comma or blank.

    ``consulted`` is JSON text as the form carries it. ``today`` refuses a severity's date in the
    past. Raises Invalid with ``fields``: every field at fault and its sentence.
    """
    read = _Form(form, limits or FormLimits())
    product, module, version = _product(read, catalogue)
    draft = Draft(
        title=_title(read),
        type=_type(read, policy),
        severity=_severity(read, policy),
        description=body(
            read, "description", "Describe what happens, what you expected and what you tried."
        ),
        product=product,
        module=module,
        version=version,
        severity_detail=_detail(read, policy, today),
        copy_to=_copy_to(read),
        attachments=_files(read, files),
        consulted=trail(consulted, read.limits),
        coupon=_coupon(read),
        episode=_episode(read),
    )
    if read.wrong:
        raise Invalid(" ".join(read.wrong.values()), fields=read.wrong)
    return draft


def fingerprint(draft: Draft) -> str:
    """The same for two drafts that say the same: a hash of all that the customer gave, 64 hex
    digits.

    What they looked at before, and the episode, may grow between two tries and do not count.
    """
    files = [(file.name, hashlib.sha256(file.data).hexdigest()) for file in draft.attachments]
    said = [
        draft.title,
        draft.type.value,
        draft.severity,
        draft.severity_detail,
        draft.description,
        draft.product,
    ]
    said += [draft.module, draft.version, draft.coupon]
    return hashlib.sha256(json.dumps([said, draft.copy_to, files]).encode("ascii")).hexdigest()


def comment(words: str, files: Sequence[Upload] = (), *, limits: FormLimits | None = None) -> str:
    """The text of a reply, comment or note. Raises Invalid for field ``body`` or ``attachments``."""
    read = _Form({"body": words}, limits or FormLimits())
    text = body(read, "body", "Write something first; nothing was sent.")
    _files(read, files)
    if read.wrong:
        raise Invalid(" ".join(read.wrong.values()), fields=read.wrong)
    return text


def part(title: str, description: str, *, limits: FormLimits | None = None) -> tuple[str, str]:
    """Title and description of a ticket that staff split off. Raises Invalid by field."""
    read = _Form({"title": title, "description": description}, limits or FormLimits())
    said = _title(read), body(read, "description", "Say what this part is about.")
    if read.wrong:
        raise Invalid(" ".join(read.wrong.values()), fields=read.wrong)
    return said


def _title(form: _Form) -> str:
    title = form.line("title")
    low, high = form.limits.title
    if not has_visible_text(title):
        form.refuse("title", "A title is missing; say in a few words what it is about.")
    elif len(title) < low:
        form.refuse("title", f"The title is too short; write at least {low} characters.")
    elif len(title) > high:
        sentence = (
            f"The title has {len(title):,} characters; keep it to {high} and put the rest "
            f"into the description."
        )
        form.refuse("title", sentence)
    return title


def body(form: _Form, name: str, missing: str) -> str:
    words = clean_text(form.values.get(name, "")).strip()
    most = form.limits.description
    if not has_visible_text(words):
        form.refuse(name, missing)
    elif len(words) > most:
        sentence = (
            f"This text has {len(words):,} characters; keep it to {most:,} and attach the "
            f"rest as a file."
        )
        form.refuse(name, sentence)
    return words


def _type(form: _Form, policy: SlaPolicy) -> Type:
    given = form.line("type")
    known = tuple(policy.types) or tuple(Type)
    if given in tuple(Type) and given in known:
        return Type(given)
    form.refuse(
        "type",
        f"{given!r:.40} is no type of ticket; choose {_listed(known)}."
        if given
        else "Choose a type.",
    )
    return Type.QUESTION


def _severity(form: _Form, policy: SlaPolicy) -> str:
    given = form.line("severity")
    if given not in policy.severities:
        known = _listed(tuple(policy.severities))
        form.refuse(
            "severity",
            f"{given!r:.40} is no severity; choose {known}." if given else "Choose a severity.",
        )
    return given


def _detail(form: _Form, policy: SlaPolicy, today: dt.date | None) -> str:
    severity = policy.severities.get(form.line("severity"))
    given = form.line("severity_detail")
    if severity is None or not (severity.parameter or severity.explanation_asked):
        return ""  # left over from a severity chosen before
    if severity.parameter == "date":
        return _date(form, given, severity.title, today)
    if severity.parameter and not given:
        form.refuse("severity_detail", f"“{severity.title}” needs {severity.parameter}.")
    if len(given) > form.limits.detail:
        form.refuse("severity_detail", f"Keep the explanation to {form.limits.detail} characters.")
    return given


def _date(form: _Form, given: str, title: str, today: dt.date | None) -> str:
    try:
        date = dt.date.fromisoformat(given)
    except ValueError:
        form.refuse("severity_detail", f"“{title}” needs a date such as 2027-01-31.")
        return given
    if today is not None and date < today:
        form.refuse(
            "severity_detail", f"{date.isoformat()} is over; give a date that is still to come."
        )
    return date.isoformat()


def _product(form: _Form, catalogue: Catalogue) -> tuple[str, str, str]:
    key, module, version = form.line("product"), form.line("module"), form.line("version")
    if not key:
        return (
            "",
            "",
            "",
        )  # "I do not know" is an answer; module and version mean nothing without a product
    product = catalogue.product(key)
    if product is None:
        known = _listed(tuple(product.key for product in catalogue.products))
        form.refuse("product", f"{key!r:.60} is no product; choose {known}, or leave it empty.")
        return key, module, version
    if module and module not in product.modules:
        form.refuse(
            "module",
            f"{product.title} has no module {module!r:.60}; choose {_listed(product.modules)}.",
        )
    if version and product.version(version) is None:
        names = _listed(tuple(known.name for known in product.versions))
        form.refuse("version", f"{product.title} has no version {version!r:.60}; choose {names}.")
    return key, module, version


def _copy_to(form: _Form) -> tuple[str, ...]:
    words = [word for word in re.split(r"[\s,;]+", form.values.get("copy_to", "")[:10_000]) if word]
    found = {word: email_address(word) for word in words}
    bad = [clean_text(word) for word, address in found.items() if address is None]
    if bad:
        form.refuse(
            "copy_to", f"{bad[0]!r:.80} is no e-mail address; write it like alice@example.com."
        )
    addresses = tuple(dict.fromkeys(address for address in found.values() if address))
    if len(addresses) > form.limits.copy_to:
        form.refuse(
            "copy_to",
            f"{len(addresses)} addresses are too many; give at most {form.limits.copy_to}.",
        )
    return addresses


def _files(form: _Form, files: Sequence[Upload]) -> tuple[Upload, ...]:
    named = [
        file for file in files if file.name or file.data
    ]  # browsers send an empty part for an empty field
    mistakes = uploads.mistakes(named, form.limits.files)
    if mistakes:
        form.refuse("attachments", " ".join(mistakes))
    return tuple(named)


def _coupon(form: _Form) -> str:
    coupon = form.line("coupon")
    if len(coupon) > form.limits.coupon:
        form.refuse("coupon", "This is no coupon code; leave it empty when you have none.")
    return coupon


def _episode(form: _Form) -> str:
    given = form.values.get("episode", "")
    return given if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", given) else ""


def trail(text: str, limits: FormLimits) -> tuple[Consulted, ...]:
    """The consulted trail from the form's JSON text: a list of {"id", "title", "outcome"}.

    It is a help for agents and no input of the customer's, so whatever is not understood is left
    out in silence.
    """
    if len(text) > limits.consulted_text:
        return ()
    try:
        listed = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return ()
    found: dict[str, Consulted] = {}
    for entry in listed[:1000] if isinstance(listed, list) else ():
        one = _consulted(entry)
        if one is not None and _further(one, found.get(one.document_id)):
            found[one.document_id] = one
    return tuple(found.values())[: limits.consulted]


def _consulted(entry: Any) -> Consulted | None:
    if not isinstance(entry, dict):
        return None
    document_id, title, outcome = entry.get("id"), entry.get("title"), entry.get("outcome")
    if not (isinstance(document_id, str) and isinstance(title, str) and outcome in OUTCOMES):
        return None
    if not re.fullmatch(r"[\w./-]{1,300}", clean_text(document_id)):
        return None
    return Consulted(document_id, " ".join(clean_text(title).split())[:300], outcome)


def _further(one: Consulted, before: Consulted | None) -> bool:
    return before is None or OUTCOMES.index(one.outcome) > OUTCOMES.index(before.outcome)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "nothing"
