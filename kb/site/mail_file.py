"""Reader of ``mail/<language>.toml``: the texts of mails in a language, or in the site's own words.

Each text that a file does not have is the built-in English one. A file for English replaces the
texts of mails whose language nobody knows.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from kb.errors import Misconfigured
from kb.notifications.mail_texts import (
    ACCOUNT_MAIL_TEXTS,
    MAIL_PHRASES,
    MailLanguages,
    MailTexts,
)
from kb.subscriptions.subscriptions import SUBSCRIPTION_MAIL_TEXTS
from kb.tickets.lifecycle import TICKET_MAIL_TEXTS
from kb.toml_reader import TomlFile, TomlTable, nearest

MAIL_FOLDER = "mail"
BUILT_IN_MAIL_TEXTS = MailTexts(
    {**ACCOUNT_MAIL_TEXTS, **TICKET_MAIL_TEXTS, **SUBSCRIPTION_MAIL_TEXTS}
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
#: Facts of a ticket that the text of a notice may name.
_NOTICE_FACTS = frozenset({"number", "level"})


def load_mail_languages(folder: Path) -> MailLanguages:
    """The texts of the site in ``folder``.

    Raises Misconfigured with every mistake as ``file:line: sentence``, one per line.
    """
    languages = {
        path.stem.lower(): _read(path) for path in sorted((folder / MAIL_FOLDER).glob("*.toml"))
    }
    return MailLanguages(languages.get("en", BUILT_IN_MAIL_TEXTS), MappingProxyType(languages))


def _read(path: Path) -> MailTexts:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Misconfigured(f"{path}: Cannot read the file: {reason}.") from None
    file = TomlFile(str(path), text)
    if not _LANGUAGE.fullmatch(path.stem.lower()):
        file.top.wrong(f"{path.stem!r} is not a language. Name the file like de.toml.")
    file.top.only(("notices", "phrases"))
    texts = MailTexts(
        {**BUILT_IN_MAIL_TEXTS.notices, **_notices(file.top)},
        {**MAIL_PHRASES, **_phrases(file.top.table("phrases"))},
        path.stem.lower(),
    )
    file.refuse()
    return texts


def _notices(top: TomlTable) -> Mapping[str, tuple[str, str]]:
    notices: dict[str, tuple[str, str]] = {}
    for kind, table in top.tables("notices"):
        known = BUILT_IN_MAIL_TEXTS.notices.get(kind)
        if known is None:
            table.wrong(f"Notice {kind!r} not found; {nearest(kind, BUILT_IN_MAIL_TEXTS.notices)}")
            continue
        table.only(("subject", "text"))
        subject, text = table.text("subject", known[0]), table.text("text", known[1])
        _check_facts(table, "subject", subject, frozenset())
        _check_facts(table, "text", text, _NOTICE_FACTS)
        notices[kind] = (subject, text)
    return notices


def _phrases(table: TomlTable) -> Mapping[str, str]:
    table.only(tuple(MAIL_PHRASES))
    phrases = {name: table.text(name, phrase) for name, phrase in MAIL_PHRASES.items()}
    for name, phrase in phrases.items():
        _check_facts(table, name, phrase, _names_in(MAIL_PHRASES[name]))
    return phrases


def _check_facts(table: TomlTable, key: str, text: str, known: frozenset[str]) -> None:
    try:
        unknown = _names_in(text) - known
    except ValueError:
        table.wrong(
            "A brace is not closed. To write a brace in the text, double it: {{ or }}.", key
        )
        return
    if unknown:
        allowed = ", ".join(f"{{{name}}}" for name in sorted(known)) or "no names in braces"
        table.wrong(f"{{{min(unknown)}}} is not allowed here. Use {allowed}.", key)


def _names_in(text: str) -> frozenset[str]:
    """The names in braces. Raises ValueError for a brace that is not closed."""
    fields = [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
    return frozenset(fields)
