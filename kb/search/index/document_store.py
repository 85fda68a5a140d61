"""Document store: the documents of one generation, by id or by row.

What hits show is in record files, by number. What article pages show, and what the next generation
reuses, is in a read-only SQLite file: plain ``sqlite3``, as the file is written once and never
changes. Ranking does not use it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import threading
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kb.errors import Conflict, Unavailable
from kb.search.analysis.passages import SectionPassage, split_passages
from kb.search.documents import Document, Place, stored_regions
from kb.search.index.record_file import Records, RecordWriter

STORE_FILE = "documents.sqlite"
_SHOWN_FILE, _PASSAGES_FILE = "shown.records", "passages.records"  # beside it
STORE_FILES = (STORE_FILE, _SHOWN_FILE, _PASSAGES_FILE)
#: What writing a store raises when the disk is full or fails.
STORE_WRITE_ERRORS = (OSError, sqlite3.Error)

_SCHEMA = """
CREATE TABLE document (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, audience TEXT NOT NULL,
    title TEXT NOT NULL, digest BLOB NOT NULL);
CREATE TABLE body (row INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE alias (old TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
"""
_UNPLACED: tuple[Any, ...] = ((), Place())  # folders and place
_BODY_BY_ID = "SELECT body FROM document JOIN body USING (row) WHERE id=?"
_BODY_BY_OLD_ID = (
    "SELECT body FROM document JOIN body USING (row) WHERE id=(SELECT id FROM alias WHERE old=?)"
)

_AUDIENCE_BY_ANY_ID = (
    "SELECT audience FROM document WHERE id=? "
    "UNION ALL SELECT audience FROM alias JOIN document USING (id) WHERE old=? LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class StoreDifference:
    """Ids of documents: ``gone`` are removed or changed since the previous store, ``fresh`` are new
    or changed.
    """

    gone: tuple[str, ...]
    fresh: tuple[str, ...]


class StoreWriter:
    """Writes the documents of a generation being built. Rows count from 0 in order of adding."""

    def __init__(self, path: Path) -> None:
        with contextlib.ExitStack() as opened:
            # Carrying over runs in another thread, while nothing is added here.
            self._db = sqlite3.connect(path.resolve().as_uri(), uri=True, check_same_thread=False)
            opened.callback(self._db.close)
            # No journal and no sync while building: a half-built generation is thrown away, and a
            # whole one is synced at the end.
            self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
            self._shown, self._passages = (
                opened.enter_context(contextlib.closing(RecordWriter(path.with_name(name))))
                for name in (_SHOWN_FILE, _PASSAGES_FILE)
            )
            self._open = opened.pop_all()
        self._rows = 0
        self._closed = False

    def add(self, document: Document) -> tuple[int, list[SectionPassage]]:
        """Store one document and return its row and its passages. Raises Conflict when its id is
        there already.
        """
        row = self._rows
        values = json.dumps(document.to_json(), ensure_ascii=False, sort_keys=True)
        body = values.encode("utf-8", "replace")
        columns = (
            row,
            document.id,
            str(document.kind),
            document.audience,
            document.title,
            document_digest(body),
        )
        try:
            self._db.execute("INSERT INTO document VALUES (?,?,?,?,?,?)", columns)
            self._db.execute("INSERT INTO body VALUES (?,?)", (row, zlib.compress(body, 1)))
        except sqlite3.IntegrityError:
            raise Conflict(
                f"Two documents have the id {document.id}; rename one of them."
            ) from None

        facts = (
            document.product,
            document.versions,
            str(document.updated or ""),
            document.solved,
            document.folders,
            document.place,
        )
        self._shown.add((document.id, str(document.kind), document.title, facts))
        passages = split_passages(document)
        for passage in passages:
            self._passages.add((passage.anchor, passage.path, passage.text, passage.regions))

        self._rows += 1
        return row, passages

    def carry_over(
        self, previous: Path, rows: Sequence[int], firsts: Sequence[int], counts: Sequence[int]
    ) -> None:
        """Copy ``rows`` (ascending) of the store at ``previous`` as they are; they become the rows
        0, 1, 2 ... here.

        ``firsts`` and ``counts`` give the number of each one's first passage there, and how many it
        has.
        """
        self._db.execute("ATTACH ? AS old", (_immutable(previous),))
        self._db.execute("CREATE TEMP TABLE keep (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
        self._db.executemany(
            "INSERT INTO keep VALUES (?,?)", ((old, new) for new, old in enumerate(rows))
        )
        self._db.execute(
            "INSERT INTO document SELECT keep.new, id, kind, audience, title, digest "
            "FROM keep JOIN old.document ON row = keep.old ORDER BY keep.old"
        )
        self._db.execute(
            "INSERT INTO body SELECT keep.new, body FROM keep JOIN old.body ON row = keep.old "
            "ORDER BY keep.old"
        )
        self._db.commit()
        self._db.execute("DETACH old")

        shown = Records(previous.with_name(_SHOWN_FILE))
        passages = Records(previous.with_name(_PASSAGES_FILE))
        for start, end in _consecutive(rows):
            self._shown.copy(shown, rows[start], rows[end - 1] + 1)
            self._passages.copy(passages, firsts[start], firsts[end - 1] + counts[end - 1])
        self._rows = len(rows)

    def alias(self, old: str, document_id: str) -> None:
        """Let an old id lead to a document; the first to claim it keeps it."""
        self._db.execute("INSERT OR IGNORE INTO alias VALUES (?,?)", (old, document_id))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            with self._open:
                self._db.commit()


class DocumentStore:
    """The documents of a published generation; safe to share between threads.

    One connection and a lock: a look-up takes microseconds, and a generation that no longer serves
    is closed with its last reader.
    """

    def __init__(self, path: Path) -> None:
        self._shown = Records(path.with_name(_SHOWN_FILE))
        self._passages = Records(path.with_name(_PASSAGES_FILE))
        try:
            self._db = sqlite3.connect(_immutable(path), uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise _unreadable(error) from error
        self._lock = threading.Lock()
        self.close = weakref.finalize(self, self._db.close)

    def __len__(self) -> int:
        return int(self._query("SELECT count(*) FROM document")[0][0])

    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _unreadable(error) from error

    def shown(self, rows: Iterable[int]) -> list[tuple[str, str, str, tuple[Any, ...]]]:
        """For hits: id, kind, title, and (product, versions, updated, solved, folders, place) of
        each row.
        """
        return [
            # Earlier versions stored no folders and no place.
            (document_id, kind, title, (*facts, *_UNPLACED[len(facts) - 4 :]))
            for document_id, kind, title, facts in self._shown.read(rows)
        ]

    def passages(self, numbers: Iterable[int]) -> list[SectionPassage]:
        """Some passages, as they are written in their documents."""
        return [
            # Earlier versions stored the text on one line.
            SectionPassage(anchor, tuple(path), text, stored_regions(*rest))
            for anchor, path, text, *rest in self._passages.read(numbers)
        ]

    def document(self, document_id: str) -> Document | None:
        """The whole document by its id, or by an old id that leads to it."""
        for query in (_BODY_BY_ID, _BODY_BY_OLD_ID):
            rows = self._query(query, (document_id,))
            if rows:
                return _document(rows[0][0])
        return None

    def audience(self, document_id: str) -> str | None:
        """The audience of the document with this id or old id; None when there is none."""
        rows = self._query(_AUDIENCE_BY_ANY_ID, (document_id, document_id))
        return rows[0][0] if rows else None

    def row(self, document_id: str) -> int | None:
        rows = self._query("SELECT row FROM document WHERE id=?", (document_id,))
        return rows[0][0] if rows else None

    def documents(self, ids: Iterable[str]) -> Iterator[Document]:
        """The documents of ``ids`` in that order; unknown ids are left out."""
        for document_id in ids:
            rows = self._query(_BODY_BY_ID, (document_id,))
            if rows:
                yield _document(rows[0][0])

    def all(self) -> Iterator[Document]:
        """Every document, in order of rows, a hundred in memory at a time."""
        row = -1
        while rows := self._query(
            "SELECT row, body FROM body WHERE row > ? ORDER BY row LIMIT 100", (row,)
        ):
            yield from (_document(body) for _, body in rows)
            row = rows[-1][0]

    def rows(self) -> dict[str, int]:
        """The row of each id."""
        return dict(self._query("SELECT id, row FROM document"))

    def audiences(self) -> dict[int, tuple[str, str]]:
        """The id and the audience of each row."""
        rows = self._query("SELECT row, id, audience FROM document")
        return {row: (document_id, audience) for row, document_id, audience in rows}

    def _digests(self, rows: Iterable[int]) -> dict[str, bytes]:
        """The digest of the content of each document in ``rows``."""
        one = "SELECT id, digest FROM document WHERE row=?"
        return dict(self._query(one, (row,))[0] for row in rows)

    def difference(
        self, previous: DocumentStore | None, carried_over: Sequence[int] = ()
    ) -> StoreDifference:
        """What differs from the store of the previous generation, of which the first rows here are
        the rows ``carried_over``.
        """
        then: dict[str, bytes] = {}
        if previous is not None:
            then = previous._digests(sorted(set(range(len(previous))).difference(carried_over)))
        now = self._digests(range(len(carried_over), len(self)))
        return StoreDifference(
            gone=tuple(id_ for id_, digest in then.items() if now.get(id_) != digest),
            fresh=tuple(id_ for id_, digest in now.items() if then.get(id_) != digest),
        )


def document_digest(body: bytes) -> bytes:
    """8 bytes that change when a document does."""
    return hashlib.blake2b(body, digest_size=8).digest()


def without_surrogates(document: Document) -> Document:
    """The document with lone surrogates and NULs replaced, so that every store can hold it."""
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


def storable_text(text: str) -> str:
    """Text that UTF-8 and SQLite can hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _immutable(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=ro&immutable=1"


def _consecutive(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Half-open ranges of positions in ``rows`` whose values follow each other without a gap."""
    start = 0
    for position in range(1, len(rows) + 1):
        if position == len(rows) or rows[position] != rows[position - 1] + 1:
            yield start, position
            start = position


def _unreadable(error: sqlite3.Error) -> Unavailable:
    return Unavailable(f"The document store cannot be read: {error}. Run `kb index --full`.")


def _document(body: bytes) -> Document:
    return Document.from_json(json.loads(zlib.decompress(body)))
