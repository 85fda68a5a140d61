"""What did the visitor ask?

Plain words, or words with operators: ``"exact phrase"``, ``-word``, and ``title:``, ``product:``,
``version:``, ``kind:``, ``tag:``, ``before:``, ``after:``. Our own small grammar: Whoosh's parser
takes seconds on hostile input. Whatever is malformed is read as words, with a note. Pure.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

MAX_QUERY_LENGTH = 1000  # characters; a pasted error message fits, a pasted log does not
MAX_OPERATORS = 16
OPERATOR_FIELDS = ("title", "product", "version", "kind", "tag", "before", "after")
_DATES = ("before", "after")
_PIECE = re.compile(
    r"""(?:(?<=\s)|^)(?P<minus>-(?=[\w"]))?(?:(?P<field>"""
    + "|".join(OPERATOR_FIELDS)
    + r"""):(?=\S))?"""
    r"""(?:"(?P<phrase>[^"]*)"|(?P<word>\S+))""",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Operator:
    """One condition: ``field`` is "" for the whole text; ``exact`` for a phrase in quotation marks."""

    field: str
    text: str
    excluded: bool
    exact: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A query as understood: ``words`` rank, ``operators`` select, ``notes`` tell what was read
    differently.
    """

    text: str
    words: str
    operators: tuple[Operator, ...] = ()
    notes: tuple[str, ...] = ()


def plain_query(text: str) -> Query:
    """A title or a question: every character is words."""
    return Query(text, _bounded(text))


def parse_query(text: str) -> Query:
    """A search with operators, if there are any. Never raises; every string is a query."""
    bounded = _bounded(text)
    notes = (
        [f"Only the first {MAX_QUERY_LENGTH} characters were searched."]
        if len(text.strip()) > MAX_QUERY_LENGTH
        else []
    )
    if bounded.count('"') % 2:
        bounded = bounded.replace('"', " ")
        notes.append("A quotation mark was not closed, so it was read as plain words.")
    words: list[str] = []
    operators: list[Operator] = []
    for match in _PIECE.finditer(bounded):
        operator = _operator(match, notes)
        if operator is None or len(operators) == MAX_OPERATORS:
            words.append(match["phrase"] or match["word"] or "")
        else:
            operators.append(operator)
            if _ranks(operator):
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
    minus, field, phrase, word = (
        match["minus"],
        (match["field"] or "").lower(),
        match["phrase"],
        match["word"],
    )
    text = (phrase if phrase is not None else word).strip()
    if not (minus or field or phrase is not None) or not re.search(r"\w", text):
        return None
    if field in _DATES and not day_number(text):
        notes.append(
            f"{field}: takes a date such as {field}:2026-01-31; it was read as plain words."
        )
        return None
    return Operator(field, text, excluded=bool(minus), exact=phrase is not None)


def _ranks(operator: Operator) -> bool:
    return not operator.excluded and operator.field in ("", "title")


def day_number(text: str) -> int | None:
    """``2026``, ``2026-01`` or ``2026-01-31`` as a day number (the first day meant); None for
    anything else.
    """
    match = re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", text)
    if not match:
        return None
    try:
        return dt.date(int(match[1]), int(match[2] or 1), int(match[3] or 1)).toordinal()
    except ValueError:
        return None
