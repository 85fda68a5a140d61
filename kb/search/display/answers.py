"""Answers: the sentences or the steps of one passage that answer a query, word for word.

An answer is one of the passage's ``quotable`` parts, a slice of its text: never put together, and
never shortened within a sentence. Whether a document is sure enough to be quoted at all is decided
by ``scoring.confidence``. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from kb.search.analysis.passages import TextRange
from kb.search.display.quotable import Quotable
from kb.search.display.snippets import (
    MatchedPassage,
    MatchedWord,
    Terms,
    WeightedTerm,
    all_terms,
)

#: Share of the query, by idf, that the answer contains together with its title and heading. It is
#: low, because a document that certainly answers may use other words than the query.
_MIN_EXPLAINED = 0.3
#: Share that the answer itself contains; less is enough at the beginning of a section.
_MIN_OWN_SHARE = 0.25
_FIRST_OF_SECTION = 0.5  # what the first sentences of a section gain, times what its heading holds
_FIRST_SENTENCE = 0.1  # what it gains by what its first sentence holds
_NUMBER_ASKED = 0.2  # what a number gains where a number is asked for

_ASKS_FOR_NUMBER = re.compile(r"\bhow (?:many|much|long|large|big|often|old|far)\b", re.IGNORECASE)
#: Sentences that announce an answer and give none.
_ANNOUNCES = re.compile(
    r"(?:learn (?:how|about|more|what)\b|"
    r"[^.!?\n]*\b(?:answered|covered|described) in this (?:article|page|guide)\b|"
    r"(?:first, )?let(?: us|['’]s)\b|"
    r"(?:use|see|read) this (?:article|page|guide)\b|"
    r"(?:(?:in|on) )?this (?:article|page|guide|section)(?: |:)|(?:table of )?contents:)",
    re.IGNORECASE,
)


#: A number with the word before it: "exit status 74", "IDE 2".
_NUMBERED = re.compile(r"([^\W\d]+)[\s:#=]+(\d+)\b(?!\.\d)")
_NUMBER = re.compile(r"\d+")


class QueryCoverage:
    """How much of a query a text explains, by the idf of its words."""

    def __init__(self, terms: Sequence[WeightedTerm], ideal: float) -> None:
        """``ideal`` is the idf of all words of the query, of those that no document has too."""
        self._terms = terms
        self._ideal = max(ideal, 1e-9)

    def share(self, terms: Terms) -> float:
        """The share of the query that these terms are, 0 to 1."""
        held = (term.idf for position, term in enumerate(self._terms) if terms >> position & 1)
        return sum(held) / self._ideal


class Quotation(NamedTuple):
    """A part of a passage's text, and the words in that part that match the query.

    Of the quotations of one document, the one of the greatest ``worth`` answers best.
    """

    part: TextRange
    words: tuple[TextRange, ...]  # from the beginning of the part
    worth: float


def find_answer(
    query: str,
    coverage: QueryCoverage,
    matched: MatchedPassage,
    parts: Sequence[Quotable],
    *,
    opens_section: bool,
) -> Quotation | None:
    """Which of the ``parts`` of a passage answers ``query``; None when none clearly does.

    ``opens_section`` says that the passage is the first of its section. The first sentences of a
    section can be its answer even if they contain none of the query's words.
    """
    text, words, above = matched.passage.stored.text, matched.words, matched.above
    if coverage.share(above | all_terms(words)) < _MIN_EXPLAINED:
        return None
    asks_for_number = _ASKS_FOR_NUMBER.search(query) is not None

    best: Quotable | None = None
    best_worth = -1.0
    for part in parts:
        if _ANNOUNCES.match(text, part.start):
            continue
        if _names_another_number(query, f"{matched.title}\n{text[part.start : part.end]}"):
            continue
        own = _terms_within(words, part.start, part.end)
        own_share = coverage.share(own)
        is_opening = opens_section and part.is_first
        if coverage.share(own | above) < _MIN_EXPLAINED:
            continue
        if own_share < _MIN_OWN_SHARE and not is_opening:
            continue

        opening = _terms_within(words, part.start, part.first_end)
        worth = own_share + _FIRST_SENTENCE * coverage.share(opening)
        if is_opening:
            worth += _FIRST_OF_SECTION * coverage.share(above)
        if asks_for_number and part.has_digit:
            worth += _NUMBER_ASKED
        if worth > best_worth:
            best, best_worth = part, worth
    return None if best is None else _quotation(matched.marked, best, best_worth)


def _names_another_number(query: str, answer: str) -> bool:
    """Whether ``answer`` is about another status, version or model than ``query`` asks for.

    >>> _names_another_number("exit status 1", "The exit status 74 means that no board is there.")
    True
    """
    numbered = _NUMBERED.findall(query.casefold())
    if not numbered:
        return False
    answered: dict[str, set[str]] = {}
    for word, number in _NUMBERED.findall(answer.casefold()):
        answered.setdefault(word, set()).add(number)
    numbers = set(_NUMBER.findall(answer))
    return any(word in answered and number not in numbers for word, number in numbered)


def _quotation(marked: Sequence[MatchedWord], part: Quotable, worth: float) -> Quotation:
    start, end = part.start, part.end
    words = [(word.start - start, word.end - start) for word in _within(marked, start, end)]
    return Quotation((start, end), tuple(words), worth)


def _terms_within(words: Sequence[MatchedWord], start: int, end: int) -> Terms:
    return all_terms(_within(words, start, end))


def _within(words: Sequence[MatchedWord], start: int, end: int) -> list[MatchedWord]:
    return [word for word in words if start <= word.start and word.end <= end]
