"""The pieces of a text are those that one would cut out by hand, whichever loops do it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis import char_ngrams
from kb.search.analysis.tokenizer import fold
from kb.search.kernels.layout import Loops

texts = st.text(alphabet="ab cdé ß日\u3000\U0001f600", max_size=40) | st.text(max_size=60)


def by_hand(text: str) -> list[str]:
    """Pieces of 3 and 4 letters of each word, and of 6 where two meet; of what is shorter, the
    whole.
    """
    words = [word[: char_ngrams.MAX_WORD_LENGTH] for word in fold(text).split()]
    joints = [f"{f' {a}'[-4:]} {f'{b} '[:4]}" for a, b in pairwise(words)]
    wanted = [(f" {word} ", size) for word in words for size in (3, 4)] + [
        (joint, 6) for joint in joints
    ]
    return [
        whole[i : i + size] for whole, size in wanted for i in range(max(1, len(whole) - size + 1))
    ]


def fnv(piece: str) -> int:
    value = char_ngrams.BASIS
    for letter in piece:
        value = (value ^ ord(letter)) * char_ngrams.PRIME & 0xFFFFFFFF
    return value


@given(st.lists(texts, max_size=5))
def test_each_text_has_the_pieces_that_one_cuts_out_by_hand(some: list[str]) -> None:
    points, ends = char_ngrams.code_points(some)
    found, at = char_ngrams.ngram_hashes(points)
    owner = ends.searchsorted(at, "right") - 1
    for number, text in enumerate(some):
        assert Counter(found[owner == number].tolist()) == Counter(map(fnv, by_hand(text)))


@given(text=texts, known=texts)
def test_known_pieces_are_numbered_and_counted_and_the_others_only_counted(
    loops: Loops, text: str, known: str
) -> None:
    vocabulary = np.array(sorted(set(map(fnv, by_hand(known)))), dtype=np.uint32)
    points, _ = char_ngrams.code_points([text])
    numbers, counts, unknown = loops.count_ngrams(points, vocabulary)
    wanted = Counter(fnv(piece) for piece in by_hand(text))
    assert dict(zip(vocabulary[numbers].tolist(), counts.tolist(), strict=True)) == {
        piece: count for piece, count in wanted.items() if piece in vocabulary
    }
    assert numbers.tolist() == sorted(numbers.tolist())
    assert unknown == sum(wanted.values()) - counts.sum()
