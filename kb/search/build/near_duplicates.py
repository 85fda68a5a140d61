"""Near-duplicates: which documents of a partition say almost the same.

The same page for another version or product takes a place of its own in every answer. Documents
are compared by three words in a row (Broder 1997). Candidates have the same title, or part of a
sketch in common: a few small hash values, made with one permutation (Li, Owen, Zhang 2012).
Sketches and the outcomes of comparisons are kept, so that only changed documents are read again.
From what one audience may see, and from nothing else. Build time only.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.tokenizer import written_words
from kb.search.build.document_facts import DocumentFacts
from kb.search.build.forward_index import ForwardIndex
from kb.search.documents import DocumentKind
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver
from kb.search.kernels.ranges import distinct_numbers, positions_of

_BINS = 32  # values of a sketch
_BANDS = 8  # four values each: with .9 in common, all eight differ for one pair in 6,000
_EMPTY = 0xFFFF
_RUN = 3  # words in a row
#: Share of the runs of two documents that both have.
_ALIKE, _ALIKE_WITH_ONE_TITLE = 0.9, 0.5
_MIN_RUNS = 30  # of documents with different titles: short answers are alike
_MAX_LEADERS = 8  # documents that each one is compared with
_BATCH = 2_000  # documents that are read at once
_KINDS = frozenset({DocumentKind.DOC, DocumentKind.FAQ})  # people write the same thing in threads

Runs = NDArray[np.uint32]  # distinct hashes of runs of words, ascending
Sketches = NDArray[np.uint16]  # [documents, _BINS]


def pack_near_duplicates(
    forward_index: ForwardIndex, documents: NDArray[np.int64], then: CarriedOver | None = None
) -> Arrays:
    """The group of each of ``documents``, or -1; the members of each group, newest first.

    ``then`` is what holds of the last generation's partition.
    """
    texts = _Texts(forward_index, documents, then)
    sketches = _sketches(texts, then)
    groups = _groups(texts, sketches)

    group_of = np.full(documents.size, -1, dtype=np.int32)
    for number, members in enumerate(groups):
        group_of[members] = number
    sizes = [len(members) for members in groups]
    return {
        "duplicate_group": group_of,
        "duplicate_pointers": np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        "duplicate_members": np.array([m for members in groups for m in members], dtype=np.int32),
        "sketches": sketches,
        **texts.comparisons(),
    }


class _Texts:
    """The texts of the documents of one partition, as hashes of runs of words."""

    def __init__(
        self,
        forward_index: ForwardIndex,
        documents: NDArray[np.int64],
        then: CarriedOver | None,
    ) -> None:
        table = forward_index.documents
        self.count = documents.size
        #: Of those that may say almost the same as another, by their rows.
        self.facts = {
            row: table[number]
            for row, number in enumerate(documents.tolist())
            if number >= 0 and table.kinds[number] in _KINDS
        }
        self.titles = {
            row: _plain_title(facts.title, facts.versions) for row, facts in self.facts.items()
        }
        firsts = forward_index.firsts()
        self._fields = []
        for words, text_ends in (
            (forward_index.body_words.array(), forward_index.body_ends),
            (forward_index.code_words.array(), forward_index.code_ends),
        ):
            ends = np.frombuffer(text_ends, dtype=np.int64)
            starts, stops = ends[firsts[documents]], ends[firsts[documents + 1]]
            self._fields.append((words, starts, np.where(documents < 0, starts, stops)))
        self._words = forward_index.texts()
        self._hash_of = np.zeros(len(self._words), dtype=np.uint32)
        self._is_hashed = np.zeros(len(self._words), dtype=bool)
        self._runs = lru_cache(maxsize=1_000)(self._distinct_runs)
        self._compared_then = _comparisons_then(then)
        self._compared: dict[tuple[int, int], bool] = {}

    def hashed_runs(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The hash of each run of words, and the position in ``rows`` of its document."""
        hashes, owners = zip(*(self._hashed(*field, rows) for field in self._fields), strict=True)
        return np.concatenate(hashes), np.concatenate(owners)

    def _hashed(
        self,
        all_words: NDArray[np.int32],
        all_starts: NDArray[np.int64],
        all_ends: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        starts, ends = all_starts[rows], all_ends[rows]
        words = self._hashes_of(all_words[positions_of(starts, ends)])
        lengths = ends - starts
        owners = np.repeat(np.arange(rows.size), lengths)
        # A text of two words is one short run.
        following = np.zeros(words.size + _RUN, dtype=np.uint32)
        following[: words.size] = words
        owner_of = np.full(words.size + _RUN, -1)
        owner_of[: words.size] = owners
        hashes = words.copy()
        for step in range(1, _RUN):
            next_words = following[step : step + words.size]
            inside = owner_of[step : step + words.size] == owners
            hashes = hashes * np.uint32(0x01000193) ^ np.where(inside, next_words, np.uint32(0))
        hashes *= np.uint32(0x9E3779B1)
        return hashes ^ (hashes >> np.uint32(15)), owners

    def _hashes_of(self, words: NDArray[np.int32]) -> NDArray[np.uint32]:
        """Of the letters of each word: its number changes from one generation to the next."""
        for number in distinct_numbers(words[~self._is_hashed[words]]).tolist():
            letters = self._words[number].encode("utf-8", "surrogatepass")
            self._hash_of[number] = zlib.crc32(letters)
            self._is_hashed[number] = True
        return self._hash_of[words]

    def _distinct_runs(self, row: int) -> Runs:
        return distinct_numbers(self.hashed_runs(np.array([row]))[0])

    def are_alike(self, row: int, other: int) -> bool:
        """Whether two documents, one of which may be shown for the other, say almost the same."""
        pair = row, other
        is_alike = self._compared.get(pair)
        if is_alike is None:
            is_alike = self._compared_then.get(pair)
            if is_alike is None:
                is_alike = self._are_alike(row, other)
            self._compared[pair] = is_alike
        return is_alike

    def comparisons(self) -> Arrays:
        """The pairs that were compared, and whether each is alike."""
        return {
            "duplicate_pairs": np.array(list(self._compared), dtype=np.int32).reshape(-1, 2),
            "duplicate_alike": np.array(list(self._compared.values()), dtype=bool),
        }

    def _are_alike(self, row: int, other: int) -> bool:
        one, another = self.facts[row], self.facts[other]
        if one.kind is not another.kind or one.language != another.language:
            return False
        title, other_title = self.titles[row], self.titles[other]
        if title != other_title and _differ_by_number(title, other_title):
            return False  # "Page 7" is not "Page 8", whatever both say

        runs, others = self._runs(row), self._runs(other)
        least = _ALIKE_WITH_ONE_TITLE if title == other_title else _ALIKE
        smaller, larger = sorted((runs.size, others.size))
        if smaller < least * larger or (least == _ALIKE and smaller < _MIN_RUNS) or not smaller:
            return False
        common = np.intersect1d(runs, others, assume_unique=True).size
        return bool(common >= least * (smaller + larger - common))


def _comparisons_then(then: CarriedOver | None) -> dict[tuple[int, int], bool]:
    """What is known of pairs of unchanged documents, by their rows now."""
    if then is None or "duplicate_pairs" not in then.arrays:
        return {}
    row_of = np.full(then.arrays["duplicate_group"].size, -1, dtype=np.int64)
    now = np.flatnonzero(then.places >= 0)
    row_of[then.places[now]] = now
    pairs = row_of[then.arrays["duplicate_pairs"]]
    unchanged = (pairs >= 0).all(axis=1)
    rows, others = pairs[unchanged].T.tolist()
    outcomes = then.arrays["duplicate_alike"][unchanged].tolist()
    return dict(zip(zip(rows, others, strict=True), outcomes, strict=True))


@lru_cache(maxsize=20_000)  # a document has several audiences, and is the same after most edits
def _plain_title(title: str, versions: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a title without the versions that the document is about."""
    for version in versions:
        title = re.sub(rf"\bv?{re.escape(version)}(?!\w)", " ", title, flags=re.IGNORECASE)
    return tuple(written_words(title))


def _differ_by_number(words: Sequence[str], others: Sequence[str]) -> bool:
    return any(any(map(str.isdigit, word)) for word in {*words} ^ {*others})


def _sketches(texts: _Texts, then: CarriedOver | None) -> Sketches:
    """For each document the smallest hash of each bin; _EMPTY where a bin has none, as in threads,
    which are compared with nothing.
    """
    sketches = np.full((texts.count, _BINS), _EMPTY, dtype=np.uint16)
    read = np.fromiter(texts.facts, dtype=np.int64, count=len(texts.facts))
    if then is not None and "sketches" in then.arrays:
        places = then.places[read]
        same = read[places >= 0]
        sketches[same] = then.arrays["sketches"][then.places[same]]
        read = read[places < 0]
    for low in range(0, read.size, _BATCH):
        rows = read[low : low + _BATCH]
        hashes, owners = texts.hashed_runs(rows)
        values = (hashes >> np.uint32(5)).astype(np.uint16)
        sketch = np.full(rows.size * _BINS, _EMPTY, dtype=np.uint16)
        np.minimum.at(sketch, owners * _BINS + (hashes % _BINS).astype(np.int64), values)
        sketches[rows] = sketch.reshape(rows.size, _BINS)
    return sketches


def _groups(texts: _Texts, sketches: Sketches) -> list[list[int]]:
    leader = list(range(texts.count))
    for candidates in _candidates(texts, sketches):
        leaders: dict[int, None] = {}
        for row in candidates:
            if leader[row] == row:
                tried = islice(leaders, _MAX_LEADERS)
                leader[row] = next((n for n in tried if texts.are_alike(n, row)), row)
            leaders[leader[row]] = None

    groups: dict[int, list[int]] = {}
    for row, first in enumerate(leader):
        root = leader[first]
        while root != leader[root]:
            root = leader[root]
        if root != row:
            groups.setdefault(root, [root]).append(row)
    return [
        sorted(rows, key=lambda row: _newest_first(texts.facts[row])) for rows in groups.values()
    ]


def _candidates(texts: _Texts, sketches: Sketches) -> Iterator[list[int]]:
    """Documents that may be alike, ascending."""
    by_title: dict[tuple[str, ...], list[int]] = {}
    for row, title in texts.titles.items():
        by_title.setdefault(title, []).append(row)
    yield from (rows for rows in by_title.values() if len(rows) > 1)

    rows = np.array(list(texts.titles), dtype=np.int64)
    bands = np.ascontiguousarray(sketches[rows]).view(np.uint64).reshape(rows.size, _BANDS)
    for band in range(_BANDS):
        order = bands[:, band].argsort(kind="stable")
        values = bands[order, band]
        starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
        ends = np.append(starts[1:], values.size)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end - start > 1 and values[start] != np.iinfo(np.uint64).max:
                yield rows[order[start:end]].tolist()


def _newest_first(facts: DocumentFacts) -> tuple[list[list[int]], int, str]:
    numbers = ([int(part) for part in re.findall(r"\d{1,9}", v)] for v in facts.versions)
    newest = max(numbers, default=[])
    # A longer version is newer than its beginning: 2.0.1 than 2.0.
    return [[-part for part in newest] + [1]], -facts.day, facts.id
