"""Query expansion: the words of a text as terms of one partition.

A known word stands for its stem, an unknown one for its most likely correction, and a word that is
still being typed for its most frequent completions. What words mean besides is in ``equals``. From
the words that one audience may see, and from nothing else; what terms score is ``bm25``.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.common_words import PROBLEM_WORDS
from kb.search.analysis.languages import compound_links
from kb.search.analysis.tokenizer import (
    Analyzer,
    index_words,
    is_hyphenated_prose,
    is_spaced,
    unfinished_word,
)
from kb.search.array_types import Frequencies
from kb.search.index.array_file import Arrays
from kb.search.index.doc_values import languages_of
from kb.search.index.prefix_postings import PrefixPostings, complete
from kb.search.index.term_dictionary import TermDictionary
from kb.search.lexicon.files import function_words
from kb.search.lexicon.matching import Lexicon
from kb.search.query.did_you_mean import did_you_mean
from kb.search.query.spelling import Speller
from kb.search.query.synonyms import SynonymExpander
from kb.search.query_terms import ExpandedQuery, QueryTerm

MAX_QUERY_WORDS = 48  # distinct words of a query that rank; a pasted error message has fewer
#: A word counts as often as it was said, up to this: no sum may outgrow 32 bits (see ``bm25``).
MAX_REPETITIONS = 12
#: What each part of a word that was split counts.
_SPLIT = 0.8
#: What a word counts that says only that there is a problem.
_QUIET = 0.4
_CACHED_TERMS = 20_000  # some megabytes, beside their postings (see ``bm25``)


class QueryExpander:
    """Expands queries by the words of one partition."""

    def __init__(self, arrays: Arrays, analyzer: Analyzer) -> None:
        words = _PartitionWords(arrays, analyzer)
        self.stems = words.stems
        self._equals = SynonymExpander(arrays, words.stems, words.surfaces, analyzer)
        # While somebody types, the same words come again with every letter. What each structure of
        # the index has worked out for a term is kept with it.
        cached = functools.lru_cache(maxsize=_CACHED_TERMS)
        self._whole_term, self._prefix_term = cached(words.whole_term), cached(words.prefix_term)
        self._respelled = cached(words.respelled)

    def expand(self, text: str, lexicon: Lexicon, *, prefix: bool) -> ExpandedQuery:
        """Read ``text`` as terms; with ``prefix``, its last word may be the beginning of others."""
        text = " ".join([self._respelled(word, lexicon) for word in text.split(" ")])
        readings = self._equals.readings(text, lexicon)
        last = unfinished_word(text) if prefix or len(text.strip()) == 1 else ""
        if any(reading.is_last_phrase for reading in readings) or last in PROBLEM_WORDS:
            last = ""  # the last word of "log in" is not the beginning of "install"
        elif self._is_stop_word(last, lexicon):
            words = index_words(text, asked=True)
            if all(self._is_stop_word(word, lexicon) for word in words):
                last = ""  # "the" alone is not the beginning of "themes"
        query = _quieted(self._as_typed(text, last, lexicon))
        meant = did_you_mean(text, query)
        if meant is not None:
            query = replace(query, meant=meant)
            readings = self._equals.readings(meant, lexicon)
        translation = self._equals.translation(query, readings)
        if translation:
            query = _without_function_words(replace(query, meant=translation))
        query = self._equals.widened(query, readings)
        return query if prefix else replace(query, settled=True)

    def _as_typed(self, text: str, last: str, lexicon: Lexicon) -> ExpandedQuery:
        counts = Counter(index_words(text, asked=True))
        terms, unknown = [], []
        for word, count in islice(counts.items(), MAX_QUERY_WORDS):
            if word == last:
                continue
            term = self._whole_term(word, lexicon)
            if term is None:
                if _can_be_missed(word, lexicon):
                    unknown.append(word)
            elif not term.stems:
                pass  # a stop word
            elif count > 1 and not term.corrected:
                # Long questions repeat what they are about.
                terms.append(replace(term, shares=(float(min(count, MAX_REPETITIONS)),)))
            else:
                terms.append(term)
        if last:
            term = self._prefix_term(last, lexicon)
            if term is None:
                unknown.append(last)
            elif term.stems:
                terms.append(term)
        return ExpandedQuery(text, tuple(terms), tuple(unknown))

    def _is_stop_word(self, word: str, lexicon: Lexicon) -> bool:
        term = self._whole_term(word, lexicon) if word else None
        return term is not None and not term.stems


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


def _without_function_words(query: ExpandedQuery) -> ExpandedQuery:
    """A query in another language without its function words.

    The German "die" is not the English word that a page may contain, and a page without "wie" lacks
    nothing.
    """
    terms = tuple(term for term in query.terms if term.word not in function_words())
    unknown = tuple(word for word in query.unknown if word not in function_words())
    return replace(query, terms=terms, unknown=unknown)


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


class _PartitionWords:
    """The words of one partition, and what each stands for; None for an unknown one."""

    def __init__(self, arrays: Arrays, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self.surfaces = TermDictionary(arrays, "surface")
        self._surface_df: Frequencies = arrays["surface_df"]
        self._surface_stem: NDArray[np.int32] = arrays["surface_stem"]
        self._speller = Speller(arrays, self.surfaces)
        self._prefixes = PrefixPostings(arrays)
        self._links = compound_links(languages_of(arrays))
        self.stems = TermDictionary(arrays, "stem")

    def respelled(self, typed: str, lexicon: Lexicon) -> str:
        """A word that no document here has, as it was meant: with the apostrophe that it lacks, or
        as the lexicon spells it.
        """
        word = typed.lower()
        if self.surfaces.find(word) >= 0:
            return typed
        other = lexicon.respelled(word)
        return typed if other is None or self._speller.corrections(word) else other

    def whole_term(self, word: str, lexicon: Lexicon) -> QueryTerm | None:
        """The stem of ``word``, or its corrections; a stop word is a term without stems."""
        stem = self._analyzer.stem(word)
        if not stem:
            return QueryTerm(word, (), ())
        number = self.stems.find(stem)
        return QueryTerm(word, (number,), (1.0,)) if number >= 0 else self._corrected(word, lexicon)

    def prefix_term(self, word: str, lexicon: Lexicon) -> QueryTerm | None:
        """The most frequent words that begin with ``word``, as one term."""
        merged = self._prefixes.find(word)
        if merged is not None and not self.surfaces.has_added(word):
            return merged
        words = self.surfaces.beginning_with(word)
        if not words.size:  # it begins no word here, and may be another inflection of one
            return self.whole_term(word, lexicon)
        stems = complete(words, self._surface_df, self._surface_stem)
        return QueryTerm(word, tuple(stems.tolist()), (1.0,) * stems.size, prefix=True)

    def _corrected(self, word: str, lexicon: Lexicon) -> QueryTerm | None:
        """What an unknown ``word`` was meant to be: never another word than one that exists."""
        if lexicon.is_word(word):
            return None
        corrections = self._speller.corrections(word)
        if not corrections:
            return self._split(word)
        stems = tuple(int(self._surface_stem[surface]) for surface, _ in corrections)
        shares = tuple(share for _, share in corrections)
        best = self.surfaces.word(corrections[0][0])
        return QueryTerm(word, stems, shares, corrected=best)

    def _split(self, word: str) -> QueryTerm | None:
        """Known words that were written as one, by mistake or as a compound."""
        parts = self._speller.parts(word, self._links)
        if len(parts) < 2:
            return None
        stems = tuple({int(self._surface_stem[surface]): None for surface in parts})
        words = " ".join(self.surfaces.word(surface) for surface in parts)
        return QueryTerm(word, stems, (_SPLIT,) * len(stems), corrected=words)
