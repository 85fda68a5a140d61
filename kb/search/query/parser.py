"""Query parser: what a visitor typed, as words and operators.

Plain words, or words with operators: ``"exact phrase"``, ``-word``, and ``title:``, ``product:``,
``version:``, ``kind:``, ``tag:``, ``before:``, ``after:``. Our own small grammar, because Whoosh's
parser takes seconds on hostile input. Malformed input is read as words, with a note. Pure.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from kb.search.query.log_reader import read_pasted

MAX_QUERY_LENGTH = 1000  # characters; a pasted error message fits, a pasted log does not
MAX_OPERATORS = 16
OPERATOR_FIELDS = ("title", "product", "version", "kind", "tag", "before", "after")
_DATE_FIELDS = ("before", "after")
_TERM = re.compile(
    r"""(?:(?<=\s)|^)(?P<minus>-(?=[\w"]))?"""
    r"""(?:(?P<field>""" + "|".join(OPERATOR_FIELDS) + r"""):(?=\S))?"""
    r"""(?:"(?P<phrase>[^"]*)"|(?P<word>\S+))""",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Operator:
    """One condition: ``field`` is "" for the whole text; ``exact`` for a phrase in quotation
    marks.
    """

    field: str
    text: str
    excluded: bool
    exact: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query: ``words`` rank, ``operators`` select, ``notes`` are sentences about what was
    read differently. ``looked_for`` is the line of a pasted log that the words come from.
    """

    text: str
    words: str
    operators: tuple[Operator, ...] = ()
    notes: tuple[str, ...] = ()
    looked_for: str | None = None


def plain_query(text: str) -> Query:
    """A title, a question or a pasted log, in which no sign has a meaning."""
    pasted = read_pasted(text)
    return Query(text, _bounded(pasted.query), looked_for=pasted.line)


def parse_query(text: str) -> Query:
    """A search, with operators if there are any. Never raises; every string is a query."""
    plain = plain_query(text)
    if plain.looked_for is not None:
        return plain
    bounded = plain.words
    notes: list[str] = []
    if len(text.strip()) > MAX_QUERY_LENGTH:
        notes.append(f"Only the first {MAX_QUERY_LENGTH} characters were searched.")
    if bounded.count('"') % 2:
        bounded = bounded.replace('"', " ")
        notes.append("A quotation mark was not closed, so it was read as plain words.")

    words: list[str] = []
    operators: list[Operator] = []
    for match in _TERM.finditer(bounded):
        operator = _operator(match, notes)
        if operator is None or len(operators) == MAX_OPERATORS:
            words.append(match["phrase"] or match["word"] or "")
            continue
        operators.append(operator)
        if not operator.excluded and operator.field in ("", "title"):
            words.append(operator.text)

    return Query(
        text,
        " ".join(words) if operators or notes else bounded,
        tuple(operators),
        tuple(dict.fromkeys(notes)),
    )


def _bounded(text: str) -> str:
    return text.strip()[:MAX_QUERY_LENGTH].replace("\0", " ")


def _operator(match: re.Match[str], notes: list[str]) -> Operator | None:
    """The operator of one term; None when it is plain words."""
    minus, phrase = match["minus"], match["phrase"]
    field = (match["field"] or "").lower()
    text = (phrase if phrase is not None else match["word"]).strip()

    has_syntax = minus or field or phrase is not None
    if not has_syntax or not re.search(r"\w", text):
        return None
    if field in _DATE_FIELDS and not day_number(text):
        notes.append(
            f"{field}: takes a date such as {field}:2026-01-31; it was read as plain words."
        )
        return None
    return Operator(field, text, excluded=bool(minus), exact=phrase is not None)


def day_number(text: str) -> int | None:
    """The proleptic ordinal of ``2026``, ``2026-01`` or ``2026-01-31`` (of the first day that is
    meant); None for anything else.
    """
    match = re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", text)
    if not match:
        return None
    try:
        return dt.date(int(match[1]), int(match[2] or 1), int(match[3] or 1)).toordinal()
    except ValueError:
        return None
