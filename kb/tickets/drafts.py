"""Drafts: the rules of every field of the ticket form, and of the messages on a ticket.

All fields are checked at once: the result is a ``Draft``, or one ``Invalid`` with a sentence for
each field at fault. Pure. What people write stays as it is, except for characters that no text
needs; who the requester is and which SLA applies is decided in ``kb.tickets.actions.filing``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kb.errors import Invalid
from kb.people.person import email_address
from kb.sla.form_fields import applies, check_field
from kb.sla.form_file import FORM_FACTS
from kb.sla.policy import SlaPolicy
from kb.text import clean_text, visible_texts
from kb.tickets.attachments import validation
from kb.tickets.catalogue import Catalogue
from kb.tickets.lifecycle import Message
from kb.tickets.ticket import OUTCOMES, Consulted, Draft, Upload

NO_SECRETS = "This portal cannot keep secrets, because KB_FIELD_KEY is not set."


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
    explanation: int = 2_000
    files: validation.AttachmentLimits = field(default_factory=validation.AttachmentLimits)

    def of_site(self, policy: SlaPolicy) -> FormLimits:
        """These limits with what the policy accepts besides."""
        return replace(self, files=replace(self.files, xml_endings=policy.xml_files))


@dataclass(slots=True)
class _Form:
    """The form being read: its fields, and the sentence of each at fault."""

    values: Mapping[str, str]
    limits: FormLimits
    texts: Mapping[str, str] = field(init=False)
    errors: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.texts = visible_texts(self.values)

    def line(self, name: str) -> str:
        return " ".join(self.text(name).split())

    def text(self, name: str) -> str:
        return self.texts.get(name, "").strip()

    def refuse(self, name: str, sentence: str) -> None:
        self.errors.setdefault(name, sentence)

    def check(self) -> None:
        """Raises Invalid with every field at fault."""
        if self.errors:
            raise Invalid(" ".join(self.errors.values()), fields=self.errors)


def check(
    values: Mapping[str, str],
    files: Sequence[Upload] = (),
    consulted: str = "",
    *,
    policy: SlaPolicy,
    catalogue: Catalogue,
    limits: FormLimits | None = None,
    today: dt.date | None = None,
    keeps_secrets: bool = False,
) -> Draft:
    """The form as a draft. Field names are those of ``Draft``, and the keys of the site's fields.

    ``copy_to`` separates addresses by commas or blanks, ``consulted`` is JSON text as the form
    carries it, and a date before ``today`` is refused. A secret is refused unless the portal
    ``keeps_secrets``. Raises Invalid with ``fields``: every field at fault and its sentence.
    """
    form = _Form(values, (limits or FormLimits()).of_site(policy))
    product, module, version = _product(form, catalogue)
    for name in sorted(policy.required):
        if not form.line(name):
            form.refuse(name, f"Choose a {name}.")
    own = _own_fields(form, policy, keeps_secrets=keeps_secrets)
    secrets = {key: value for key, value in own.items() if policy.fields[key].is_secret}
    draft = Draft(
        title=_title(form),
        type=_type(form, policy),
        severity=_severity(form, policy),
        description=_text(
            form,
            "description",
            "Describe what happens, what you expected and what you have tried.",
        ),
        product=product,
        module=module,
        version=version,
        severity_detail=_severity_detail(form, policy, today),
        severity_explanation=_severity_explanation(form, policy),
        topic=_topic(form, policy),
        fields={key: value for key, value in own.items() if key not in secrets},
        secrets=secrets,
        copy_to=_copy_to(form),
        attachments=_files(form, files),
        consulted=consulted_trail(consulted, form.limits),
        coupon=_coupon(form),
        episode=_episode(form),
    )
    form.check()
    return draft


def message(
    body: str,
    files: Sequence[Upload] = (),
    *,
    required: Message = Message.REQUIRED,
    limits: FormLimits | None = None,
) -> str:
    """The message of a verb, checked with its files. Raises Invalid for ``body``, ``attachments``.

    An optional message becomes required when it carries files.
    """
    form = _Form({"body": body}, limits or FormLimits())
    if required is Message.NONE or (
        required is Message.OPTIONAL and not files and not body.strip()
    ):
        return ""
    text = _text(form, "body", "Write a message. Nothing was sent.")
    _files(form, files)
    form.check()
    return text


def split_texts(
    title: str, description: str, *, limits: FormLimits | None = None
) -> tuple[str, str]:
    """Title and description of a ticket that staff split off. Raises Invalid by field."""
    form = _Form({"title": title, "description": description}, limits or FormLimits())
    texts = _title(form), _text(form, "description", "Describe what the new ticket is about.")
    form.check()
    return texts


def available(values: Iterable[object]) -> str:
    """``Available: a, b.`` for the end of a message about a wrong value."""
    return f"Available: {', '.join(str(value) for value in values) or 'none'}."


def _title(form: _Form) -> str:
    title = form.line("title")
    shortest, longest = form.limits.title
    if not title:
        form.refuse("title", "Enter a title that says in a few words what the ticket is about.")
    elif len(title) < shortest:
        form.refuse("title", f"The title is too short. Enter at least {shortest} characters.")
    elif len(title) > longest:
        form.refuse(
            "title",
            f"The title has {len(title):,} characters, the limit is {longest}. Put the rest into "
            f"the description.",
        )
    return title


def _text(form: _Form, name: str, missing: str) -> str:
    text = form.text(name)
    longest = form.limits.description
    if not text:
        form.refuse(name, missing)
    elif len(text) > longest:
        form.refuse(
            name,
            f"This text has {len(text):,} characters, the limit is {longest:,}. Attach the rest "
            f"as a file.",
        )
    return text


def _type(form: _Form, policy: SlaPolicy) -> str:
    value = form.line("type")
    if value not in policy.types:
        unknown = f"Unknown type {value!r:.40}. {available(policy.types)}"
        form.refuse("type", unknown if value else "Choose a type.")
    return value


def _topic(form: _Form, policy: SlaPolicy) -> str:
    value = form.line("topic")
    if value and value not in policy.topics:
        form.refuse("topic", f"Unknown topic {value!r:.40}. {available(policy.topics)}")
    return value


def _severity(form: _Form, policy: SlaPolicy) -> str:
    value = form.line("severity")
    severity = policy.severities.get(value)
    if severity is None:
        form.refuse("severity", unknown_severity(value, policy).sentence)
    elif not applies(severity.when, form_facts(form.texts, policy)):
        form.refuse(
            "severity", f"“{severity.title}” is only for {condition(severity.when, policy)}."
        )
    return value


def form_facts(values: Mapping[str, str], policy: SlaPolicy) -> Mapping[str, str]:
    """What the conditions of severities and fields go by."""
    return {name: " ".join(values.get(name, "").split()) for name in (*FORM_FACTS, *policy.fields)}


def condition(when: Mapping[str, frozenset[str]], policy: SlaPolicy) -> str:
    """What ``when`` asks for, in words: ``environment Production``."""
    titles = {
        "type": {key.casefold(): kind.title for key, kind in policy.types.items()},
        "topic": {key.casefold(): topic.title for key, topic in policy.topics.items()},
        "severity": {key.casefold(): one.title for key, one in policy.severities.items()},
        **{
            key: {choice.casefold(): choice for choice in field.choices}
            for key, field in policy.fields.items()
        },
    }
    parts = []
    for name, values in when.items():
        words = [titles.get(name, {}).get(value, value) for value in sorted(values)]
        title = policy.fields[name].title.lower() if name in policy.fields else name
        parts.append(f"{title} {' or '.join(words)}")
    return " and ".join(parts)


def _own_fields(form: _Form, policy: SlaPolicy, *, keeps_secrets: bool) -> dict[str, str]:
    """The values of the site's own fields that this ticket is asked for, secrets included."""
    facts = form_facts(form.texts, policy)
    values = {}
    for key, own in policy.fields.items():
        text = form.text(key)
        if not applies(own.when, facts):
            continue  # left over from a product or type that was chosen before
        if own.is_secret and not keeps_secrets:
            if text:
                form.refuse(key, f"{NO_SECRETS} Leave “{own.title}” empty.")
            continue
        value, fault = check_field(own, text)
        if fault:
            form.refuse(key, fault)
        elif value:
            values[key] = value
    return values


