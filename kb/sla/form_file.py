"""Reader of the tables of a policy file that the ticket form follows: topics, groups and fields.

Every mistake is noted with its line. Levels, severities and entitlements are read by
``kb.sla.policy_file``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from kb.sla.form_fields import (
    AGENTS,
    CUSTOMERS,
    ArticleOffer,
    CustomerGroup,
    SiteField,
    SiteFieldKind,
    Topic,
    named_values,
)
from kb.toml_reader import TomlTable, nearest

#: Fields of every form, which a site's own field cannot be called.
BUILT_IN_FIELDS = (
    "title",
    "type",
    "topic",
    "severity",
    "severity_detail",
    "severity_explanation",
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
    "attachments",
    "fields",
    "csrf_token",
)
#: Facts of a ticket that ``when`` of a field or a severity may name, beside fields with choices.
FORM_FACTS = ("product", "type", "severity", "topic")
#: Fields of every form that a site can require.
REQUIRABLE = ("product", "version", "topic")

_DOCUMENT_ID = re.compile(r"(?:doc|faq|forum)/\S{1,300}")
_ENDING = re.compile(r"[a-z0-9]{1,20}")
#: Endings that a browser would open as a page or a picture with scripts.
_PAGE_ENDINGS = frozenset({"htm", "html", "mhtml", "shtml", "svg", "xht", "xhtml", "xsl", "xslt"})
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,40}")


def read_topics(top: TomlTable) -> Mapping[str, Topic]:
    topics = {}
    for key, table in top.tables("topics"):
        table.only(("title", "definition", "in_scope", "out_of_scope"))
        topics[key] = Topic(
            key,
            table.text("title"),
            table.text("definition", ""),
            tuple(text for _, text in table.words("in_scope")),
            tuple(text for _, text in table.words("out_of_scope")),
        )
    return MappingProxyType(topics)


def read_groups(top: TomlTable) -> Mapping[str, CustomerGroup]:
    groups: dict[str, CustomerGroup] = {}
    claims: dict[str, str] = {}
    for key, table in top.tables("groups"):
        table.only(("title", "addresses", "domains", "organisations"))
        for name in ("addresses", "domains", "organisations"):
            for place, member in table.words(name):
                other = claims.setdefault(member.casefold().lstrip("@"), key)
                if other != key:
                    table.file.wrong(place, f"{member!r} is also in the group {other!r}.")
        groups[key] = CustomerGroup(
            key,
            table.text("title"),
            named_values(text for _, text in table.words("addresses")),
            named_values(text.lstrip("@") for _, text in table.words("domains")),
            named_values(text for _, text in table.words("organisations")),
        )
        if not (groups[key].addresses or groups[key].domains or groups[key].organisations):
            table.wrong(f"{table.name} has no members. Add addresses, domains or organisations.")
    return MappingProxyType(groups)


def read_fields(top: TomlTable, values: Mapping[str, Collection[str]]) -> Mapping[str, SiteField]:
    """``values`` are what the file knows of the facts of FORM_FACTS: types, severities, topics."""
    fields: dict[str, SiteField] = {}
    for key, table in top.tables("fields"):
        known = {**values, **choices_of(fields)}
        fields[key] = _field(key, table, known)
    return MappingProxyType(fields)


def choices_of(fields: Mapping[str, SiteField]) -> dict[str, tuple[str, ...]]:
    """The values of the fields that are chosen from a list, which ``when`` may name."""
    return {
        key: field.choices for key, field in fields.items() if field.kind is SiteFieldKind.CHOICE
    }


def _field(key: str, table: TomlTable, known: Mapping[str, Collection[str]]) -> SiteField:
    table.only(
        (
            "title",
            "kind",
            "hint",
            "choices",
            "required",
            "shown_to",
            "searchable",
            "when",
            "formerly",
        )
    )
    if key in BUILT_IN_FIELDS:
        table.wrong(f"Every form has a field {key!r} already. Give this one another name.")
    elif not _KEY.fullmatch(key):
        table.wrong(f"{key!r} must be a name of lower-case letters, digits, '-' and '_'.")
    kind = SiteFieldKind(table.choice("kind", [*SiteFieldKind], SiteFieldKind.TEXT))
    field = SiteField(
        key=key,
        title=table.text("title"),
        kind=kind,
        hint=table.text("hint", ""),
        choices=tuple(text for _, text in table.words("choices")),
        required=table.flag("required"),
        shown_to=_shown_to(table),
        searchable=table.flag("searchable"),
        when=read_when(table, known),
        formerly=tuple(text for _, text in table.words("formerly")),
    )
    _check_field(field, table)
    return field


def _shown_to(table: TomlTable) -> tuple[str, ...]:
    if "shown_to" not in table.data:
        return (CUSTOMERS, AGENTS)
    words = table.words("shown_to")
    for place, word in words:
        if word not in (CUSTOMERS, AGENTS):
            sentence = f"Fields cannot be shown to {word!r}; {nearest(word, (CUSTOMERS, AGENTS))}"
            table.file.wrong(place, sentence)
    return tuple(word for _, word in words)


def _check_field(field: SiteField, table: TomlTable) -> None:
    if (field.kind is SiteFieldKind.CHOICE) != bool(field.choices):
        table.wrong(f"{table.name} needs 'choices' for the kind 'choice', and only then.")
    if not field.shown_to:
        table.wrong(f"Nobody sees {table.name}. Name customers or agents.", "shown_to")
    elif field.required and not field.on_form:
        table.wrong(f"{table.name} is required, but no customer sees it.", "required")
    if field.searchable and field.is_secret:
        table.wrong(f"{table.name} is a secret, so it cannot be searched for.", "searchable")
    if field.formerly and not field.searchable:
        table.wrong(f"{table.name} needs searchable = true for its earlier names.", "formerly")
    if field.is_secret and AGENTS not in field.shown_to:
        table.wrong(f"{table.name} is a secret that no agent sees.", "shown_to")


def read_when(
    table: TomlTable, known: Mapping[str, Collection[str]]
) -> Mapping[str, frozenset[str]]:
    """For which tickets something is: every fact must have one of its values."""
    when = table.table("when")
    when.only(tuple(dict.fromkeys((*FORM_FACTS, *known))))
    rule = {}
    for name in when.data:
        words = when.words(name)
        if not words:
            when.wrong(f"{name!r} has no value. Add at least one.", name)
        for place, word in words:
            folded = {value.casefold() for value in known.get(name, ())}
            if name in known and word.casefold() not in folded:
                sentence = f"{name.capitalize()} {word!r} not found; {nearest(word, known[name])}"
                when.file.wrong(place, sentence)
        rule[name] = named_values(word for _, word in words)
    return MappingProxyType(rule)


def read_offers(top: TomlTable, known: Mapping[str, Collection[str]]) -> tuple[ArticleOffer, ...]:
    offers = []
    for table in top.array("offers"):
        table.only(("article", "text", "when"))
        article = table.text("article")
        if article and not _DOCUMENT_ID.fullmatch(article):
            table.wrong(f"{article!r} is not the id of a page, such as 'doc/uid'.", "article")
        offers.append(ArticleOffer(article, table.text("text", ""), read_when(table, known)))
    return tuple(offers)


def read_xml_files(top: TomlTable) -> frozenset[str]:
    """The endings of the XML files of the site's own that can be attached as they are."""
    form = top.table("form")
    words = form.words("xml_files")
    for place, word in words:
        if word in _PAGE_ENDINGS:
            form.file.wrong(place, f"{word!r} files can contain scripts, and are never accepted.")
        elif not _ENDING.fullmatch(word):
            form.file.wrong(place, f"{word!r} is not a file extension. Write it like 'xml'.")
    return frozenset(word for _, word in words)


def read_required(top: TomlTable) -> frozenset[str]:
    """The fields of every form that this site requires."""
    form = top.table("form")
    form.only(("required", "xml_files"))
    words = form.words("required")
    for place, word in words:
        if word not in REQUIRABLE:
            sentence = f"{word!r} cannot be required here; {nearest(word, REQUIRABLE)}"
            form.file.wrong(place, sentence)
    return frozenset(word for _, word in words)
