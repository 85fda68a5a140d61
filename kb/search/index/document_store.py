"""Document store: the documents of one generation, by id or by row.

Holds the data for hits and article pages, and what the next generation reuses. Ranking does not use
it. Documents are stored in segments of up to 512, in the order of their rows. A segment never
changes: the next generation links the segments whose documents are all unchanged, and writes the
others again without what was removed. Therefore, a publish writes little, and no text of a removed
or edited page stays in the new generation's segments. A small catalogue lists the segments. Ids are
found by their keys: in a large store, a file that is linked like a segment has those of most
documents, and the catalogue those of segments that were written since. Other data that the build
keeps for the same documents is in files beside each segment (see ``segment_file``).
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

STORE_FILE = "documents.arrays"
#: What writing a store raises when the disk is full or fails.
STORE_WRITE_ERRORS = (OSError,)

#: Documents of a segment, at most; and their bytes, unless it is only one.
SEGMENT, _SEGMENT_BYTES = 512, 8 * 1024 * 1024
_SMALL = 64  # documents; a smaller segment is written again with what comes next
_SEGMENT_NAME = "documents-{:06}.arrays"
_KEYS_NAME = "keys-{:06}.arrays"
#: Id, kind, title, and (product, versions, updated, solved, folders, place).
ShownRow = tuple[str, str, str, tuple[Any, ...]]
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
        too_large = self.size + document.size > _SEGMENT_BYTES
        return len(self.documents) >= SEGMENT or (too_large and bool(self.documents))

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


def _may_be_recent(keys: int, documents: int) -> bool:
    """Whether so many keys may be in the catalogue.

    It is written at each publish, and the file of the others only when this no longer holds: the
    limit is about where the two together are smallest, for an edit that writes one segment again.
    """
    return keys <= 32 * math.isqrt(documents)


def segment_file(name: str, kind: str) -> str:
    """The name of a file of some ``kind`` beside the segment with this name."""
    return name.replace("documents", kind)


class StoreWriter:
    """Writes the documents of a generation being built. Rows count from 0 in order of adding."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending = _Pending()
        self._names: list[str] = []
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
        rewritten = []
        for segment in previous.segments:
            low, high = rows.searchsorted((segment.first_row, segment.end_row)).tolist()
            if high - low == segment.size >= _SMALL:
                self._flush()
                self._link(previous, segment)
            elif high > low:
                numbers = rows[low:high] - segment.first_row
                rewritten.append(TakenOver(segment, numbers, low))
                for number in numbers.tolist():
                    self._append(segment.stored(number))
        return rewritten

    def _link(self, previous: DocumentStore, segment: Segment) -> None:
        """Take over a whole segment."""
        link_file(previous.folder / segment.name, self._path.with_name(segment.name))
        self._linked.add(segment.name)
        self._add_segment(segment.name, segment.size, segment.part.passages)

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

    def _add_segment(self, name: str, size: int, passages: int) -> None:
        self._names.append(name)
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
        if _may_be_recent(int(is_recent.sum()), keys.size):
            if self._keys_end and self._previous is not None:
                name = _KEYS_NAME.format(self._keys_end)
                link_file(self._previous.folder / name, self._path.with_name(name))
            rows = np.flatnonzero(is_recent)
            rows = rows[np.argsort(keys[rows], kind="stable")]
            return keys[rows], rows

        self._keys_end = self._next_segment
        order = np.argsort(keys, kind="stable")
        numbers = np.arange(keys.size) - np.repeat(firsts[:-1], np.diff(firsts))
        save_arrays(
            self._path.with_name(_KEYS_NAME.format(self._keys_end)),
            {
                "keys": keys[order],
                "segments": segment_of_row[order],
                "numbers": numbers[order].astype(np.uint16),
            },
        )
        return keys[:0], order[:0]


def _number_in(name: str) -> int:
    """That of the segment with this name."""
    return int(name.removesuffix(".arrays").rpartition("-")[2])


class _SegmentFile:
    """The documents of one file, by their numbers in it (see ``EarlierStore``)."""

    def __init__(self, path: Path, size: int, passages: int) -> None:
        """``size`` and ``passages`` are how many documents and passages it has."""
        self._map = map_arrays(path)
        self.size, self.passages = size, passages

    @functools.cached_property
    def _arrays(self) -> Arrays:
        return self._map()

    @functools.cached_property
    def passage_ends(self) -> Pointers:
        counts = self._arrays["passages_of"]
        return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)

    def shown(self, row: int) -> bytes:
        return self._record("shown", row)

    def passage(self, number: int) -> bytes:
        return self._record("passage", number)

    def body(self, row: int) -> bytes:
        return self._record("body", row)

    def _record(self, name: str, number: int) -> bytes:
        if not 0 <= number < self._arrays[f"{name}_ends"].size - 1:
            raise IndexError(number)
        start, end = self._arrays[f"{name}_ends"][number : number + 2].tolist()
        return self._arrays[f"{name}_bytes"][start:end].tobytes()

    def ids(self) -> list[str]:
        ids: list[str] = json.loads(self._arrays["ids"].tobytes())
        return ids

    @functools.cached_property
    def _audience_names(self) -> list[str]:
        names: list[str] = json.loads(self._arrays["audience_names"].tobytes())
        return names

    def audiences(self) -> list[str]:
        return [self._audience_names[number] for number in self._arrays["audiences"].tolist()]

    def audience(self, row: int) -> str:
        return self._audience_names[int(self._arrays["audiences"][row])]

    def digest(self, row: int) -> bytes:
        return self._arrays["digests"][8 * row : 8 * row + 8].tobytes()

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
        assert isinstance(self.part, _SegmentFile)
        return self.part.passage_ends


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
                    _SegmentFile(path.with_name(name), end - row, last - first), name, row, first
                )
                for name, (row, end), (first, last) in zip(
                    names, pairwise(firsts), pairwise(passages), strict=True
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
        firsts = self._firsts_by_number[self._keys_file["segments"][low:high]]
        rows = firsts + self._keys_file["numbers"][low:high]
        return [
            row for row, first in zip(rows.tolist(), firsts.tolist(), strict=True) if first >= 0
        ]

    @functools.cached_property
    def _keys_file(self) -> Arrays:
        """For each key the number of the segment, and the document's number in the segment."""
        return self._map_keys()

    @functools.cached_property
    def _firsts_by_number(self) -> NDArray[np.int64]:
        """The first row of each segment in the file of keys; -1 for those that are gone."""
        firsts = np.full(self.keys_end, -1, dtype=np.int64)
        for segment in self.segments:
            number = _number_in(segment.name)
            if number < self.keys_end:
                firsts[number] = segment.first_row
        return firsts

    def keys(self) -> NDArray[np.uint64]:
        """The key of the id of each row."""
        keys = np.empty(len(self), dtype=np.uint64)
        keys[self._catalogue["rows"]] = self._catalogue["keys"]
        if self.keys_end:
            firsts = self._firsts_by_number[self._keys_file["segments"]]
            is_kept = firsts >= 0
            rows = firsts[is_kept] + self._keys_file["numbers"][is_kept]
            keys[rows] = self._keys_file["keys"][is_kept]
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


def _records(name: str, records: Sequence[bytes]) -> Arrays:
    """Bytes one after the other, and where each begins and the last one ends."""
    ends = np.concatenate(([0], np.cumsum([len(record) for record in records]))).astype(np.int64)
    return {
        f"{name}_bytes": np.frombuffer(b"".join(records), dtype=np.uint8),
        f"{name}_ends": ends,
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