def unknown_severity(severity: str, policy: SlaPolicy) -> Invalid:
    unknown = f"Unknown severity {severity!r:.40}. {available(policy.severities)}"
    return Invalid(unknown if severity else "Choose a severity.", field="severity")


def _severity_detail(form: _Form, policy: SlaPolicy, today: dt.date | None) -> str:
    severity = policy.severities.get(form.line("severity"))
    value = form.line("severity_detail")
    if severity is None or not (severity.parameter or severity.explanation_asked):
        return ""  # left over from a severity that was chosen before
    if severity.parameter == "date":
        return _date(form, value, severity.title, today)

    if severity.parameter and not value:
        form.refuse(
            "severity_detail", f"The severity “{severity.title}” needs a {severity.parameter}."
        )
    if severity.explanation_required and not value:
        form.refuse("severity_detail", f"Say why the severity is “{severity.title}”.")
    if len(value) > form.limits.explanation:
        form.refuse("severity_detail", f"The limit is {form.limits.explanation:,} characters.")
    return value


def _severity_explanation(form: _Form, policy: SlaPolicy) -> str:
    """Of a severity that has a parameter: what is asked besides it."""
    severity = policy.severities.get(form.line("severity"))
    if severity is None or not (severity.parameter and severity.explanation_asked):
        return ""
    value = form.line("severity_explanation")
    if severity.explanation_required and not value:
        form.refuse("severity_explanation", f"Say why the severity is “{severity.title}”.")
    if len(value) > form.limits.explanation:
        form.refuse("severity_explanation", f"The limit is {form.limits.explanation:,} characters.")
    return value


