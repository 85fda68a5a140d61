"""Document store: the documents of one generation, by id or by row.

Holds the data for hits and article pages, and what the next generation reuses. Ranking does not use
it. Documents are stored in segments of up to 512, in the order of their rows. A segment never
changes: the next generation links it, and the catalogue, a small file that lists the segments, says
which of its documents are deleted: those that were removed or edited since. Rows and passages are
numbered as if these were not there. Each publish writes some segments again without their deleted
documents (see ``_segments_to_link``): it writes little, and still what was removed does not stay
for good. Ids are found by their keys: in a large store, a file that is linked like a segment has
those of most documents, and the catalogue those of segments that were written since. Other data
that the build keeps for the same documents is in files beside each segment (see ``segment_file``).
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
import zlib
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.disk import link_file
from kb.errors import Conflict
from kb.ids import document_key
from kb.search.analysis.passages import SectionPassage, split_passages
from kb.search.array_types import Pointers
from kb.search.documents import Document, Place, stored_regions
from kb.search.index.array_file import Arrays, load_arrays, map_arrays, save_arrays
from kb.search.index.earlier_store import EarlierStore
from kb.search.kernels.ranges import positions_of

STORE_FILE = "documents.arrays"
#: What writing a store raises when the disk is full or fails.
STORE_WRITE_ERRORS = (OSError,)


@dataclass(frozen=True, slots=True)
class SegmentLimits:
    """When a segment is full, and when it is written again.

    A segment has at most so many ``documents``, and so many ``bytes`` unless it is only one
    document. A ``small`` one (of fewer documents) is written again with what comes next, and one of
    which more than the share ``deleted`` is deleted is written again without these.

    Of the others with deleted documents, each publish writes ``cleaned`` again, and one more for
    each ``cleaned_for`` in which it deletes. An edit of one page needs one, so that the other
    gradually clears what a publish of many pages left. Where each publish edits 1 % of all
    documents, the additional ones keep the segments from all reaching the share above on one day.
    """

    documents: int = 512
    bytes: int = 8 * 1024 * 1024
    small: int = 64
    deleted: float = 0.25
    cleaned: int = 2
    cleaned_for: int = 32


SEGMENTS = SegmentLimits()
_SEGMENT_NAME = "documents-{:06}.arrays"
_KEYS_NAME = "keys-{:06}.arrays"
#: Id, kind, title, and (product, versions, updated, solved, folders, place).
ShownRow = tuple[str, str, str, tuple[Any, ...]]
NumbersInFile = NDArray[np.uint16]  # of documents in the file of a segment, ascending
_NONE_DELETED: NumbersInFile = np.zeros(0, dtype=np.uint16)
_UNPLACED: tuple[Any, ...] = ((), Place())  # folders and place
_SURROGATE = re.compile("[\ud800-\udfff]")
# ``json.dumps`` makes an encoder each time that it is called with options.
_encode = json.JSONEncoder(ensure_ascii=False).encode
_encode_sorted = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
# Like json.loads, but that looks for encodings and white space first.
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class StoreDifference:
    """Ids of documents: ``gone`` are removed or changed since the previous store, ``fresh`` are new
    or changed.
    """

    gone: tuple[str, ...]
    fresh: tuple[str, ...]


@dataclass(slots=True)
class _Stored:
    """A document as a segment holds it."""

    id: str
    audience: str
    digest: bytes
    shown: bytes
    body: bytes
    passages: list[bytes]

    @property
    def size(self) -> int:
        return len(self.body) + len(self.shown) + sum(map(len, self.passages))


@dataclass(slots=True)
class _Pending:
    """Documents that the next segment will hold."""

    documents: list[_Stored] = field(default_factory=list)
    size: int = 0

    def is_full(self, document: _Stored) -> bool:
        """Whether ``document`` has to start a new segment."""
        too_large = self.size + document.size > SEGMENTS.bytes
        return len(self.documents) >= SEGMENTS.documents or (too_large and bool(self.documents))

    def arrays(self) -> Arrays:
        documents = self.documents
        names = sorted({document.audience for document in documents})
        number_of = {name: number for number, name in enumerate(names)}
        passages = [raw for document in documents for raw in document.passages]
        counts = [len(document.passages) for document in documents]
        return {
            **_records("shown", [document.shown for document in documents]),
            **_records("body", [document.body for document in documents]),
            **_records("passage", passages),
            "passages_of": np.array(counts, dtype=np.int32),
            "digests": np.frombuffer(b"".join(d.digest for d in documents), dtype=np.uint8),
            "ids": _json([document.id for document in documents]),
            "audience_names": _json(names),
            "audiences": np.array([number_of[d.audience] for d in documents], dtype=np.int32),
        }


def may_be_recent(keys: int, documents: int) -> bool:
    """Whether so many keys may be in the catalogue.

    It is written at each publish, and the file of the others only when this no longer holds: the
    limit is about where the two together are smallest, for an edit that writes one segment again.
    """
    return keys <= 32 * math.isqrt(documents)


def _segments_to_link(
    in_file: Sequence[int], then: Sequence[int], now: Sequence[int]
) -> list[bool]:
    """Which segments are taken over as they are, with their deleted documents; the others are
    written again without these: small ones, those of which much is deleted, and a few of the rest,
    those with the most deleted documents.

    ``in_file`` is how many documents the file of each has; so many were not deleted ``then``, in
    the previous store, and are not ``now``.
    """
    deleted = [size - rest for size, rest in zip(in_file, now, strict=True)]
    is_linked = [
        rest >= SEGMENTS.small and gone <= SEGMENTS.deleted * size
        for size, rest, gone in zip(in_file, now, deleted, strict=True)
    ]
    waiting = [place for place, gone in enumerate(deleted) if gone and is_linked[place]]
    waiting.sort(key=deleted.__getitem__, reverse=True)
    changed = sum(before > after for before, after in zip(then, now, strict=True))
    for place in waiting[: SEGMENTS.cleaned + changed // SEGMENTS.cleaned_for]:
        is_linked[place] = False
    return is_linked


def segment_file(name: str, kind: str) -> str:
    """The name of a file of some ``kind`` beside the segment with this name."""
    return name.replace("documents", kind)


class StoreWriter:
    """Writes the documents of a generation being built. Rows count from 0 in order of adding."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending = _Pending()
        self._names: list[str] = []
        self._deleted: list[NumbersInFile] = []  # of each segment
        self._linked: set[str] = set()
        self._first_rows, self._first_passages = array("q", [0]), array("q", [0])
        self._previous: DocumentStore | None = None
        #: The rows that were taken over from the previous store; they become the first rows here.
        self._rows_then = np.zeros(0, dtype=np.int64)
        self._keys_then = np.zeros(0, dtype=np.uint64)
        self._ids: dict[str, int] = {}  # ids of added documents, with their keys
        self._aliases: dict[str, str] = {}
        self._next_segment = 0
        self._keys_end = 0  # the file of keys has those of segments with lower numbers
        self._closed = False

    @property
    def files(self) -> list[str]:
        """What was written, once it is closed."""
        keys = [_KEYS_NAME.format(self._keys_end)] if self._keys_end else []
        return [self._path.name, *keys, *self._names]

    def is_linked(self, name: str) -> bool:
        """Whether the segment with this name is the previous store's."""
        return name in self._linked

    def add(self, document: Document) -> tuple[int, list[SectionPassage]]:
        """Store one document and return its row and its passages. Raises Conflict when its id is
        there already.
        """
        if document.id in self._ids or self._is_taken_over(document.id):
            raise Conflict(f"Two documents have the id {document.id}; rename one of them.")
        body = _encode_sorted(document.to_json()).encode("utf-8", "replace")
        facts = (
            document.product,
            document.versions,
            str(document.updated or ""),
            document.solved,
            document.folders,
            document.place,
        )
        passages = split_passages(document)
        row = self._rows_then.size + len(self._ids)
        self._ids[document.id] = document_key(document.id)
        self._append(
            _Stored(
                document.id,
                document.audience,
                document_digest(body),
                _raw((document.id, str(document.kind), document.title, facts)),
                zlib.compress(body, 1),
                [_raw((p.anchor, p.path, p.text, p.regions)) for p in passages],
            )
        )
        return row, passages

    def _is_taken_over(self, document_id: str) -> bool:
        row = None if self._previous is None else self._previous.row(document_id)
        if row is None:
            return False
        place = int(self._rows_then.searchsorted(row))
        return place < self._rows_then.size and int(self._rows_then[place]) == row

    def carry_over(self, previous: DocumentStore, rows: NDArray[np.int64]) -> list[TakenOver]:
        """Take over ``rows`` (ascending) of another store unchanged, as rows 0, 1, 2 ... here.

        Returns the documents that have to be written again with the next segments.
        """
        self._previous, self._next_segment = previous, previous.next_segment
        self._rows_then, self._keys_then = rows, previous.keys()[rows]
        segments = previous.segments
        firsts = [*(segment.first_row for segment in segments), len(previous)]
        ranges = list(pairwise(rows.searchsorted(firsts).tolist()))
        is_linked = _segments_to_link(
            [segment.file.size_in_file for segment in segments],
            [segment.size for segment in segments],
            [high - low for low, high in ranges],
        )
        rewritten = []
        for segment, (low, high), stays in zip(segments, ranges, is_linked, strict=True):
            numbers = rows[low:high] - segment.first_row
            if stays:
                self._flush()
                self._link(previous, segment, numbers)
            elif high > low:
                rewritten.append(TakenOver(segment, numbers, low))
                for number in numbers.tolist():
                    self._append(segment.stored(number))
        return rewritten

    def _link(self, previous: DocumentStore, segment: Segment, numbers: NDArray[np.int64]) -> None:
        """Take over the documents with these ``numbers`` in a segment; others are deleted in it."""
        link_file(previous.folder / segment.name, self._path.with_name(segment.name))
        self._linked.add(segment.name)
        passages, deleted = segment.file.passages, segment.file.deleted
        if numbers.size < segment.size:
            passages = int(np.diff(segment.passage_ends())[numbers].sum())
            deleted = _others(segment.file.size_in_file, segment.in_file(numbers))
        self._add_segment(segment.name, numbers.size, passages, deleted)

    def _append(self, document: _Stored) -> None:
        if self._pending.is_full(document):
            self._flush()
        self._pending.documents.append(document)
        self._pending.size += document.size

    def _flush(self) -> None:
        documents = self._pending.documents
        if not documents:
            return
        name = _SEGMENT_NAME.format(self._next_segment)
        self._next_segment += 1
        save_arrays(self._path.with_name(name), self._pending.arrays())
        self._add_segment(name, len(documents), sum(len(each.passages) for each in documents))
        self._pending = _Pending()

    def _add_segment(
        self, name: str, size: int, passages: int, deleted: NumbersInFile = _NONE_DELETED
    ) -> None:
        self._names.append(name)
        self._deleted.append(deleted)
        self._first_rows.append(self._first_rows[-1] + size)
        self._first_passages.append(self._first_passages[-1] + passages)

    def alias(self, old: str, document_id: str) -> None:
        """Let an old id lead to a document; the first to claim it keeps it."""
        self._aliases.setdefault(old, document_id)

    def close(self) -> None:
        """Write the remaining documents and the catalogue; closing twice changes nothing."""
        if self._closed:
            return
        self._closed = True
        self._flush()
        added = np.fromiter(self._ids.values(), dtype=np.uint64, count=len(self._ids))
        keys, rows = self._recent_keys(np.concatenate((self._keys_then, added)))
        catalogue: Arrays = {
            "keys": keys,
            "rows": rows.astype(np.int32),
            "keys_end": np.array([self._keys_end], dtype=np.int64),
            "segments": _json(self._names),
            "first_rows": np.array(self._first_rows, dtype=np.int64),
            "first_passages": np.array(self._first_passages, dtype=np.int64),
            "deleted": np.concatenate([_NONE_DELETED, *self._deleted]),
            "deleted_ends": _ends([each.size for each in self._deleted]),
            "next_segment": np.array([self._next_segment], dtype=np.int64),
            "aliases": _json(self._aliases),
        }
        save_arrays(self._path, catalogue)

    def _recent_keys(
        self, keys: NDArray[np.uint64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """The keys that the file of keys does not have, sorted, and their rows; of all ``keys``.

        Links or writes that file.
        """
        firsts = np.array(self._first_rows, dtype=np.int64)
        segments = np.array([_number_in(name) for name in self._names], dtype=np.int32)
        segment_of_row = np.repeat(segments, np.diff(firsts))

        self._keys_end = self._previous.keys_end if self._previous else 0
        is_recent = segment_of_row >= self._keys_end
        if may_be_recent(int(is_recent.sum()), keys.size):
            if self._keys_end and self._previous is not None:
                name = _KEYS_NAME.format(self._keys_end)
                link_file(self._previous.folder / name, self._path.with_name(name))
            rows = np.flatnonzero(is_recent)
            rows = rows[np.argsort(keys[rows], kind="stable")]
            return keys[rows], rows

        self._keys_end = self._next_segment
        order = np.argsort(keys, kind="stable")
        sizes = (np.diff(firsts) + [each.size for each in self._deleted]).tolist()
        numbers = [_others(size, each) for size, each in zip(sizes, self._deleted, strict=True)]
        save_arrays(
            self._path.with_name(_KEYS_NAME.format(self._keys_end)),
            {
                "keys": keys[order],
                "segments": segment_of_row[order],
                "numbers": np.concatenate([_NONE_DELETED, *numbers])[order],
            },
        )
        return keys[:0], order[:0]


def _number_in(name: str) -> int:
    """That of the segment with this name."""
    return int(name.removesuffix(".arrays").rpartition("-")[2])


class _SegmentFile:
    """The documents of one file that are not deleted, numbered without the others (see
    ``EarlierStore``).
    """

    def __init__(self, path: Path, size: int, passages: int, deleted: NumbersInFile) -> None:
        """``size`` and ``passages`` are how many documents and passages are not deleted."""
        self._map = map_arrays(path)
        self.size, self.passages, self.deleted = size, passages, deleted

    @functools.cached_property
    def _arrays(self) -> Arrays:
        return self._map()

    @property
    def size_in_file(self) -> int:
        """How many documents the file has."""
        return self.size + self.deleted.size

    @functools.cached_property
    def numbers(self) -> NumbersInFile:
        """The number in the file of each document."""
        return _others(self.size_in_file, self.deleted)

    @functools.cached_property
    def passage_ends(self) -> Pointers:
        return _ends(self._arrays["passages_of"][self.numbers])

    @functools.cached_property
    def passage_numbers(self) -> NDArray[np.int64]:
        """The number in the file of each passage."""
        ends, numbers = _ends(self._arrays["passages_of"]), self.numbers.astype(np.int64)
        return positions_of(ends[numbers], ends[numbers + 1])

    @property
    def passages_in_file(self) -> int:
        """How many passages the file has."""
        return int(self._arrays["passages_of"].sum())

    def shown(self, row: int) -> bytes:
        return self._record("shown", self._in_file(row))

    def passage(self, number: int) -> bytes:
        if self.deleted.size:
            number = int(self.passage_numbers[number])
        return self._record("passage", number)

    def body(self, row: int) -> bytes:
        return self._record("body", self._in_file(row))

    def _in_file(self, row: int) -> int:
        return int(self.numbers[row]) if self.deleted.size else row

    def _record(self, name: str, number: int) -> bytes:
        if not 0 <= number < self._arrays[f"{name}_ends"].size - 1:
            raise IndexError(number)
        start, end = self._arrays[f"{name}_ends"][number : number + 2].tolist()
        return self._arrays[f"{name}_bytes"][start:end].tobytes()

    def ids(self) -> list[str]:
        ids: list[str] = json.loads(self._arrays["ids"].tobytes())
        return [ids[number] for number in self.numbers.tolist()] if self.deleted.size else ids

    @functools.cached_property
    def _audience_names(self) -> list[str]:
        names: list[str] = json.loads(self._arrays["audience_names"].tobytes())
        return names

    def audiences(self) -> list[str]:
        audiences = self._arrays["audiences"][self.numbers].tolist()
        return [self._audience_names[number] for number in audiences]

    def audience(self, row: int) -> str:
        return self._audience_names[int(self._arrays["audiences"][self._in_file(row)])]

    def digest(self, row: int) -> bytes:
        start = 8 * self._in_file(row)
        return self._arrays["digests"][start : start + 8].tobytes()

    def close(self) -> None:
        """The file is mapped, and stays so as long as anybody reads it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment, and where it begins in the store; that of an earlier version has no ``name``."""

    part: _SegmentFile | EarlierStore
    name: str
    first_row: int
    first_passage: int

    @property
    def size(self) -> int:
        return self.part.size

    @property
    def end_row(self) -> int:
        return self.first_row + self.part.size

    def stored(self, number: int) -> _Stored:
        """A document as it is stored, by its number in the segment."""
        part = self.part
        shown = part.shown(number)
        document_id: str = _value(shown)[0]
        first, end = self.passage_ends()[number : number + 2].tolist()
        return _Stored(
            document_id,
            part.audience(number),
            part.digest(number),
            shown,
            part.body(number),
            [part.passage(passage) for passage in range(first, end)],
        )

    def passage_ends(self) -> Pointers:
        """Where the passages of each document begin in the segment, and where the last ones end.

        Stores of earlier versions do not have this.
        """
        return self.file.passage_ends

    def row_of(self, number: int) -> int | None:
        """The row of the document with this number in the file; None if it is deleted."""
        before = int(self.file.deleted.searchsorted(number))
        if number in self.file.deleted[before : before + 1]:
            return None
        return self.first_row + number - before

    def in_file(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers that documents of the segment have in its file and in those beside it."""
        return self.file.numbers[numbers].astype(np.int64)

    @property
    def file(self) -> _SegmentFile:
        """Stores of earlier versions do not have this."""
        assert isinstance(self.part, _SegmentFile)
        return self.part


class TakenOver(NamedTuple):
    """The documents that are taken over from a previous segment, if not all of them are."""

    segment: Segment
    numbers: NDArray[np.int64]  # in that segment
    first_row: int  # of the first of them in the new store


class DocumentStore:
    """The documents of a published generation; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable when it cannot be read."""
        self.folder = path.parent
        self._earlier: EarlierStore | None = None
        self._catalogue: Arrays = {}
        self.keys_end = 0  # the file of keys has those of segments with lower numbers
        if path.exists():
            self._catalogue = load_arrays(path)
            names = json.loads(self._catalogue["segments"].tobytes())
            firsts = self._catalogue["first_rows"].tolist()
            passages = self._catalogue["first_passages"].tolist()
            self.segments = [
                Segment(
                    _SegmentFile(path.with_name(name), end - row, last - first, deleted),
                    name,
                    row,
                    first,
                )
                for name, (row, end), (first, last), deleted in zip(
                    names, pairwise(firsts), pairwise(passages), self._deleted(), strict=True
                )
            ]
            self.next_segment = int(self._catalogue["next_segment"][0])
            if "keys_end" in self._catalogue:  # up to format 14, all keys are in the catalogue
                self.keys_end = int(self._catalogue["keys_end"][0])
            if self.keys_end:
                # Mapped now, as the folder may be gone when somebody asks.
                self._map_keys = map_arrays(path.with_name(_KEYS_NAME.format(self.keys_end)))
        else:
            self._earlier = EarlierStore(path.parent)
            self.segments, self.next_segment = [Segment(self._earlier, "", 0, 0)], 0
        self._first_rows = [segment.first_row for segment in self.segments]
        self._first_passages = [segment.first_passage for segment in self.segments]

    def _deleted(self) -> list[NumbersInFile]:
        """The documents of each segment that are deleted."""
        if "deleted" not in self._catalogue:  # up to format 15, no segment has such
            return [_NONE_DELETED] * (self._catalogue["first_rows"].size - 1)
        deleted, ends = self._catalogue["deleted"], self._catalogue["deleted_ends"].tolist()
        return [deleted[low:high] for low, high in pairwise(ends)]

    def __len__(self) -> int:
        return sum(segment.size for segment in self.segments)

    def close(self) -> None:
        for segment in self.segments:
            segment.part.close()

    def shown(self, rows: Iterable[int]) -> list[ShownRow]:
        """What hits show, for each row."""
        values = (_value(part.shown(number)) for part, number in map(self._place, rows))
        return [
            # Earlier versions stored no folders and no place.
            (document_id, kind, title, (*facts, *_UNPLACED[len(facts) - 4 :]))
            for document_id, kind, title, facts in values
        ]

    def passages(self, numbers: Iterable[int]) -> list[SectionPassage]:
        """Some passages, as they are written in their documents."""
        passages = []
        for number in numbers:
            segment = self.segments[bisect_right(self._first_passages, number) - 1]
            anchor, path, text, *rest = _value(segment.part.passage(number - segment.first_passage))
            # Earlier versions stored the text on one line.
            passages.append(SectionPassage(anchor, tuple(path), text, stored_regions(*rest)))
        return passages

    def document(self, document_id: str) -> Document | None:
        """The whole document by its id, or by an old id that leads to it."""
        row = self._row_of_any(document_id)
        return None if row is None else self._document(row)

    def title(self, document_id: str) -> str | None:
        """The title of the document with this id or old id; None when there is none."""
        row = self._row_of_any(document_id)
        if row is None:
            return None
        ((_, _, title, _),) = self.shown([row])
        return title

    def audience(self, document_id: str) -> str | None:
        """The audience of the document with this id or old id; None when there is none."""
        row = self._row_of_any(document_id)
        if row is None:
            return None
        part, number = self._place(row)
        return part.audience(number)

    def row(self, document_id: str) -> int | None:
        if self._earlier is not None:
            return self._earlier.row(document_id)
        key = np.uint64(document_key(document_id))
        for row in (*self._rows_in_catalogue(key), *self._rows_in_file(key)):
            # Two ids might have one key.
            part, number = self._place(row)
            if _value(part.shown(number))[0] == document_id:
                return row
        return None

    def _rows_in_catalogue(self, key: np.uint64) -> list[int]:
        low, high = _range_of(self._catalogue["keys"], key)
        rows: list[int] = self._catalogue["rows"][low:high].tolist()
        return rows

    def _rows_in_file(self, key: np.uint64) -> list[int]:
        if not self.keys_end:
            return []
        low, high = _range_of(self._keys_file["keys"], key)
        found = zip(
            self._keys_file["segments"][low:high].tolist(),
            self._keys_file["numbers"][low:high].tolist(),
            strict=True,
        )
        rows = (
            self._segments_by_number[number].row_of(place)
            for number, place in found
            if number in self._segments_by_number
        )
        return [row for row in rows if row is not None]

    @functools.cached_property
    def _keys_file(self) -> Arrays:
        """For each key the number of the segment, and the document's number in the segment."""
        return self._map_keys()

    @functools.cached_property
    def _segments_by_number(self) -> dict[int, Segment]:
        """The segments by the numbers in their names."""
        return {_number_in(segment.name): segment for segment in self.segments}

    def keys(self) -> NDArray[np.uint64]:
        """The key of the id of each row."""
        keys = np.empty(len(self), dtype=np.uint64)
        keys[self._catalogue["rows"]] = self._catalogue["keys"]
        if self.keys_end:
            # By segment and number in its file; the last row of the table is of segments gone.
            rows = np.full((len(self.segments) + 1, SEGMENTS.documents), -1, dtype=np.int64)
            place_of = np.full(self.keys_end, -1, dtype=np.int64)
            for place, segment in enumerate(self.segments):
                number = _number_in(segment.name)
                if number < self.keys_end:
                    place_of[number] = place
                    rows[place, segment.file.numbers] = np.arange(
                        segment.first_row, segment.end_row
                    )
            of_keys = rows[place_of[self._keys_file["segments"]], self._keys_file["numbers"]]
            is_kept = of_keys >= 0
            keys[of_keys[is_kept]] = self._keys_file["keys"][is_kept]
        return keys

    def id(self, row: int) -> str:
        part, number = self._place(row)
        document_id: str = _value(part.shown(number))[0]
        return document_id

    def audience_of(self, row: int) -> str:
        part, number = self._place(row)
        return part.audience(number)

    def first_passage(self, row: int) -> int:
        """The number of a document's first passage. Stores of earlier versions do not have it."""
        segment = self.segments[bisect_right(self._first_rows, row) - 1]
        return segment.first_passage + int(segment.passage_ends()[row - segment.first_row])

    def passage_firsts(self) -> Pointers:
        """The number of each row's first passage, and at the end the number of all passages."""
        ends = [segment.first_passage + segment.passage_ends()[1:] for segment in self.segments]
        return np.concatenate([np.zeros(1, dtype=np.int64), *ends])

    def kind(self, row: int) -> str:
        ((_, kind, _, _),) = self.shown([row])
        return kind

    def audience_counts(self) -> Counter[str]:
        """How many documents each audience has of its own."""
        counts: Counter[str] = Counter()
        for segment in self.segments:
            counts.update(segment.part.audiences())
        return counts

    def ids(self) -> list[str]:
        """The id of each row."""
        return [document_id for segment in self.segments for document_id in segment.part.ids()]

    def documents(self, ids: Iterable[str]) -> Iterator[Document]:
        """The documents of ``ids`` in that order; unknown ids are left out."""
        for row in map(self.row, ids):
            if row is not None:
                yield self._document(row)

    def all(self) -> Iterator[Document]:
        """Every document, in order of rows."""
        yield from map(self._document, range(len(self)))

    def rows(self) -> dict[str, int]:
        """The row of each id."""
        return {document_id: row for row, document_id in enumerate(self.ids())}

    def audiences(self) -> dict[int, tuple[str, str]]:
        """The id and the audience of each row."""
        return {
            row: named
            for segment in self.segments
            for row, named in enumerate(
                zip(segment.part.ids(), segment.part.audiences(), strict=True), segment.first_row
            )
        }

    def _place(self, row: int) -> tuple[_SegmentFile | EarlierStore, int]:
        """The segment of a row, and its number there."""
        segment = self.segments[bisect_right(self._first_rows, row) - 1]
        return segment.part, row - segment.first_row

    def _document(self, row: int) -> Document:
        part, number = self._place(row)
        return Document.from_json(json.loads(zlib.decompress(part.body(number))))

    def _row_of_any(self, document_id: str) -> int | None:
        row = self.row(document_id)
        if row is None and document_id in self._aliases:
            row = self.row(self._aliases[document_id])
        return row

    @functools.cached_property
    def _aliases(self) -> dict[str, str]:
        """Old ids, and the ids that they lead to."""
        if self._earlier is not None:
            return self._earlier.aliases()
        aliases: dict[str, str] = json.loads(self._catalogue["aliases"].tobytes())
        return aliases

    def _digests(self, rows: Iterable[int]) -> dict[str, bytes]:
        """The digest of the content of each document in ``rows``."""
        digests = {}
        for part, number in map(self._place, rows):
            digests[_value(part.shown(number))[0]] = part.digest(number)
        return digests

    def difference(
        self,
        previous: DocumentStore | None,
        carried_over: int = 0,
        dropped: NDArray[np.int64] | None = None,
    ) -> StoreDifference:
        """What differs from the store of the previous generation.

        The first ``carried_over`` rows here were taken over from it: all of its rows except the
        ``dropped`` ones. None means that everything was read again.
        """
        then: dict[str, bytes] = {}
        if previous is not None:
            rows = range(len(previous)) if dropped is None else dropped.tolist()
            then = previous._digests(rows)
        now = self._digests(range(carried_over, len(self)))
        return StoreDifference(
            gone=tuple(id_ for id_, digest in then.items() if now.get(id_) != digest),
            fresh=tuple(id_ for id_, digest in now.items() if then.get(id_) != digest),
        )


def _range_of(keys: NDArray[np.uint64], key: np.uint64) -> tuple[int, int]:
    """Where ``key`` stands among sorted ``keys``."""
    return int(keys.searchsorted(key)), int(keys.searchsorted(key, "right"))


def _raw(value: Any) -> bytes:
    return _encode(value).encode("utf-8", "replace")


def _value(raw: bytes) -> Any:
    value, _ = _decode(raw.decode())
    return value


def _json(value: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


def _others(count: int, numbers: NDArray[Any]) -> NumbersInFile:
    """The numbers below ``count`` that are not in ``numbers``."""
    is_other = np.ones(count, dtype=bool)
    is_other[numbers] = False
    return np.flatnonzero(is_other).astype(np.uint16)


def _ends(counts: Sequence[int] | NDArray[Any]) -> Pointers:
    """Where each of some ranges of these sizes begins, and where the last one ends."""
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def _records(name: str, records: Sequence[bytes]) -> Arrays:
    """Bytes one after the other, and where each begins and the last one ends."""
    return {
        f"{name}_bytes": np.frombuffer(b"".join(records), dtype=np.uint8),
        f"{name}_ends": _ends([len(record) for record in records]),
    }


def document_digest(body: bytes) -> bytes:
    """8 bytes that change when a document does."""
    return hashlib.blake2b(body, digest_size=8).digest()


def without_surrogates(document: Document) -> Document:
    """The document with lone surrogates and NULs replaced, so that every store can hold it."""
    texts = [document.title, document.html]
    for section in document.sections:
        texts += (section.text, section.anchor, *section.path)
    if all(map(_is_storable, texts)):
        return document
    sections = tuple(
        replace(
            section,
            text=storable_text(section.text),
            path=tuple(map(storable_text, section.path)),
            anchor=storable_text(section.anchor),
        )
        for section in document.sections
    )
    return replace(
        document,
        title=storable_text(document.title),
        sections=sections,
        html=storable_text(document.html),
    )


def _is_storable(text: str) -> bool:
    return (text.isascii() or not _SURROGATE.search(text)) and "\0" not in text


def storable_text(text: str) -> str:
    """Text that UTF-8 and SQLite can hold."""
    if _is_storable(text):
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
