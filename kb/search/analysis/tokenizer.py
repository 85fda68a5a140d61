"""Tokenizer: text to lower-case, folded words, the same at index time and at query time.

Accents are folded, words of every script are found, scripts without spaces become overlapping pairs
of characters, and identifiers are indexed whole and by their parts. Stemming and stop words live in
``Analyzer``. No language is detected, and no script is dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import Stemmer

from kb.search.analysis.languages import ENGLISH, STEMMERS, STOP_WORDS

#: Longer runs are binary noise or base64; they are cut, so that a prefix of them is still found.
MAX_TOKEN = 64

# Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, Han, and Hangul (spaced, but
# agglutinating).
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uac00-\ud7af"
)
_UNSPACED_WIDE = "\U00020000-\U0003ffff"
# Python's \w leaves out combining marks: without these ranges, Hebrew points and Arabic and Indic
# vowel signs would cut words.
_POINTS = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
_MARKS = _POINTS + "\u0900-\u0963\u0970-\u0dff\u0f00-\u0fff"
_POINTED = re.compile(f"[{_POINTS}]")
_LETTER = re.compile(f"[\\x00-\\x7f][{_POINTS}]+|[^\\x00-\\x7f][{_POINTS}]*")
# A letter of a word of a script with spaces: "Astro组件" is two words.
_SPACED_LETTER = f"(?:[^\\W{_UNSPACED}{_UNSPACED_WIDE}]|[{_MARKS}])"
#: The rest of a word, from any place inside it.
WORD_CONTINUATION = re.compile(f"{_SPACED_LETTER}*")
_EMOJI = "\U0001f300-\U0001faff\u2600-\u27bf"
_WORD = re.compile(
    f"[{_EMOJI}]|[{_UNSPACED}{_UNSPACED_WIDE}]+|[^\\W{_UNSPACED}{_UNSPACED_WIDE}]{_SPACED_LETTER}*"
)
#: In ASCII, what separates words becomes a space: ten times as fast as a regular expression.
_SEPARATORS = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}
#: Characters that mean something by themselves: Han. Pairs alone would miss them.
_IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}{_UNSPACED_WIDE}]+")
# Words joined by . - _ / \ : without spaces, where the joint matters: versions, paths, options,
# error codes. Not prose: "high-speed" and "and/or" are two words, and a third one would only make
# texts longer.
_JOINED = re.compile(r"(?<!\w)\w+(?:(?:[.\-/\\]|::?|->)\w+)+")
_PROSE = re.compile(r"[A-Z]?[a-z]+(?:-[a-z]+)+|[A-Za-z]+/[A-Za-z]+")
_CAMEL = re.compile(r"[a-z0-9]+(?=[A-Z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_HAS_CAMEL = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]")
#: A code in kebab case, which looks like hyphenated prose but for its brackets or quotation marks,
#: or two hyphens before it.
QUOTED_CODE = re.compile(
    r"(?<=[\[(`'\"/:])[a-z][a-z0-9]*(?:-[a-z0-9]+)+(?=[\])`'\"])|(?<=\s--)[a-z][\w-]+-\w+"
)
#: A sign that there may be an identifier: a digit, an underscore, a joint between letters, an inner
#: capital.
_IDENTIFIER_SIGN = re.compile(r"[\d_]|\w[.\-/\\:]+>?\w|[a-z0-9][A-Z]|[A-Z]{2}[a-z]")
_NO_IDENTIFIERS: frozenset[str] = frozenset()
# Points that readers of Hebrew and Arabic leave out when they type, and the dot that lower-casing
# "İ" leaves behind.
_LEFT_OUT = "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0307"
_OPTIONAL = re.compile(f"[{_LEFT_OUT}]")
_ACCENTED = "\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff\u1e00-\u1fff"
_FOLDABLE = re.compile(f"[{_ACCENTED}]")
_CHANGED = re.compile(f"[{_LEFT_OUT}{_ACCENTED}]")


def fold(text: str) -> str:
    """Lower case without accents; letters of scripts where marks carry meaning keep them.

    >>> fold("Überprüfung café")
    'uberprufung cafe'
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).lower()
    if not _CHANGED.search(text):
        return text  # dashes and curly quotation marks are all there is in most texts
    return _OPTIONAL.sub("", _FOLDABLE.sub(_fold_letter, text).replace("ß", "ss"))


