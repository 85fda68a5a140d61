"""Word pieces: a text as numbers of a fixed vocabulary, the way BERT's models were trained on it.

Lower case, without accents; words are cut greedily into the longest pieces that the vocabulary has
(Wu et al., 2016, as in Devlin et al., 2018). The vocabulary is bert-base-uncased's.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

VOCABULARY_FILE = Path(__file__).parent / "vocabulary.txt"
UNKNOWN, FIRST, LAST = 100, 101, 102  # [UNK], [CLS], [SEP]
_LONGEST_WORD = 100  # characters; a longer one is unknown as a whole
LONGEST_PIECE = 18  # characters, of any in the vocabulary
_CACHED_WORDS = 50_000
#: The words of a text in which nothing needs a closer look: printable ASCII.
_PLAIN_WORDS = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_NOT_PLAIN = re.compile(r"[^\t\n\r -~]")
_IDEOGRAPHS = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F))


def word_pieces(text: str) -> list[int]:
    """The numbers of the pieces of ``text``, in order."""
    return [number for word in plain_words(text) for number in pieces_of(word)]


@functools.cache
def vocabulary() -> Mapping[str, int]:
    """The number of each piece; pieces inside a word begin with ``##``."""
    pieces = VOCABULARY_FILE.read_text("utf-8").splitlines()
    return MappingProxyType({piece: number for number, piece in enumerate(pieces)})


def plain_words(text: str) -> list[str]:
    """The words and the punctuation marks of a text, in lower case and without accents."""
    if not _NOT_PLAIN.search(text):
        return _PLAIN_WORDS.findall(text.lower())
    return "".join(map(_spaced, unicodedata.normalize("NFD", text.lower()))).split()


@functools.lru_cache(maxsize=20_000)
def _spaced(character: str) -> str:
    """A character as it stands among words: accents and controls vanish, punctuation and
    ideographs stand alone.
    """
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category == "Mn" or category.startswith("C") or character == "\ufffd":
        return ""

    is_sign = character.isascii() and not character.isalnum()
    code = ord(character)
    if is_sign or category.startswith("P") or any(a <= code <= b for a, b in _IDEOGRAPHS):
        return f" {character} "
    return character


@functools.lru_cache(maxsize=_CACHED_WORDS)
def pieces_of(word: str) -> tuple[int, ...]:
    """The numbers of the pieces of one of ``plain_words``."""
    if len(word) > _LONGEST_WORD:
        return (UNKNOWN,)
    number_of = vocabulary().get
    whole = number_of(word)
    if whole is not None:
        return (whole,)

    numbers: list[int] = []
    start = 0
    while start < len(word):
        prefix = "##" if start else ""
        for end in range(min(len(word), start + LONGEST_PIECE), start, -1):
            number = number_of(prefix + word[start:end])
            if number is not None:
                numbers.append(number)
                start = end
                break
        else:
            return (UNKNOWN,)
    return tuple(numbers)
