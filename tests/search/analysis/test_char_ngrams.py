"""The n-grams of a text are those that are cut out by hand."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis import char_ngrams
from kb.search.analysis.tokenizer import fold
from kb.search.kernels.layout import NGRAM_WEIGHT, Loops, read_only

texts = st.text(alphabet="ab cdé ß日\u3000\U0001f600", max_size=40) | st.text(max_size=60)


def by_hand(text: str) -> list[str]:
    """The n-grams of 3 and 4 letters of each word, and of 6 where two words meet; a shorter range
    is one n-gram.
    """
    words = [word[: char_ngrams.MAX_WORD_LENGTH] for word in fold(text).split()]
    joints = [f"{f' {left}'[-4:]} {f'{right} '[:4]}" for left, right in pairwise(words)]
    ranges = [(f" {word} ", size) for word in words for size in (3, 4)]
    ranges += [(joint, 6) for joint in joints]
    return [
        letters[i : i + size]
        for letters, size in ranges
        for i in range(max(1, len(letters) - size + 1))
    ]


def fnv(ngram: str) -> int:
    value = char_ngrams.BASIS
    for letter in ngram:
        value = (value ^ ord(letter)) * char_ngrams.PRIME & 0xFFFFFFFF
    return value


@given(st.lists(texts, max_size=5))
def test_each_text_has_the_ngrams_that_are_cut_out_by_hand(several: list[str]) -> None:
    points, ends = char_ngrams.code_points(several)
    hashes, offsets = char_ngrams.ngram_hashes(points)
    text_of = ends.searchsorted(offsets, "right") - 1
    for number, text in enumerate(several):
        assert Counter(hashes[text_of == number].tolist()) == Counter(map(fnv, by_hand(text)))


@given(text=texts, known=texts)
def test_known_ngrams_are_numbered_and_weighed_and_the_others_lengthen_the_vector(
    loops: Loops, text: str, known: str
) -> None:
    vocabulary = read_only(np.array(sorted(set(map(fnv, by_hand(known)))), dtype=np.uint32))
    idfs = read_only(np.ones(vocabulary.size, dtype=np.float32))
    points = char_ngrams.code_points_of(text)
    numbers, whole, gains = loops.ngram_vector(points, vocabulary, idfs, 2.0)
    counts = Counter(map(fnv, by_hand(text)))
    held = {ngram: count for ngram, count in counts.items() if ngram in vocabulary}
    unknown = sum(counts.values()) - sum(held.values())
    length = math.sqrt(sum(count**2 for count in held.values()) + 4 * unknown)
    assert numbers.tolist() == sorted(numbers.tolist())
    assert dict(zip(vocabulary[numbers].tolist(), whole.tolist(), strict=True)) == {
        ngram: round(count / length * NGRAM_WEIGHT) for ngram, count in held.items()
    }
    assert gains.tolist() == pytest.approx((whole * 4).tolist(), abs=2)
