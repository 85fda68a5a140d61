"""Reader of the mailboxes of a policy file, such as ``[mailboxes."support@example.com"]``.

Every mistake is noted with its line. What a mailbox says is in ``kb.sla.policy``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from kb.sla.policy import ClosedReply, Mailbox, Severity, Updates
from kb.toml_reader import TomlTable, nearest

_ADDRESS = re.compile(
    r"[^\s@<>()\[\],:;\\\"+]{1,40}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+\w+"
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LIST_ID = re.compile(r"[\w.-]{3,250}")


def read_mailboxes(
    top: TomlTable,
    types: Collection[str],
    topics: Collection[str],
    severities: Mapping[str, Severity],
) -> Mapping[str, Mailbox]:
    """By address; the first one is where mail to no other address is filed."""
    mailboxes: dict[str, Mailbox] = {}
    for key, table in top.tables("mailboxes"):
        table.only(
            (
                "product",
                "type",
                "topic",
                "severity",
                "language",
                "organisation",
                "updates",
                "closed",
                "lists",
            )
        )
        address = key.lower()
        if not _ADDRESS.fullmatch(address):
            table.wrong(
                f"{key!r} is not an address of a mailbox. Write it like "
                '[mailboxes."support@example.com"], without a +tag.'
            )
        elif address in mailboxes:
            table.wrong(f"The mailbox {address} is here twice.")
        mailboxes[address] = Mailbox(
            address=address,
            product=table.text("product", ""),
            type=_known(table, "type", types) or next(iter(types), ""),
            topic=_known(table, "topic", topics),
            severity=_severity_of_mail(table, severities),
            language=_language(table),
            organisation=table.text("organisation", ""),
            updates=Updates(table.choice("updates", [*Updates], Updates.BOTH)),
            closed=ClosedReply(table.choice("closed", [*ClosedReply], ClosedReply.REOPEN)),
            lists=_lists(table),
        )
    return MappingProxyType(mailboxes)


def _known(table: TomlTable, key: str, values: Collection[str]) -> str:
    value = table.text(key, "")
    if value and value not in values:
        table.wrong(f"{key.capitalize()} {value!r} not found; {nearest(value, values)}", key)
    return value


def _severity_of_mail(table: TomlTable, severities: Mapping[str, Severity]) -> str:
    """The severity of a ticket by mail, whose sender cannot choose one."""
    key = _known(table, "severity", severities)
    if key in severities and not _suits_mail(severities[key]):
        table.wrong(
            f"The severity {key!r} requires more fields, which an e-mail cannot fill in.",
            "severity",
        )
    if key:
        return key
    suitable = [one for one in severities.values() if _suits_mail(one)]
    calm = [one.key for one in suitable if not one.urgent]
    if not calm and severities:
        table.wrong(f"{table.name} needs 'severity': no severity suits every ticket.")
    return calm[0] if calm else ""


def _suits_mail(severity: Severity) -> bool:
    return not (severity.parameter or severity.explanation_required or severity.when)


def _language(table: TomlTable) -> str:
    value = table.text("language", "")
    if value and not _LANGUAGE.fullmatch(value):
        table.wrong(f"{value!r} is not a language. Write it like 'en' or 'pt-BR'.", "language")
    return value


def _lists(table: TomlTable) -> frozenset[str]:
    words = table.words("lists")
    for place, word in words:
        if not _LIST_ID.fullmatch(word):
            table.file.wrong(place, f"{word!r} is not a List-Id. Write it like 'help.example.com'.")
    return frozenset(word.lower() for _, word in words)
