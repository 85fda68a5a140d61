"""Access marks: keys of front matter that seem to say who may read a page, in words not our own.

Folders that people already have come from many site generators, wikis and help desks. A key that
sounds like access (a list of words, and what is spelled nearly like our own keys) closes a page
unless its value plainly opens it: unknown means closed. Our own keys are read in ``metadata``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from kb.search.documents import AUDIENCES, is_audience, normal_audience

MAX_DEPTH = 6


class AccessMark(NamedTuple):
    """A key as it was written, and its value in short."""

    name: str
    value: str


class _Meaning(Enum):
    """What a value has to say so that the page stays open."""

    READERS = "names who may read: everybody"
    CLOSES = "closes when it is true: false"
    OPENS = "opens when it is true: true"
    DISCOVERY = "what engines may find: anything but a refusal"
    BUILD = "whether a generator renders and lists the page: always"
    HIDES = "closes when it is true; anything else hides parts of a page"


_READERS = frozenset({
    "access", "accesscontrol", "acl", "acls", "audience", "audiences", "classification",
    "clearance", "group", "groups", "members", "permission", "permissions", "reader", "readers",
    "role", "roles", "sensitivity", "tlp", "users", "viewer", "viewers", "visibility",
    # German, Spanish and French, without letters that are not ASCII
    "sichtbarkeit", "zugriff", "zielgruppe", "acceso", "visibilidad", "visibilit", "visibilite",
})  # fmt: skip
_CLOSES = frozenset({
    "archived", "auth", "authenticated", "authentication", "authorization", "confidential",
    "confidentiality", "draft", "embargo", "embargoed", "headless", "hidden", "internal", "login",
    "nda", "noindex", "nosearch", "password", "private", "privacy", "protected", "restrict",
    "restricted", "restriction", "restrictions", "secret", "staff", "unlisted", "unpublished",
    "unsearchable",
})  # fmt: skip
_OPENS = frozenset({
    "indexable", "listed", "public", "publish", "published", "searchable", "viewable", "visible"
})  # fmt: skip
_DISCOVERY = frozenset({"robots", "search", "show", "sitemap"})

#: Words that the others turn into a refusal: ``search_exclude``, ``robotsNoIndex``.
_REFUSALS = frozenset({"disable", "disabled", "exclude", "excluded", "hide", "no", "skip"})
_REFUSED = _DISCOVERY | {"index"}
#: Who may change a page or comment on it is not who may read it.
_WRITING = frozenset({
    "author", "authors", "comment", "comments", "contribute", "edit", "editor", "editors", "write"
})  # fmt: skip
#: Names that sound like access and are not, and neighbours of such names in spelling.
_HARMLESS = frozenset({
    "accessdate", "external", "interval", "permissiongroupid", "publisher", "publishers", "shared"
})  # fmt: skip

#: Words that are also recognised with slips of the pen: our own keys, and the most frequent others.
_OFTEN_MISTYPED: Mapping[str, _Meaning] = {
    **dict.fromkeys(
        ("access", "audience", "audiences", "permissions", "visibility"), _Meaning.READERS
    ),
    **dict.fromkeys(
        ("archived", "confidential", "draft", "hidden", "internal", "private", "restricted",
         "unlisted", "unpublished"),
        _Meaning.CLOSES,
    ),
    **dict.fromkeys(("published",), _Meaning.OPENS),
}  # fmt: skip

#: Names of dates that open or close a page: of our own keys, and as other tools call them.
_FROM_DATES = frozenset({
    "datepublished", "embargountil", "golive", "publishdate", "publishedat", "publishedon",
    "publishon", "validfrom", "visiblefrom",
})  # fmt: skip
_UNTIL_DATES = frozenset({
    "enddate", "expirationdate", "expire", "expiredate", "expires", "expiresat", "expireson",
    "expiration", "expiry", "expirydate", "publishuntil", "unpublishdate", "unpublishon",
    "validuntil", "visibleuntil",
})  # fmt: skip
#: Dates that ``metadata`` reads itself.
_OWN_DATES = frozenset({"expirydate", "expires", "unpublishdate", "publishdate"})

_EVERYBODY = frozenset({
    "*", "all users", "anonymous", "anybody", "anyone", "clear", "everybody", "everyone", "guest",
    "guests", "open", "public", "unrestricted", "visible", "white", "world",
})  # fmt: skip
_TRUE = frozenset({"true", "yes", "on", "1", "y"})
_FALSE = frozenset({"false", "no", "off", "0", "n", "none"})
_ALWAYS = frozenset({"always", "true"})
_ROBOTS = re.compile(
    r"(?:index|follow|nofollow|all|noarchive|nosnippet|noimageindex|notranslate"
    r"|max[a-z -]+:[^,]*|unavailable_after:.*)"
)

#: Values that restrict whatever their key is called, such as ``status: internal``.
_RESTRICTING = frozenset({
    "confidential", "internal", "internal only", "members only", "private", "restricted",
    "staff only", "unlisted",
    "intern", "nur intern", "vertraulich", "interno", "confidencial", "privado", "interne",
    "confidentiel", "privé",
})  # fmt: skip
#: Values that name readers, except where they name a kind of page, or who writes.
_INSIDERS = frozenset({"employees", "employees only", "staff"})
_KINDS = frozenset({"kind", "layout", "menu", "parent", "section", "template", "theme", "type"})
#: Keys whose values are words for readers.
_TEXTS = frozenset({
    "abstract", "alias", "aliases", "area", "categories", "category", "description", "excerpt",
    "keywords", "linktitle", "product", "project", "sidebarlabel", "slug", "subject", "summary",
    "tag", "tags", "title", "topic",
})  # fmt: skip

UNPUBLISHED_STATUS = frozenset(
    {"draft", "archived", "archive", "expired", "unpublished", "retired", "hidden"}
)

_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def access_marks(values: Mapping[str, Any], today: dt.date) -> Iterator[AccessMark]:
    """The marks that may restrict who reads a page with these values.

    Our own keys with values that we know are none.
    """
    for name, value in values.items():
        own = name.lower()
        if own == "audience":
            if not _leaves(value):
                yield AccessMark(name, _short(value))
        elif own == "status" and isinstance(value, str):
            if _plain(value) in _RESTRICTING:
                yield AccessMark(name, value)
        elif own in _OWN_DATES:
            continue
        else:
            yield from _marks(name, value, today, 0)


def page_audience(values: Mapping[str, Any], default: str, today: dt.date) -> str:
    """Who may read a page with these values: ``default`` when nothing is declared, staff when
    something is not understood."""
    if any(access_marks(values, today)):
        return AUDIENCES[-1]
    declared = next((value for name, value in values.items() if name.lower() == "audience"), None)
    if declared is None:
        return default
    name = " ".join(declared.split()) if isinstance(declared, str) else ""
    return normal_audience(name) if is_audience(name) else AUDIENCES[-1]


def is_unpublished(values: Mapping[str, Any], today: dt.date) -> bool:
    """Whether a page with these values is published to nobody today, by our own keys."""
    plain = {name.lower(): _plain(str(value)) for name, value in values.items()}
    if plain.get("draft") in _TRUE or plain.get("archived") in _TRUE:
        return True
    if plain.get("published") in _FALSE:
        return True
    if UNPUBLISHED_STATUS & {plain.get("status"), plain.get("state")}:
        return True
    ends = [_day(plain.get(name, "").replace(" ", "-")) for name in _OWN_DATES - {"publishdate"}]
    if any(day is not None and day <= today for day in ends):
        return True
    begins = _day(plain.get("publishdate", "").replace(" ", "-"))
    return begins is not None and begins > today


def sounds_like_access(name: str) -> bool:
    """Whether a key may restrict who can read a page, whatever its value."""
    return _meaning(name) is not None or _joined(name) in _FROM_DATES | _UNTIL_DATES


def _marks(name: str, value: Any, today: dt.date, depth: int) -> Iterator[AccessMark]:
    joined = _joined(name)
    if joined in _FROM_DATES | _UNTIL_DATES:
        if not _is_open_date(joined, value, today):
            yield AccessMark(name, _short(value))
        return

    meaning = _meaning(name)
    if meaning is not None:
        if not _is_open(meaning, joined, value, today):
            yield AccessMark(name, _short(value))
        return

    if depth >= MAX_DEPTH:
        return
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            for inner, further in item.items():
                yield from _marks(str(inner), further, today, depth + 1)
        elif joined not in _TEXTS and _plain(str(item)) in _restricting_values(name):
            yield AccessMark(name, _short(value))


def _restricting_values(name: str) -> frozenset[str]:
    if _joined(name) in _KINDS or set(_tokens(name)) & _WRITING:
        return _RESTRICTING
    return _RESTRICTING | _INSIDERS


def _meaning(name: str) -> _Meaning | None:
    joined, tokens = _joined(name), set(_tokens(name))
    if joined in _HARMLESS or tokens & _WRITING:
        return None
    if joined == "build":
        return _Meaning.BUILD
    if joined in ("exclude", "hide") or (tokens & {"hide"} and tokens & {"page", "article"}):
        return _Meaning.HIDES
    if tokens & _REFUSED and tokens & _REFUSALS:
        return _Meaning.CLOSES
    return _listed_meaning({joined, *tokens}, joined) or _mistyped_meaning({joined, *tokens})


def _listed_meaning(words: set[str], joined: str) -> _Meaning | None:
    if {"user", "segment"} <= words:
        return _Meaning.READERS
    for listed, meaning in (
        (_READERS, _Meaning.READERS),
        (_CLOSES, _Meaning.CLOSES),
        (_OPENS, _Meaning.OPENS),
    ):
        if words & listed:
            return meaning
    return _Meaning.DISCOVERY if joined in _DISCOVERY else None


def _mistyped_meaning(words: set[str]) -> _Meaning | None:
    for candidate in words - _HARMLESS:
        for word, meaning in _OFTEN_MISTYPED.items():
            slips = 2 if len(word) > 6 else 1
            if abs(len(candidate) - len(word)) <= slips and _distance(candidate, word) <= slips:
                return meaning
    return None


def _is_open(meaning: _Meaning, joined: str, value: Any, today: dt.date) -> bool:
    leaves = {_plain(leaf) for leaf in _leaves(value)}
    if meaning is _Meaning.READERS:
        if joined == "usersegmentid" and leaves <= {"null", "~", "none"}:
            return True  # of Zendesk: no segment is everybody
        return bool(leaves) and leaves <= _EVERYBODY
    if meaning is _Meaning.CLOSES:
        return bool(leaves) and leaves <= _FALSE | _EVERYBODY
    if meaning is _Meaning.OPENS:
        past = bool(leaves) and all(_is_past(leaf, today) for leaf in _leaves(value))
        return past or (bool(leaves) and leaves <= _TRUE | _EVERYBODY)
    if meaning is _Meaning.HIDES:
        return not leaves & _TRUE
    if meaning is _Meaning.BUILD:
        if not isinstance(value, dict):
            return not leaves & (_FALSE | {"never"})
        named = {str(name).lower(): _plain(str(item)) for name, item in value.items()}
        return {named.get("render", "always"), named.get("list", "always")} <= _ALWAYS
    return _may_be_found(joined, value, leaves)


def _may_be_found(joined: str, value: Any, leaves: set[str]) -> bool:
    if joined == "robots":
        words = {part.strip() for leaf in leaves for part in leaf.split(",")}
        return bool(words) and all(_ROBOTS.fullmatch(word) for word in words)
    if isinstance(value, dict):  # such as {boost: 2} or {exclude: true}
        return not any(
            _tokens(str(name))
            and set(_tokens(str(name))) & _REFUSALS
            and _plain(str(item)) in _TRUE
            for name, item in value.items()
        )
    return bool(leaves) and not leaves & _FALSE and not leaves & {"exclude", "never", "hidden"}


def _is_open_date(joined: str, value: Any, today: dt.date) -> bool:
    leaves = _leaves(value)
    if len(leaves) != 1:
        return False
    if joined in _FROM_DATES:
        return _is_past(leaves[0], today)
    day = _day(leaves[0])
    return day is not None and day > today


def _is_past(written: str, today: dt.date) -> bool:
    day = _day(written)
    return day is not None and day <= today


def _day(written: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(written.strip()[:10])
    except ValueError:
        return None


def _leaves(value: Any, depth: int = 0) -> list[str]:
    """The texts in a value, without empty ones."""
    if depth > MAX_DEPTH:
        return ["?"]  # unknown, and so closed
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item, depth + 1)]
    text = str(value).strip()
    return [text] if text else []


def _plain(text: str) -> str:
    """A value as it is compared: "Staff-only" is "staff only"."""
    return " ".join(re.sub(r"[-_\s]+", " ", text).split()).lower()


def _joined(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _tokens(name: str) -> list[str]:
    return [token.lower() for token in _TOKENS.findall(name)]


def _short(value: Any) -> str:
    return f"{value!r:.60}"


def _distance(one: str, other: str) -> int:
    """Insertions, deletions, substitutions, and swaps of neighbours (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, previous, row = row, before, [i]
        for j, other_letter in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other_letter))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == other_letter:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
    return row[-1]
