"""Passage meanings: the direction of every passage of a new generation.

They are kept in a file beside each segment of the document store. If the previous generation had
the same text, its direction is reused (found by a hash of the text), so that only new texts are
read. The sentence encoder is slow: a run reads a limited number of passages and drafts the others
with the query table; a later run replaces the drafts. Build time only.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.passages import SectionPassage
from kb.search.array_types import Vectors8
from kb.search.index.array_file import Arrays, load_arrays, save_arrays
from kb.search.index.document_store import Segment, segment_file
from kb.search.kernels.layout import Loops
from kb.search.meaning.query_table import (
    MEANING_DIMENSIONS,
    MODELS_ID,
    QueryTable,
    TextReader,
    installed_table,
)
from kb.search.meaning.sentence_encoder import SentenceEncoder, installed_encoder

#: Files of this kind stand beside the segments of the document store.
MEANINGS_FILE = "meanings"
_BATCH = 64  # passages between two signs of progress
_DRAFTED_AT_ONCE = 1_024

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
    """The directions of some passages, in the order of the forward index."""

    rows: Vectors8
    drafts: NDArray[np.bool_]  # those that the encoder has not read

    keys: TextHashes  # of its text and its audience: what a hidden text led to stays hidden

    @classmethod
    def read(cls, folder: Path, segment: Segment) -> Self | None:
        """The meanings of the passages of a segment; None if there are none or they are of another
        table.
        """
        meanings = cls.in_file(folder, segment)
        if meanings is None or not segment.file.deleted.size:
            return meanings
        return meanings.take(segment.file.passage_numbers)

    @classmethod
    def in_file(cls, folder: Path, segment: Segment) -> Self | None:
        """The same for all passages in the segment's file, including those of deleted documents."""
        file = folder / segment_file(segment.name, MEANINGS_FILE)
        if not segment.name or not file.exists():
            return None
        saved = load_arrays(file)
        if not np.array_equal(saved["meaning_model"], MODELS_ID):
            return None
        return cls(saved["meanings"], saved["meaning_drafts"], saved["meaning_keys"])

    def take(self, numbers: NDArray[np.int64]) -> Self:
        """The meanings with these ``numbers``."""
        return type(self)(self.rows[numbers], self.drafts[numbers], self.keys[numbers])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All meanings of ``parts``, one after the other."""
        return cls(
            np.concatenate([np.zeros((0, MEANING_DIMENSIONS), np.int8), *(p.rows for p in parts)]),
            np.concatenate([np.zeros(0, bool), *(part.drafts for part in parts)]),
            np.concatenate([np.zeros(0, np.uint64), *(part.keys for part in parts)]),
        )

    def save(self, path: Path, segment: Segment) -> None:
        """Write them beside the ``segment`` to whose passages they belong."""
        arrays: Arrays = {
            "meanings": self.rows,
            "meaning_drafts": self.drafts,
            "meaning_keys": self.keys,
        }
        if segment.file.deleted.size:  # which keep their places in the files of the segment
            for name, values in arrays.items():
                arrays[name] = np.zeros(
                    (segment.file.passages_in_file, *values.shape[1:]), values.dtype
                )
                arrays[name][segment.file.passage_numbers] = values
        save_arrays(path, arrays | {"meaning_model": MODELS_ID})


def find_meanings(
    hashes: TextHashes,
    audiences: Sequence[str],
    texts_of: TextsOf,
    *,
    previous: PassageMeanings,
    read: int,
    progress: Callable[[int, int], None],
    loops: Loops | None = None,
) -> PassageMeanings | None:
    """The meanings of passages; the encoder reads up to ``read`` new passages of each audience.

    The limit is for each audience, so that what is read of one does not depend on the others; and
    for new passages only, so that an edit does not wait for earlier drafts. ``previous`` are the
    meanings of the last generation. Returns None without a table; without the encoder, all are
    drafts.
    """
    table = installed_table()
    if table is None:
        return None

    meanings = PassageMeanings(
        np.zeros((hashes.size, MEANING_DIMENSIONS), dtype=np.int8),
        np.ones(hashes.size, dtype=bool),
        _keys(hashes, audiences),
    )
    fresh = np.flatnonzero(~_take_over(meanings, previous))
    encoder = installed_encoder()
    read_now = first_of_each_audience(fresh, audiences, read) if encoder is not None else []
    _draft(meanings, np.setdiff1d(fresh, read_now), texts_of, table.reader(loops))
    if encoder is not None:
        read_drafts(meanings, read_now, texts_of, table, encoder, progress)
    return meanings


def _keys(hashes: TextHashes, audiences: Sequence[str]) -> TextHashes:
    names = sorted(set(audiences))
    codes = np.array([text_hash(name) for name in names], dtype=np.uint64)
    number_of = {name: number for number, name in enumerate(names)}
    of_passage = np.fromiter(map(number_of.__getitem__, audiences), np.int64, len(audiences))
    return hashes ^ codes[of_passage]


def _take_over(meanings: PassageMeanings, previous: PassageMeanings) -> NDArray[np.bool_]:
    """Fill in the passages whose text the previous generation had; which they are."""
    if not previous.keys.size:
        return np.zeros(meanings.keys.size, dtype=bool)

    order = np.argsort(previous.keys, kind="stable")
    place = np.searchsorted(previous.keys[order], meanings.keys)
    then = order[np.minimum(place, previous.keys.size - 1)]
    is_kept = np.asarray(previous.keys[then] == meanings.keys)
    meanings.rows[is_kept] = previous.rows[then[is_kept]]
    meanings.drafts[is_kept] = previous.drafts[then[is_kept]]
    return is_kept


def _draft(
    meanings: PassageMeanings, numbers: NDArray[np.int64], texts_of: TextsOf, reader: TextReader
) -> None:
    for batch in _batches(numbers.tolist(), _DRAFTED_AT_ONCE):
        meanings.rows[batch] = reader.directions(texts_of(batch))


def first_of_each_audience(
    passages: NDArray[np.int64], audiences: Sequence[str], count: int
) -> list[int]:
    """The first ``count`` of some ``passages`` of each audience; ``audiences`` are those of all."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for number in passages.tolist():
        if len(numbers[audiences[number]]) < count:
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