class FoldedText(NamedTuple):
    """A text to find words in: as it was written, and folded.

    ``offsets`` has the original offset of each folded letter; the last entry is the end of the
    text.
    """

    original: str
    folded: str
    offsets: Sequence[int]


def folded_text(text: str) -> FoldedText:
    """``fold(text)``, with the original offset of each letter.

    >>> folded_text("Maß")
    FoldedText(original='Maß', folded='mass', offsets=[0, 1, 2, 2, 3])
    """
    folded = fold(text)
    if text.isascii() or (len(folded) == len(text) and not _POINTED.search(text)):
        return FoldedText(text, folded, range(len(text) + 1))

    # Lower-cased as a whole: a sigma at the end of a word is another one than within.
    lower = text.lower()
    lower = lower if len(lower) == len(text) else text
    parts: list[str] = []
    offsets: list[int] = []
    done = 0
    for match in _LETTER.finditer(lower):
        start, letter = match.start(), fold(match[0])
        parts += (lower[done:start].lower(), letter)
        offsets += (*range(done, start), *[start] * len(letter))
        done = match.end()
    parts.append(lower[done:].lower())
    offsets += range(done, len(text) + 1)
    return FoldedText(text, "".join(parts), offsets)


def _fold_letter(match: re.Match[str]) -> str:
    return "".join(
        char for char in unicodedata.normalize("NFD", match[0]) if not unicodedata.combining(char)
    )


@dataclass(frozen=True, slots=True)
class Token:
    """A folded word, with its half-open range in the text."""

    text: str
    start: int
    end: int


def is_hyphenated_prose(word: str) -> bool:
    """Whether ``word`` is joined prose, whose parts are words by themselves."""
    return _PROSE.fullmatch(word) is not None


def identifiers(text: str) -> frozenset[str]:
    """The folded words of ``text`` that match only as a whole: names in code, error codes,
    versions, paths.

    >>> sorted(identifiers("TypeError E2134 in docs/install.md of a high-speed 9.1.9 port"))
    ['9.1.9', 'docs/install.md', 'e2134', 'typeerror']
    """
    if not _IDENTIFIER_SIGN.search(text):
        return _NO_IDENTIFIERS  # as in most questions

    names = [word for word in _JOINED.findall(text) if not _PROSE.fullmatch(word)]
    names += QUOTED_CODE.findall(text)
    for word in re.findall(r"\w+", text):
        if _HAS_CAMEL.search(word) or re.search(r"[\d_]", word):
            names.append(word)
    return frozenset(
        fold(name)[:MAX_TOKEN] for name in names if len(name) > 1 and not name.isdigit()
    )


def index_words(text: str, *, asked: bool = False) -> list[str]:
    """The words of ``text`` that are indexed, in order: plain words, pairs of unspaced scripts,
    identifiers and their parts.

    In a query (``asked``) hyphenated prose is kept whole as well: "get-process" may stand for
    Get-Process.

    >>> index_words("Get-ChildItem v9.1.9")
    ['get', 'childitem', 'v9', 'child', 'item', 'get-childitem', 'v9.1.9']
    """
    folded = fold(text)
    words: list[str] = []
    for word in _plain_words(folded):
        if word.isascii():
            if len(word) > 1:
                words.append(word[:MAX_TOKEN])
        else:
            words.extend(_pairs(word))
            words.extend(_IDEOGRAPH.findall(word) if len(word) > 1 else ())

    words.extend(_identifier_parts(text))
    codes = QUOTED_CODE.findall(text)
    for joined in _JOINED.findall(text):
        if asked or not _PROSE.fullmatch(joined) or joined in codes:
            words.append(fold(joined)[:MAX_TOKEN])
    return words


def unfinished_word(text: str) -> str:
    """The last word, when nothing follows it; a lone character is always the beginning of one."""
    if len(text.strip()) == 1:
        return fold(text.strip()) if text.strip().isalnum() else ""
    if not text or text[-1].isspace() or not text.split():
        return ""
    last = index_words(text[-80:].split()[-1])
    return last[-1] if last and (text[-1].isalnum() or text[-1] == "_") else ""


class TypedText(NamedTuple):
    """A query and its words, so that each query is tokenised only once."""

    text: str
    indexed: list[str]  # see ``index_words``
    written: list[str]  # see ``written_words``
    unfinished: str  # see ``unfinished_word``
    identifiers: frozenset[str]  # see ``identifiers``


def read_typed(text: str) -> TypedText:
    """What somebody asks for, as words."""
    return TypedText(
        text,
        index_words(text, asked=True),
        written_words(text),
        unfinished_word(text),
        identifiers(text),
    )


