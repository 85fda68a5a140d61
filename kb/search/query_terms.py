"""Query terms: what a query stands for in one partition: terms, and curated documents.

Values only. Reading a text as terms is ``expansion``, what editors decided ``curations``; what a
term scores is ``scoring``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.tokenizer import TypedText
from kb.search.array_types import Documents


@dataclass(slots=True)
class TermMemo:
    """What a partition has worked out for a term: kept for as long as the term is."""

    postings: Any = None  # see Bm25
    gains: Any = None  # see Rescorer
    direction: Any = None  # see LatentTopics
    stems: frozenset[str] | None = None  # as they are written


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """One word of a query: the stems it stands for, and how much each counts.

    ``prefix`` marks a word that is still being typed: its stems count as one term whose frequencies
    are summed. ``corrected`` is the word that an unknown one was read as. ``prefix_term`` is the
    number of the term whose postings were united when the index was built, or -1. Where stems are
    ``equals``, only the one that counts most counts in a text. A term that was not ``typed`` adds
    to scores, but nobody asked for it; it has the word of the unfinished one that may mean it.
    """

    word: str
    stems: tuple[int, ...]
    shares: tuple[float, ...]
    prefix: bool = False
    corrected: str = ""
    prefix_term: int = -1
    equals: bool = False
    typed: bool = True
    memo: TermMemo = field(init=False, default_factory=TermMemo, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Curated:
    """What editors decided about documents of one partition, by number; ``pinned`` in the order of
    showing.
    """

    pinned: Documents
    hidden: Documents
    boosted: Documents
    factors: NDArray[np.float64]  # [boosted]


@dataclass(frozen=True, slots=True)
class ExpandedQuery:
    """A whole query: its words, its terms, the words that the index does not have, and what is
    curated.

    ``meant`` is the text with its unknown words corrected and short forms written out, by which
    meanings are compared.
    """

    typed: TypedText
    terms: tuple[QueryTerm, ...] = ()
    unknown: tuple[str, ...] = ()
    curated: Curated | None = None
    meant: str = ""
    factors: tuple[tuple[str, float], ...] = ()  # of the weights of a score's parts, by name
    settled: bool = False  # nobody is still typing it: a closer look may cost milliseconds

    @property
    def text(self) -> str:
        return self.typed.text
