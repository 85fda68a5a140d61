"""Synonyms: the words of one partition that mean the same as the typed ones.

The lexicon says what a typed entry may mean; here that becomes terms, as far as this audience's
documents have the words. A word that was typed stays what counts: what it may mean counts less, in
a text only the best of all, and never more than the typed word itself would.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.tokenizer import MAX_TOKEN, index_words
from kb.search.index.array_file import Arrays
from kb.search.index.doc_values import languages_of
from kb.search.lexicon.files import function_words
from kb.search.lexicon.matching import SAME_WORD, Meaning, Reading
from kb.search.query.vocabulary import Vocabulary, Word
from kb.search.query_terms import ExpandedQuery, QueryTerm

_CACHED = 20_000
_Slot = tuple[tuple[int, float], ...]  # stems that may stand in one place, and what each counts


class SynonymExpander:
    """What readings mean in the words of one partition."""

    def __init__(
        self,
        arrays: Arrays,
        vocabulary: Vocabulary,
    ) -> None:
        self._idf: NDArray[np.float32] = arrays["idf"]
        self._vocabulary = vocabulary
        self._languages = frozenset(("", *languages_of(arrays)))
        # While somebody types, the same words come again with every letter.
        cached = functools.lru_cache(maxsize=_CACHED)
        self._is_written = cached(lambda word: vocabulary.surfaces.find(word) >= 0)
        self._cached_slots = cached(self._slots)
        self._cached_most = cached(self._most_of_parts_alone)
        self._cached_term, self._cached_new_term = cached(self._widened_term), cached(_new_term)

    def joined_pairs(
        self, written: Sequence[str], known: Mapping[str, Word], readings: Sequence[Reading]
    ) -> list[Reading]:
        """ "screen reader" for documents that write "screenreader", where no other reading is.

        ``known`` has the ``written`` words of a text, but for those of a single letter.
        """
        covered = {word for reading in readings for word in reading.words}
        joined = []
        for pair in pairwise(written):
            if not covered.isdisjoint(pair) or not all(map(_is_plain, pair)):
                continue
            word = "".join(pair)
            if len(word) > MAX_TOKEN or not all(known[part].stem for part in pair):
                continue  # what joins a stop word is another word
            if self._is_written(word):
                covered.update(pair)
                joined.append(Reading(pair, (Meaning((word,), SAME_WORD),)))
        return joined

    def applied(self, query: ExpandedQuery, readings: Sequence[Reading]) -> ExpandedQuery:
        """``query`` with everything that its ``readings`` mean here, also in another language."""
        translation = self._translation(query, readings) if query.unknown else ""
        if translation:
            query = _without_function_words(replace(query, meant=translation))
        terms = {term.corrected or term.word: term for term in query.terms}
        unknown = dict.fromkeys(query.unknown)
        more: list[QueryTerm] = []
        for reading in readings:
            slots = self._cached_slots(reading.words, reading.meanings)
            self._add_meanings(reading, slots, terms, unknown, more)
            if any(slots):  # "mot de passe" is one word in other languages
                for word in reading.words:
                    unknown.pop(word, None)
        return replace(query, terms=(*terms.values(), *more), unknown=tuple(unknown))

    def _add_meanings(
        self,
        reading: Reading,
        slots: Sequence[_Slot],
        terms: dict[str, QueryTerm],
        unknown: dict[str, None],
        more: list[QueryTerm],
    ) -> None:
        for position, slot in enumerate(slots):
            if not slot:
                continue
            word = reading.words[position] if position < len(reading.words) else ""
            term = terms.get(word)
            if term is not None and not term.prefix:
                most = self._cached_most(reading.meanings) if reading.is_part else math.inf
                terms[word] = self._cached_term(term, slot, most)
            elif term is not None:  # its completions count already
                others = tuple(pair for pair in slot if pair[0] not in term.stems)
                if others:
                    more.append(self._cached_new_term(word, others, typed=False))
            elif word in unknown:
                del unknown[word]
                more.append(self._cached_new_term(word, _in_full(slot), typed=True))
            else:
                more.append(self._cached_new_term("", slot, typed=False))

    def _translation(self, query: ExpandedQuery, readings: Sequence[Reading]) -> str:
        """``query`` in the words of this partition.

        Empty unless words that the partition does not have are found in another language.
        """
        translated: dict[str, str] = {}
        for reading in readings:
            if not {*reading.words}.isdisjoint(query.unknown):
                for meaning in self._meant_here(reading.meanings):
                    if meaning.translation and self._has(meaning):
                        translated |= dict.fromkeys(reading.words, "")
                        translated[reading.words[0]] = meaning.translation
                        break
        if not translated:
            return ""
        typed = {term.word for term in query.terms}
        words = dict.fromkeys(index_words(query.text))
        parts = [translated.get(word, word if word in typed else "") for word in words]
        return " ".join(filter(None, parts))

    def _meant_here(self, meanings: Sequence[Meaning]) -> list[Meaning]:
        """Without those in a language that no document here is in: the French "connecté" has the
        stem of the English "connect", and means something else.
        """
        return [meaning for meaning in meanings if meaning.language in self._languages]

    def _has(self, meaning: Meaning) -> bool:
        return all(number >= 0 for number in self._stems_of([meaning]).values())

    def _stems_of(self, meanings: Iterable[Meaning]) -> dict[str, int]:
        """The number of the stem of each word of some meanings."""
        words = list(dict.fromkeys(word for meaning in meanings for word in meaning.words))
        known = self._vocabulary.look_up(words)
        return {word: each.number for word, each in zip(words, known, strict=True)}

    def _slots(self, words: Sequence[str], meanings: Sequence[Meaning]) -> list[_Slot]:
        """For each of the typed ``words`` the stems that may stand for it, and more for longer
        meanings.

        The n-th word of a meaning goes with the n-th that was typed, the last one with the rest.
        Longer meanings share what the typed words count.
        """
        typed = max(1, len(words))
        slots: list[dict[int, float]] = [{} for _ in range(typed)]
        meant = self._meant_here(meanings)
        numbers = self._stems_of(meant)
        most = self._most_of_parts(meant, numbers)
        for meaning in meant:
            stems = [numbers[word] for word in meaning.words]
            if min(stems) < 0:
                continue
            share = meaning.share * min(1.0, typed / len(stems))
            slots += [{} for _ in range(len(stems) - len(slots))]
            for position in range(len(stems) if meaning.translation else max(typed, len(stems))):
                slot, stem = slots[position], stems[min(position, len(stems) - 1)]
                worth = self._limited(stem, share, most) if meaning.is_part else share
                slot[stem] = max(worth, slot.get(stem, 0.0))
        return [tuple(slot.items()) for slot in slots]

    def _most_of_parts_alone(self, meanings: Sequence[Meaning]) -> float:
        parts = [meaning for meaning in self._meant_here(meanings) if meaning.is_part]
        return self._most_of_parts(parts, self._stems_of(parts))

    def _most_of_parts(self, meanings: Iterable[Meaning], numbers: Mapping[str, int]) -> float:
        """The idf of the most frequent word that is left of a phrase: if documents say "sign in",
        the fewer that have "log" are hardly about logging in.
        """
        stems = [numbers[meaning.words[0]] for meaning in meanings if meaning.is_part]
        return min((float(self._idf[stem]) for stem in stems if stem >= 0), default=math.inf)

    def _limited(self, stem: int, share: float, most: float) -> float:
        """A share of a stem that counts no more than the same of one with the idf ``most``."""
        return share * min(1.0, most / max(float(self._idf[stem]), 1e-9))

    def _widened_term(self, term: QueryTerm, slot: _Slot, most: float) -> QueryTerm:
        shares = {
            stem: self._limited(stem, share, most)
            for stem, share in zip(term.stems, term.shares, strict=True)
        }
        worth = max(float(self._idf[stem]) * share for stem, share in shares.items())
        for stem, share in slot:
            if stem not in shares:
                shares[stem] = self._limited(stem, share, worth)
        if len(shares) == len(term.stems):
            return term
        return replace(term, stems=tuple(shares), shares=tuple(shares.values()), equals=True)


def _is_plain(word: str) -> bool:
    return len(word) > 1 and word.isalpha()


def _without_function_words(query: ExpandedQuery) -> ExpandedQuery:
    """A query in another language without its function words.

    The German "die" is not the English word that a page may contain, and a page without "wie" lacks
    nothing.
    """
    terms = tuple(term for term in query.terms if term.word not in function_words())
    unknown = tuple(word for word in query.unknown if word not in function_words())
    return replace(query, terms=terms, unknown=unknown)


def _in_full(slot: _Slot) -> _Slot:
    """Of a word that no document has, the best of what it may mean counts like itself."""
    most = max(share for _, share in slot)
    return tuple((stem, share * SAME_WORD / most) for stem, share in slot)


def _new_term(word: str, slot: _Slot, *, typed: bool) -> QueryTerm:
    stems, shares = zip(*slot, strict=True)
    return QueryTerm(word, stems, shares, equals=True, typed=typed)