def _date(form: _Form, value: str, severity: str, today: dt.date | None) -> str:
    try:
        date = dt.date.fromisoformat(value)
    except ValueError:
        form.refuse(
            "severity_detail", f"The severity “{severity}” needs a date such as 2027-01-31."
        )
        return value
    if today is not None and date < today:
        form.refuse(
            "severity_detail", f"{date.isoformat()} is in the past. Enter a date from today on."
        )
    return date.isoformat()


def _product(form: _Form, catalogue: Catalogue) -> tuple[str, str, str]:
    key, module, version = form.line("product"), form.line("module"), form.line("version")
    if not key:
        # "I do not know" is an answer; module and version mean nothing without a product.
        return "", "", ""

    product = catalogue.product(key)
    if product is None:
        keys = available(product.key for product in catalogue.products)
        form.refuse("product", f"Unknown product {key!r:.60}. {keys} You can leave it empty.")
        return key, module, version
    if module and module not in product.modules:
        form.refuse(
            "module",
            f"{product.title} does not have a module {module!r:.60}. {available(product.modules)}",
        )
    versions = [release.name for release in product.versions]
    if version and version not in versions:
        form.refuse(
            "version",
            f"{product.title} does not have a version {version!r:.60}. {available(versions)}",
        )
    return key, module, version


def _copy_to(form: _Form) -> tuple[str, ...]:
    text = form.values.get("copy_to", "")[:10_000]
    try:
        return copy_addresses(re.split(r"[\s,;]+", text), form.limits)
    except Invalid as error:
        form.refuse("copy_to", error.sentence)
        return ()


def copy_addresses(texts: Iterable[str], limits: FormLimits) -> tuple[str, ...]:
    """The addresses that get copies, each once. Raises Invalid for ``copy_to``."""
    addresses: dict[str, None] = {}
    for text in filter(None, map(str.strip, texts)):
        address = email_address(text)
        if address is None:
            raise Invalid(
                f"{clean_text(text)!r:.80} is not a valid e-mail address. Write it like "
                f"alice@example.com.",
                field="copy_to",
            )
        addresses[address] = None
    if len(addresses) > limits.copy_to:
        raise Invalid(
            f"{len(addresses)} addresses are too many. The limit is {limits.copy_to}.",
            field="copy_to",
        )
    return tuple(addresses)


def _files(form: _Form, files: Sequence[Upload]) -> tuple[Upload, ...]:
    # Browsers send an empty part for an empty file field.
    named = [file for file in files if file.name or file.data]
    if not named:
        return ()
    errors = validation.errors(named, form.limits.files)
    if errors:
        form.refuse("attachments", " ".join(errors))
    return tuple(named)


def _coupon(form: _Form) -> str:
    coupon = form.line("coupon")
    if len(coupon) > form.limits.coupon:
        form.refuse("coupon", "This is not a coupon code. Leave the field empty if you have none.")
    return coupon


def _episode(form: _Form) -> str:
    value = form.values.get("episode", "")
    return value if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) else ""


def consulted_trail(text: str, limits: FormLimits) -> tuple[Consulted, ...]:
    """The consulted articles from the form's JSON text: a list of {"id", "title", "outcome"}.

    They help agents and are not the requester's own input, so what is malformed is left out without
    an error.
    """
    if len(text) > limits.consulted_text:
        return ()
    try:
        entries = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return ()

    documents: dict[str, Consulted] = {}
    for entry in entries[:1000] if isinstance(entries, list) else ():
        document = _consulted(entry)
        if document is None:
            continue
        before = documents.get(document.document_id)
        furthest = OUTCOMES.index(before.outcome) if before else -1
        if OUTCOMES.index(document.outcome) > furthest:
            documents[document.document_id] = document
    return tuple(documents.values())[: limits.consulted]


def _consulted(entry: Any) -> Consulted | None:
    if not isinstance(entry, dict):
        return None
    document_id, title, outcome = entry.get("id"), entry.get("title"), entry.get("outcome")
    if not (isinstance(document_id, str) and isinstance(title, str) and outcome in OUTCOMES):
        return None
    if not re.fullmatch(r"[\w./-]{1,300}", clean_text(document_id)):
        return None
    return Consulted(document_id, " ".join(clean_text(title).split())[:300], outcome)
