"""Which known problems, or tickets of one's own, a half-typed title is about.

Two short texts are compared by meaning and by the words that they share. The query table (some
40 µs) decides what is clearly alike or clearly not; what lies between is read by the sentence
encoder, where it is installed (3 ms, remembered). While a problem is open many people are about to
report it, and of a person's own open tickets there are few, so that the limits are below that of an
ordinary suggestion. Measured by ``bench/outage.py``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from kb.problems.problem import KnownProblem
from kb.search.meaning.query_table import NO_DIRECTION, installed_table, unit_directions
from kb.search.meaning.sentence_encoder import installed_encoder

#: Cosines by the table: below the first, texts are not alike; from the second on, they are.
UNLIKE, ALIKE = 0.21, 0.47
#: Cosines by the encoder from which a title may be about a known problem, and about the same as
#: another title.
ABOUT_PROBLEM, ABOUT_SAME = 0.5, 0.6
#: What the table must say where there is no encoder.
WITHOUT_ENCODER = 0.38
#: The share of a text's words that are the typed ones, from which they are about the same.
SHARED_WORDS = 0.6
MIN_TYPED = 3  # characters
_BEGINNING = 300  # characters of the symptoms
_READ = 500  # characters of a text that are read by the encoder
_WORD = re.compile(r"\w{3,}")

UnitVector = NDArray[np.float32]  # a direction of length 1
UnitOf = Callable[[str], UnitVector | None]


def matching_problems(typed: str, problems: Sequence[KnownProblem]) -> tuple[KnownProblem, ...]:
    """Those of ``problems`` that ``typed`` may be about, the most alike first."""
    texts = [
        (problem.title, f"{problem.title}. {problem.symptoms[:_BEGINNING]}") for problem in problems
    ]
    return tuple(problems[position] for position in _alike(typed, texts, ABOUT_PROBLEM))


def alike_titles(typed: str, titles: Sequence[str]) -> tuple[int, ...]:
    """The positions of the ``titles`` that may be about the same, the most alike first."""
    return _alike(typed, [(title,) for title in titles], ABOUT_SAME)


def _alike(typed: str, texts: Sequence[tuple[str, ...]], least: float) -> tuple[int, ...]:
    if len(typed.strip()) < MIN_TYPED or not texts:
        return ()
    words = _words(typed)
    likeness = [max(_meant(typed, each, least), _shares_words(words, each[0])) for each in texts]
    order = sorted(range(len(texts)), key=lambda position: -likeness[position])
    return tuple(position for position in order if likeness[position] >= least)


def _meant(typed: str, texts: tuple[str, ...], least: float) -> float:
    """How alike the nearest of some texts about one thing is; at least ``least`` if it counts."""
    by_table = _cosine(_by_table, typed, texts)
    if by_table < UNLIKE or by_table >= ALIKE:
        return max(by_table, least) if by_table >= ALIKE else 0.0
    if installed_encoder() is not None:
        return _cosine(_by_encoder, typed, texts)
    return least if by_table >= WITHOUT_ENCODER else 0.0


def _cosine(unit_of: UnitOf, typed: str, texts: tuple[str, ...]) -> float:
    direction = unit_of(typed)
    if direction is None:
        return 0.0
    cosines = (float(direction @ unit) for unit in map(unit_of, texts) if unit is not None)
    return max(cosines, default=0.0)


def _shares_words(words: frozenset[str], title: str) -> float:
    """1 for most of the words of ``title``, 0 for fewer."""
    expected = _words(title)
    return float(bool(expected) and len(words & expected) >= SHARED_WORDS * len(expected))


@functools.lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


@functools.lru_cache(maxsize=1024)
def _by_table(text: str) -> UnitVector | None:
    """The direction of a text, of length 1; None without known words or without the table."""
    table = installed_table()
    direction = table.direction(text) if table is not None else NO_DIRECTION
    return unit_directions(direction) if direction.size else None


@functools.lru_cache(maxsize=1024)
def _by_encoder(text: str) -> UnitVector | None:
    """As ``_by_table``, by the encoder."""
    encoder = installed_encoder()
    return unit_directions(encoder.encode_alike([text[:_READ]])[0]) if encoder is not None else None
