"""Query expansion: the words of a text as terms of one partition.

A known word stands for its stem, an unknown one for its most likely correction, and a word that is
still being typed for its most frequent completions. What words mean besides is in ``equals``. From
the words that one audience may see, and from nothing else; what terms score is ``bm25``.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.common_words import PROBLEM_WORDS
from kb.search.analysis.edits import is_correctable, shortened, swapped
from kb.search.analysis.languages import compound_links
from kb.search.analysis.tokenizer import (
    MAX_TOKEN,
    TypedText,
    folded_text,
    is_hyphenated_prose,
    is_spaced,
    read_typed,
)
from kb.search.index.array_file import Arrays
from kb.search.index.doc_values import languages_of
from kb.search.index.prefix_postings import PrefixPostings
from kb.search.lexicon.matching import Lexicon, Reading
from kb.search.query.spelling import Speller
from kb.search.query.synonyms import SynonymExpander
from kb.search.query.vocabulary import Vocabulary, Word
from kb.search.query_terms import ExpandedQuery, QueryTerm

MAX_QUERY_WORDS = 48  # distinct words of a query that rank; a pasted error message has fewer
#: A word counts as often as it was said, up to this: no sum may outgrow 32 bits (see ``bm25``).
MAX_REPETITIONS = 12
#: Letters of the beginning of a word, in a text that is not being typed. With three, of ten sites'
#: questions cut within a word, suggestions at a pause had a right page for .37 instead of .42.
_MIN_CUT = 2
_MIN_INFLECTED = 5  # letters of a word whose inflection may have a typo
#: What each part of a word that was split counts.
_SPLIT = 0.8
#: What a word counts that says only that there is a problem.
_QUIET = 0.4
_CACHED_TERMS = 20_000  # some megabytes, beside their postings (see ``bm25``)


class QueryExpander:
    """Expands queries by the words of one partition."""

    def __init__(self, arrays: Arrays, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._corrections = _Corrections(arrays, vocabulary)
        self._equals = SynonymExpander(arrays, vocabulary)
        # While somebody types, the same words come again with every letter. What each structure of
        # the index has worked out for a term is kept with it.
        cached = functools.lru_cache(maxsize=_CACHED_TERMS)
        self._whole_term = cached(self._term_of_word)
        self._prefix_term = cached(PrefixPostings(arrays, vocabulary.surfaces).term)

    def expand(self, text: str, lexicon: Lexicon, *, prefix: bool) -> ExpandedQuery:
        """Read ``text`` as terms; with ``prefix``, its last word may be the beginning of others.

        Without, it may be so if no document has it: a pause may be within a word.
        """
        typed = read_typed(self._respelled(text, lexicon))
        known = self._look_up(typed)
        readings = self._readings(typed, known, lexicon)
        is_open = prefix or len(typed.text.strip()) == 1 or _is_cut(typed.unfinished, known)
        last = _open_word(typed, readings, known) if is_open else ""
        query = _quieted(self._as_typed(typed, last, known, lexicon, prefix=prefix))
        meant = did_you_mean(typed.text, query)
        if meant is not None:
            query = replace(query, meant=meant)
            corrected = read_typed(meant)
            readings = self._readings(corrected, self._look_up(corrected), lexicon)
        if readings:
            query = self._equals.applied(query, readings)
        written_out = lexicon.written_out(query.meant or typed.text)
        if written_out is not typed.text:
            query = replace(query, meant=written_out)
        return query if prefix else replace(query, settled=True)

    def _respelled(self, text: str, lexicon: Lexicon) -> str:
        """``text``, with each word that no document here has as it was meant: with the apostrophe
        that it lacks, or as the lexicon spells it. The beginning of a word is not mistyped.
        """
        typed = text.split(" ")
        words = [word.lower() for word in typed]
        # Longer ones are no words, and would be remembered with them.
        short = [word for word in words if len(word) <= MAX_TOKEN]
        known = self._vocabulary.look_up(short)
        others = {word for word, each in zip(short, known, strict=True) if not each.is_written}
        respelled = {
            word: other
            for word, other in lexicon.respelled(others).items()
            if not self._corrections.of(word)
            and not (word == words[-1] and self._begins_another(word, lexicon))
        }
        if not respelled:
            return text
        return " ".join(
            [respelled.get(word, as_typed) for word, as_typed in zip(words, typed, strict=True)]
        )

    def _begins_another(self, word: str, lexicon: Lexicon) -> bool:
        return not lexicon.is_short_form(word) and self._prefix_term(word) is not None

    def _look_up(self, typed: TypedText) -> dict[str, Word]:
        words = (*typed.indexed, typed.unfinished)
        return dict(zip(words, self._vocabulary.look_up(words), strict=True))

    def _readings(
        self, typed: TypedText, known: Mapping[str, Word], lexicon: Lexicon
    ) -> list[Reading]:
        """The entries of the lexicon in a text; and pairs of words that are written as one."""
        entries = lexicon.readings(typed.text)
        return entries + self._equals.joined_pairs(typed.written, known, entries)

    def _as_typed(
        self,
        typed: TypedText,
        last: str,
        known: Mapping[str, Word],
        lexicon: Lexicon,
        *,
        prefix: bool,
    ) -> ExpandedQuery:
        counts = Counter(typed.indexed)
        words = [word for word in islice(counts, MAX_QUERY_WORDS) if word != last]
        terms, unknown = [], []
        for word in words:
            if not known[word].stem:
                continue  # a stop word
            term = self._whole_term(word, known[word].number, lexicon)
            if term is None:
                if _can_be_missed(word, lexicon):
                    unknown.append(word)
            elif counts[word] > 1 and not term.corrected:
                # Long questions repeat what they are about.
                shares = (float(min(counts[word], MAX_REPETITIONS)),)
                terms.append(replace(term, shares=shares))
            else:
                terms.append(term)
        if last:
            term = self._last_term(last, known[last], lexicon, prefix=prefix)
            if term is not None:
                terms.append(term)
            elif known[last].stem:
                unknown.append(last)
        return ExpandedQuery(typed, tuple(terms), tuple(unknown))

    def _last_term(
        self, word: str, known: Word, lexicon: Lexicon, *, prefix: bool
    ) -> QueryTerm | None:
        """The beginning of other words or, if none begins so, another inflection or a typo; in a
        text that is not being typed, the other way round.
        """
        term = self._prefix_term(word) if prefix else None
        if term is None and known.stem:
            term = self._whole_term(word, known.number, lexicon)
        return term or self._prefix_term(word)

    def _term_of_word(self, word: str, number: int, lexicon: Lexicon) -> QueryTerm | None:
        """A word as its stem or its corrections; None for an unknown one."""
        if number >= 0:
            return QueryTerm(word, (number,), (1.0,))
        return None if lexicon.is_word(word) else self._corrections.term(word)


def _open_word(typed: TypedText, readings: Sequence[Reading], known: Mapping[str, Word]) -> str:
    """The unfinished word at the end of a text; "" where it is no beginning of another."""
    if any(reading.is_last_phrase for reading in readings) or typed.unfinished in PROBLEM_WORDS:
        return ""  # the last word of "log in" is not the beginning of "install"
    if not any(word.stem for word in known.values()):
        return ""  # "the" alone is not the beginning of "themes"
    return typed.unfinished


def _is_cut(word: str, known: Mapping[str, Word]) -> bool:
    """Whether the last ``word`` of a finished text may be the beginning of another."""
    return len(word) >= _MIN_CUT and bool(known[word].stem) and not known[word].is_written


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


def _quieted(query: ExpandedQuery) -> ExpandedQuery:
    if len(query.terms) + len(query.unknown) == 1:
        return query
    if PROBLEM_WORDS.isdisjoint([term.word for term in query.terms]):
        return query
    terms = [_quiet(term) if term.word in PROBLEM_WORDS else term for term in query.terms]
    return replace(query, terms=tuple(terms))


@functools.lru_cache(maxsize=_CACHED_TERMS)
def _quiet(term: QueryTerm) -> QueryTerm:
    """A word that says only that there is a problem, beside what there is a problem with."""
    return replace(term, shares=tuple(share * _QUIET for share in term.shares))


def _can_be_missed(word: str, lexicon: Lexicon) -> bool:
    """Whether it means anything that no document contains ``word``.

    It does not if its parts are words themselves, if it is part of another word, or if it is an
    emoji.
    """
    is_part = len(word) == 1 and not is_spaced(word)
    is_symbol = not any(map(str.isalnum, word))
    return (
        not is_part
        and not is_symbol
        and not is_hyphenated_prose(word)
        and not lexicon.is_short_form(word)
    )


class _Corrections:
    """Corrects unknown words, only to words that the documents of one partition have."""

    def __init__(self, arrays: Arrays, vocabulary: Vocabulary) -> None:
        self._vocabulary, self._surfaces = vocabulary, vocabulary.surfaces
        self._surface_stem: NDArray[np.int32] = arrays["surface_stem"]
        self._speller = Speller(arrays, self._surfaces)
        self._links = compound_links(languages_of(arrays))
        self.of = functools.lru_cache(_CACHED_TERMS)(self._speller.corrections)

    def term(self, word: str) -> QueryTerm | None:
        """An unknown ``word`` as the words that it may stand for; None if there are none."""
        if not is_correctable(word):
            return None
        corrections = self.of(word)
        if corrections:
            return self._any_of(word, corrections)
        return (
            self._split(word)
            or self._inflected(word)
            or self._any_of(word, self._speller.farther_corrections(word))
        )

    def _any_of(self, word: str, corrections: Sequence[tuple[int, float]]) -> QueryTerm | None:
        if not corrections:
            return None
        stems = tuple(int(self._surface_stem[surface]) for surface, _ in corrections)
        shares = tuple(share for _, share in corrections)
        best = self._surfaces.word(corrections[0][0])
        return QueryTerm(word, stems, shares, corrected=best)

    def _inflected(self, word: str) -> QueryTerm | None:
        """A typo (a letter too many, or two swapped) in an inflection that no document here has:
        "lockks" where documents have only "lock".
        """
        if len(word) < _MIN_INFLECTED:
            return None
        forms = sorted(form for form in shortened(word) | swapped(word) if form.startswith(word[0]))
        known = zip(forms, self._vocabulary.read(forms), strict=True)
        meant = {each.number: form for form, each in known if each.number >= 0}
        if len(meant) != 1:
            return None
        ((number, form),) = meant.items()
        return QueryTerm(word, (number,), (1.0,), corrected=form)

    def _split(self, word: str) -> QueryTerm | None:
        """Known words that were written as one, by mistake or as a compound."""
        parts = self._speller.parts(word, self._links)
        if len(parts) < 2:
            return None
        stems = tuple({int(self._surface_stem[surface]): None for surface in parts})
        words = " ".join(self._surfaces.words_at(parts))
        return QueryTerm(word, stems, (_SPLIT,) * len(stems), corrected=words)
