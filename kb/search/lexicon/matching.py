"""Lexicon: the entries of word lists in what somebody typed, and what else they may mean.

Entries are found by their stems, one after the other, the longest first; forms without an
apostrophe ("cant") are read as what they are short for. Pure; how much of a meaning an audience's
documents have, and what it counts beside the word that was typed, is ``query.expansion``.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb.search.analysis.common_words import COMMON_WORDS
from kb.search.analysis.edits import is_correctable, is_one_edit, shortened
from kb.search.analysis.languages import ENGLISH, STOP_WORDS
from kb.search.analysis.tokenizer import Analyzer, fold, index_words, written_words
from kb.search.lexicon.files import Group, common_words, function_words, shipped_groups

#: What another spelling of a typed word counts, and what a word counts that is merely its equal.
SAME_WORD, RELATED_WORD = 0.95, 0.6
_CACHED_WORDS, _LONGEST_WORD = 20_000, 80
#: What short forms stand for, by how they end; the first that fits.
_WRITTEN_OUT = (
    ("can't", "cannot"),
    ("won't", "will not"),
    ("ain't", "is not"),
    ("let's", "let us"),
    ("n't", " not"),
    ("'m", " am"),
    ("'re", " are"),
    ("'ve", " have"),
    ("'ll", " will"),
    ("'d", " would"),
    ("'s", " is"),
)
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=(?:t|s|m|d|re|ve|ll)\b)", re.IGNORECASE)
#: British -ise and -yse, American -ize and -yze, and what is made of them.
_SUFFIX = re.compile(r"(?<=\w\w[iy])([sz])(?=(?:e[drs]?|ers|es|ing|ations?|able)$)")
_OTHER_SUFFIX = {"s": "z", "z": "s"}

#: English inflections, longest first: what ends a word, what stands there instead, and how many
#: letters must be left. Stems would go too far: "personal" is no "person".
_INFLECTIONS = (("ings", "ing", 2), ("ies", "y", 2), ("ied", "y", 2), ("ing", "", 3), ("ed", "", 3))
_DOUBLED = re.compile(r"([^aeioulsz])\1$")
#: No inflection of what an "e" makes of them: "not" is no "note".
_WITHOUT_MEANING = COMMON_WORDS | STOP_WORDS[ENGLISH]

Keys = tuple[str, ...]  # the words of an entry as they are compared: without inflections


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a typed entry may mean: words as they are indexed, and their weight relative to it.

    ``is_part``: other words of the phrase are not indexed. ``language`` is that of the documents
    that may mean it; "" for any. ``translation`` is the entry as it is written, if it is in another
    language than the typed one.
    """

    words: tuple[str, ...]
    share: float
    is_part: bool = False
    language: str = ""
    translation: str = ""

    def or_better(self, other: Meaning | None) -> Meaning:
        """The same words in the same language, as the better of both has them."""
        if other is None:
            return self
        return Meaning(
            self.words,
            max(self.share, other.share),
            self.is_part and other.is_part,
            self.language,
            self.translation and other.translation,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """Some typed words, as they are indexed, and what else they may mean together.

    ``is_last_phrase`` says that it is several words and ends the text: its last word is finished;
    ``is_part``, that some of them are not indexed: "log" alone says less than "log in".
    """

    words: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    is_last_phrase: bool = False
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class _TypedWord:
    """A word that was typed: as entries are compared, as it is indexed (a stop word is not), and as
    it may be spelt otherwise.
    """

    key: str
    indexed: tuple[str, ...]
    spellings: tuple[Meaning, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a word list: as it is indexed, as it is written without apostrophes, and as it is
    compared. ``is_part``: some of its words are not indexed.
    """

    indexed: tuple[str, ...]
    is_part: bool
    is_short_form: bool
    written: tuple[str, ...]
    keys: Keys


class Lexicon:
    """The entries of some groups."""

    def __init__(self, groups: Iterable[Group], analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._meanings: dict[Keys, tuple[Meaning, ...]] = {}
        self._words: set[str] = set()  # of all entries, as they are written
        self._longest: dict[str, int] = {}  # the first word of an entry -> words of the longest
        self._short_forms: dict[str, str] = {}  # "cant" -> "can't"
        self._fragments: frozenset[str] = frozenset()  # what is indexed of short forms
        self._written_out: dict[str, str] = {}  # "cant" and "can't" -> "cannot"
        cached = functools.lru_cache(maxsize=_CACHED_WORDS)
        self._cached_word, self._cached_nearest = cached(self._typed_word), cached(self.nearest)
        self._add(groups)

    def changed(
        self,
        added: Iterable[Group],
        removed: Iterable[str],
        *,
        share: float = RELATED_WORD,
    ) -> Lexicon:
        """This lexicon without the entries ``removed``, and with the groups ``added``."""
        changed = Lexicon((), self._analyzer)
        changed._short_forms, changed._fragments = self._short_forms, self._fragments
        changed._written_out = self._written_out
        gone = {_keys(written_words(_without_apostrophes(entry))) for entry in removed}
        gone_words = {self._indexed(entry) for entry in removed}
        changed._meanings = {
            keys: tuple(meaning for meaning in meanings if meaning.words not in gone_words)
            for keys, meanings in self._meanings.items()
            if keys not in gone
        }
        changed._longest, changed._words = dict(self._longest), set(self._words)
        changed._add(added, share=share)
        return changed

    def _add(self, groups: Iterable[Group], *, share: float = RELATED_WORD) -> None:
        meanings: defaultdict[Keys, dict[tuple[Keys, str], Meaning]] = defaultdict(dict)
        read = functools.cache(self._read)  # what is shipped lists each entry five times
        for group in groups:
            # Nobody looks for what is not: "not there" is typed, and never meant.
            meant = [
                (text, entry)
                for text, entry in ((text, read(text)) for text in group.meant)
                if entry.indexed and not entry.is_short_form
            ]
            for text in group.typed:
                own = read(text)
                self._words.update(own.written)
                if not own.keys:
                    continue
                if own.is_short_form and len(own.keys) == 1:
                    self._short_forms[_without_apostrophes(text)] = text
                for meant_text, other in meant:
                    # "Log" alone says less than "log in", whether that was typed or is meant.
                    is_same = group.same and not other.is_part
                    is_same = is_same or len(own.indexed) < len(own.written)
                    if other.indexed != own.indexed:
                        worth = SAME_WORD if is_same else share
                        translation = meant_text if group.translated else ""
                        meaning = Meaning(
                            other.indexed, worth, other.is_part, group.language, translation
                        )
                        name = (other.indexed, group.language)
                        meanings[own.keys][name] = meaning.or_better(meanings[own.keys].get(name))
        for keys, by_name in meanings.items():
            added = tuple(by_name.values())
            anywhere = {meaning.words for meaning in added if not meaning.language}
            earlier = self._meanings.get(keys, ())
            kept = (meaning for meaning in earlier if meaning.words not in anywhere)
            self._meanings[keys] = (*added, *kept)
            self._longest[keys[0]] = max(len(keys), self._longest.get(keys[0], 0))
        fragments = {word for form in self._short_forms.values() for word in index_words(form)}
        self._fragments = frozenset({*self._short_forms, *fragments})
        for bare, form in self._short_forms.items():
            self._written_out[bare] = self._written_out[form] = _written_out(form)

    def _read(self, text: str) -> _Entry:
        indexed = self._indexed(text)
        written = tuple(written_words(_without_apostrophes(text)))
        is_part = len(indexed) != len(written_words(text))
        is_short_form = _APOSTROPHE.search(text) is not None
        return _Entry(indexed, is_part, is_short_form, written, _keys(written))

    def _indexed(self, entry: str) -> tuple[str, ...]:
        return tuple(word for word in index_words(entry) if self._analyzer.stem(word))

    # --- what somebody typed

    def respelled(self, words: Iterable[str]) -> dict[str, str]:
        """Those of ``words`` that are typed wrong, and what is meant: a short form with its
        apostrophe, or the word of an entry.

        >>> shipped_lexicon().respelled(["cant", "avater", "want"])
        {'cant': "can't", 'avater': 'avatar'}
        """
        others = (
            (word, self._short_forms.get(word) or self._cached_nearest(word)) for word in words
        )
        return {word: other for word, other in others if other}

    def written_out(self, text: str) -> str:
        """``text`` with its short forms written out, to compare meanings: an encoder that reads
        word pieces does not understand "cant".

        >>> shipped_lexicon().written_out("i cant log in, it doesn't work")
        'i cannot log in, it does not work'
        """
        words = text.replace("’", "'").split(" ")
        if self._written_out.keys().isdisjoint(map(str.lower, words)):
            return text
        return " ".join([self._written_out.get(word.lower(), word) for word in words])

    def nearest(self, word: str) -> str | None:
        """The word of an entry that ``word`` was meant to be; None where there is none, or several.

        >>> shipped_lexicon().nearest("avater"), shipped_lexicon().nearest("want")
        ('avatar', None)
        """
        if not is_correctable(word) or self.is_word(word):
            return None
        near = {
            other
            for form in (word, *shortened(word))
            for other in self._words_by_form.get(form, ())
            if is_one_edit(word, other)
        }
        return near.pop() if len(near) == 1 else None

    def load(self) -> None:
        """Work out what the first unknown word would wait for, some tenths of a second."""
        self.nearest("unknwon")

    @functools.cached_property
    def _words_by_form(self) -> Mapping[str, Sequence[str]]:
        """Words of entries by themselves and by each of their forms that lacks one letter."""
        forms: defaultdict[str, list[str]] = defaultdict(list)
        for word in filter(is_correctable, sorted(self._words)):
            for form in {word, *shortened(word)}:
                forms[form].append(word)
        return forms

    def readings(self, text: str) -> list[Reading]:
        """The entries in ``text``, none overlapping another, the longest first."""
        plain = " ".join([word[:_LONGEST_WORD] for word in text.split()])
        words = list(map(self._cached_word, written_words(_without_apostrophes(plain))))
        keys = tuple(word.key for word in words)
        readings, position = [], 0
        while position < len(words):
            length, meanings = self._longest_entry(keys, position)
            if not meanings:
                length, meanings = 1, words[position].spellings
            if meanings:
                entry = words[position : position + length]
                ends = position + length == len(words) and text[-1].isalnum()
                readings.append(
                    Reading(
                        tuple(indexed for word in entry for indexed in word.indexed),
                        meanings,
                        is_last_phrase=ends and length > 1,
                        is_part=length > sum(len(word.indexed) for word in entry) > 0,
                    )
                )
            position += length
        return readings

    def _longest_entry(self, keys: Keys, position: int) -> tuple[int, tuple[Meaning, ...]]:
        longest = self._longest.get(keys[position], 0)
        for length in range(min(longest, len(keys) - position), 0, -1):
            meanings = self._meanings.get(keys[position : position + length])
            if meanings:
                return length, meanings
        return 1, ()

    def _typed_word(self, word: str) -> _TypedWord:
        indexed = () if word in self._analyzer.stop_words else (word,)
        return _TypedWord(_uninflected(word), indexed, _other_suffix(word))

    def is_word(self, word: str) -> bool:
        """Whether ``word`` is no typo: it is common, an entry, or a short form."""
        return (
            word in self._fragments
            or word in function_words()
            or _uninflected(word) in self._known
            or self._analyzer.stem(word) in _common_stems()
        )

    def is_short_form(self, word: str) -> bool:
        """Whether ``word`` is a short form, or what is indexed of one ("cant", "doesn")."""
        return word in self._fragments

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        """The entries that are one word."""
        return frozenset(keys[0] for keys in self._meanings if len(keys) == 1)


@functools.cache
def shipped_lexicon() -> Lexicon:
    """All that is shipped."""
    return Lexicon(shipped_groups(), Analyzer())


@functools.cache
def _common_stems() -> frozenset[str]:
    analyzer = Analyzer()
    return frozenset(map(analyzer.stem, map(fold, common_words())))


def _written_out(form: str) -> str:
    """
    >>> _written_out("can't"), _written_out("doesn't"), _written_out("i'm")
    ('cannot', 'does not', 'i am')
    """
    for ending, instead in _WRITTEN_OUT:
        if form.endswith(ending):
            return form.removesuffix(ending) + instead
    return form


def _without_apostrophes(text: str) -> str:
    """Short forms as one word each; apostrophes of other languages separate words.

    >>> _without_apostrophes("can't, l'utilisateur")
    "cant, l'utilisateur"
    """
    return _APOSTROPHE.sub("", text) if "'" in text or "’" in text else text


def _keys(words: Sequence[str]) -> Keys:
    return tuple(map(_uninflected, words))


def _uninflected(word: str) -> str:
    """
    >>> [_uninflected(word) for word in ("deleting", "deletes", "delete", "logged", "settings")]
    ['delet', 'delet', 'delet', 'log', 'setting']
    >>> [_uninflected(word) for word in ("not", "note", "them", "themes")]
    ['not', 'note', 'them', 'theme']
    """
    for ending, instead, least in _INFLECTIONS:
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = word.removesuffix(ending) + instead
            return _DOUBLED.sub(r"\1", word).removesuffix("e")
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    shorter = word.removesuffix("e")
    return shorter if len(word) > 3 and shorter not in _WITHOUT_MEANING else word


def _other_suffix(word: str) -> tuple[Meaning, ...]:
    """
    >>> _other_suffix("synchronise")
    (Meaning(words=('synchronize',), share=0.95, is_part=False, language='', translation=''),)
    """
    other = _SUFFIX.sub(lambda match: _OTHER_SUFFIX[match[1]], word)
    return (Meaning((other,), SAME_WORD),) if other != word else ()
