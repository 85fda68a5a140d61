"""Did you mean: a query with its unknown words corrected, from words that the visitor may see."""

from __future__ import annotations

import re

from kb.search.analysis.tokenizer import folded_text
from kb.search.query_terms import ExpandedQuery


def did_you_mean(text: str, query: ExpandedQuery) -> str | None:
    """``text`` with its unknown words corrected; None when none was."""
    corrected = text
    for term in query.terms:
        if term.corrected:
            corrected = _replaced(corrected, term.word, term.corrected)
    return corrected if corrected != text else None


def _replaced(text: str, word: str, other: str) -> str:
    """``text`` with ``other`` for each ``word``; parts of words (camelCase) only if no whole is."""
    _, folded, offsets = folded_text(text)
    plain = re.escape(word)
    wholes = [*re.finditer(rf"(?<!\w){plain}(?!\w)", folded)]
    for match in reversed(wholes or [*re.finditer(plain, folded)]):
        text = text[: offsets[match.start()]] + other + text[offsets[match.end()] :]
    return text