NOTHING_TYPED = TypedText("", [], [], "", _NO_IDENTIFIERS)


def written_words(text: str) -> list[str]:
    """The words of ``text`` as they are written, one after the other; each character of a script
    without spaces.

    >>> written_words("What's new in 9.1?")
    ['what', 's', 'new', 'in', '9', '1']
    """
    folded = fold(text)
    written = _plain_words(folded)
    if is_spaced(folded):
        return written
    return [part for word in written for part in ([word] if is_spaced(word) else word)]


def _plain_words(folded: str) -> list[str]:
    if folded.isascii():
        return folded.translate(_SEPARATORS).split()
    words: list[str] = _WORD.findall(folded)
    return words


def _pairs(word: str) -> Iterator[str]:
    """Overlapping pairs of characters of a script without spaces (a lone one as itself); any other
    word unchanged.
    """
    if not _UNSPACED_RUN.fullmatch(word):
        if len(word) > 1 or not word.isalnum():  # one letter says nothing, one emoji does
            yield word[:MAX_TOKEN]
    elif len(word) == 1:
        yield word
    else:
        yield from (word[i : i + 2] for i in range(len(word) - 1))


def is_spaced(word: str) -> bool:
    """Whether ``word`` is of a script that writes spaces between words."""
    return word.isascii() or not _UNSPACED_RUN.search(word)


def _identifier_parts(text: str) -> Iterator[str]:
    """The parts of camelCase and snake_case words; the whole word is a plain word already."""
    if "_" in text:
        for word in re.findall(r"\w*_\w*", text):
            yield from (fold(part) for part in word.split("_") if len(part) > 1)
    if _HAS_CAMEL.search(text):
        for word in re.findall(r"[A-Za-z0-9]+", text):
            if _HAS_CAMEL.search(word):
                yield from (part.lower() for part in _CAMEL.findall(word) if len(part) > 1)


def tokens(text: str) -> Iterator[Token]:
    """Plain words with their ranges in ``text``, for highlighting. Pairs overlap; the parts of
    identifiers are left out.
    """
    folded = fold(text)
    if len(folded) != len(text):  # ligatures: character by character, so that ranges stay right
        folded = "".join(
            folded_char if len(folded_char := fold(char)) == 1 else char for char in text
        )
    for match in _WORD.finditer(folded):
        word = match[0]
        if word.isascii() or not _UNSPACED_RUN.fullmatch(word) or len(word) == 1:
            yield Token(word[:MAX_TOKEN], match.start(), match.end())
        else:
            yield from (
                Token(word[i : i + 2], match.start() + i, match.start() + i + 2)
                for i in range(len(word) - 1)
            )


_MAX_CACHED_STEMS = 500_000


class Stemming(Protocol):
    """Finds the stems of words, by the rules of a language or by the documents of a partition."""

    def stem(self, word: str, /) -> str:
        """The stem of ``word``; "" for a stop word."""

    def stems(self, text: str, /) -> list[str]:
        """The stems of ``index_words(text)``, stop words left out."""


class Analyzer:
    """Words of one language to stems, with stop words left out.

    Each word's stem is cached: the vocabulary of a site is small, its texts are long.
    """

    def __init__(self, language: str = ENGLISH) -> None:
        """``language`` is one of ``languages.STEMMERS``."""
        self._stemmer = Stemmer.Stemmer(STEMMERS[language])
        self.stop_words = STOP_WORDS.get(language, frozenset())
        self._stems: dict[str, str] = {}

    def stem(self, word: str) -> str:
        """The stem of ``word``; "" for a stop word. Words with digits or joints stay."""
        stem = self._stems.get(word)
        if stem is None:
            stem = self._stems[word] = self._stem(word)
            # Queries are made by strangers: the memory is bounded.
            if len(self._stems) > _MAX_CACHED_STEMS:
                self._stems.clear()
        return stem

    def _stem(self, word: str) -> str:
        if word in self.stop_words:
            return ""
        stemmed: str = self._stemmer.stemWord(word) if word.isalpha() else word
        return stemmed

    def stems_of(self, words: Sequence[str]) -> list[str]:
        """The stem of each of ``words``."""
        return [self.stem(word) for word in words]

    def stems(self, text: str) -> list[str]:
        """The stems of ``index_words(text)``, stop words left out."""
        return [stem for stem in self.stems_of(index_words(text)) if stem]
