"""What a page says, in few bytes: enough to tell a change of meaning from a corrected typo.

The numbers of a text are kept exactly, because "4 hours" and "24 hours" differ in one word only. Of
its words a sketch is kept, the smallest of their hashes, by which the share of common words of two
texts can be estimated (bottom-k sketches: Cohen and Kaplan, "Summarizing data using bottom-k
sketches", PODC 2007). Pure.
"""

from __future__ import annotations

import hashlib
import re

#: Words of a sketch; the estimate is wrong by some .05 (one standard deviation).
SKETCH = 64
#: Two texts with a smaller share of common words say different things.
SAME_MEANING = 0.85
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"[^\W\d_]{2,}")


def text_sketch(text: str) -> str:
    """The numbers and the words of ``text`` as one short line."""
    numbers = " ".join(_NUMBER.findall(text))
    hashes = sorted({_hash(word) for word in _WORD.findall(text.casefold())})[:SKETCH]
    return f"{_hash(numbers)} {' '.join(hashes)}".rstrip()


def says_something_new(before: str, after: str) -> bool:
    """Whether two sketches are of texts that mean different things."""
    numbers, *words = before.split(" ")
    other_numbers, *other_words = after.split(" ")
    if numbers != other_numbers:
        return True
    smallest = sorted({*words, *other_words})[:SKETCH]
    if not smallest:
        return False
    common = set(words) & set(other_words) & set(smallest)
    return len(common) / len(smallest) < SAME_MEANING


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
