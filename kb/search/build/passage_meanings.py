"""Passage meanings: the direction of every passage of a new generation.

The directions of texts that the previous generation had are taken over by a hash of the text, so
that only what is new is read. The sentence encoder takes its time: a run reads as many passages as
it may, and drafts the rest by the query table; a later run replaces the drafts. Build time only.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.passages import SectionPassage
from kb.search.array_types import Vectors8
from kb.search.index.array_file import Arrays
from kb.search.meaning.query_table import MEANING_DIMENSIONS, TABLE_ID, QueryTable, installed_table
from kb.search.meaning.sentence_encoder import SentenceEncoder, installed_encoder

_BATCH = 64  # passages between two signs of progress
_DRAFTED_AT_ONCE = 512

TextHashes = NDArray[np.uint64]  # [passages]
#: The texts of some passages, by their numbers in the forward index.
TextsOf = Callable[[Sequence[int]], Sequence[str]]


def passage_text(title: str, passage: SectionPassage) -> str:
    """What is read of a passage; white space does not count."""
    return " ".join(f"{title} {' '.join(passage.path[-1:])} {passage.text}".split())


def text_hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())


@dataclass(frozen=True, slots=True)
class PassageMeanings:
    """The direction of each passage, in the order of the forward index."""

    rows: Vectors8
    drafts: NDArray[np.bool_]  # those that the encoder has not read

    def arrays(self) -> Arrays:
        """What ``carried_over`` reads."""
        return {"meanings": self.rows, "meaning_drafts": self.drafts, "meaning_model": TABLE_ID}


def find_meanings(
    hashes: TextHashes,
    audiences: Sequence[str],
    texts_of: TextsOf,
    *,
    previous: Arrays,
    read: int,
    progress: Callable[[int, int], None],
) -> PassageMeanings | None:
    """The meanings of passages, of which the encoder reads at most ``read`` of each audience.

    So what is read of one audience does not depend on what others have. ``previous`` is the last
    generation's forward index, or empty. None without a table; without the encoder all are drafts.
    """
    table = installed_table()
    if table is None:
        return None

    meanings = PassageMeanings(
        np.zeros((hashes.size, MEANING_DIMENSIONS), dtype=np.int8), np.ones(hashes.size, dtype=bool)
    )
    known = _take_over(meanings, hashes, previous)
    _draft(meanings, np.flatnonzero(~known), texts_of, table)

    encoder = installed_encoder()
    if encoder is not None:
        drafts = first_drafts(meanings, audiences, read)
        read_drafts(meanings, drafts, texts_of, table, encoder, progress)
    return meanings


def _take_over(
    meanings: PassageMeanings, hashes: TextHashes, previous: Arrays
) -> NDArray[np.bool_]:
    """Fill in the passages whose text the previous generation had; which they are."""
    known = np.zeros(hashes.size, dtype=bool)
    if not np.array_equal(previous.get("meaning_model", ()), TABLE_ID):
        return known
    hashes_then = previous["text_hashes"]
    if not hashes_then.size:
        return known

    order = np.argsort(hashes_then, kind="stable")
    place = np.searchsorted(hashes_then[order], hashes)
    then = order[np.minimum(place, hashes_then.size - 1)]
    known = np.asarray(hashes_then[then] == hashes)
    meanings.rows[known] = previous["meanings"][then[known]]
    meanings.drafts[known] = previous["meaning_drafts"][then[known]]
    return known


def _draft(
    meanings: PassageMeanings, numbers: NDArray[np.int64], texts_of: TextsOf, table: QueryTable
) -> None:
    for batch in _batches(numbers.tolist(), _DRAFTED_AT_ONCE):
        meanings.rows[batch] = table.directions(texts_of(batch))


def first_drafts(meanings: PassageMeanings, audiences: Sequence[str], read: int) -> list[int]:
    """The first ``read`` drafts of each audience; ``audiences`` are those of all passages."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for number in np.flatnonzero(meanings.drafts).tolist():
        if len(numbers[audiences[number]]) < read:
            numbers[audiences[number]].append(number)
    return sorted(number for some in numbers.values() for number in some)


def read_drafts(
    meanings: PassageMeanings,
    numbers: Sequence[int],
    texts_of: TextsOf,
    table: QueryTable,
    encoder: SentenceEncoder,
    progress: Callable[[int, int], None],
) -> None:
    """Let the encoder read these passages."""
    done = 0
    for batch in _batches(numbers, _BATCH):
        progress(done, len(numbers))
        meanings.rows[batch] = table.shortened(encoder.encode(texts_of(batch)))
        meanings.drafts[batch] = False
        done += len(batch)


def _batches(numbers: Sequence[int], size: int) -> Iterator[list[int]]:
    for low in range(0, len(numbers), size):
        yield list(numbers[low : low + size])
