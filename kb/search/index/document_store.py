"""Here is a document's row or id: what does it say?

The documents of one generation: what hits show, as records by number, and in a read-only SQLite
file what article pages show and the next generation takes over unchanged. Plain ``sqlite3``: the
file is written once and never changes. Not for ranking.
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
from kb.search.analysis.passages import Cut, cut
from kb.search.documents import Document
from kb.search.index.record_file import Records, RecordWriter

_SCHEMA = """
CREATE TABLE document (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, audience TEXT NOT NULL, title TEXT NOT NULL,
    digest BLOB NOT NULL);
CREATE TABLE body (row INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE alias (old TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
"""
_BY_ID = "SELECT body FROM document JOIN body USING (row) WHERE id=?"
_BY_OLD_ID = (
    "SELECT body FROM document JOIN body USING (row) WHERE id=(SELECT id FROM alias WHERE old=?)"
)
STORE_FILE = "documents.sqlite"
_SHOWN, _PASSAGES = "shown.records", "passages.records"  # beside it
STORE_FILES = (STORE_FILE, _SHOWN, _PASSAGES)
#: What writing a store raises when the disk is full or fails.
STORE_WRITE_ERRORS = (OSError, sqlite3.Error)


@dataclass(frozen=True, slots=True)
class StoreDifference:
    """The ids of documents that are ``gone`` or say something else now, and of those that are new
    or say it.
    """

    gone: tuple[str, ...]
    fresh: tuple[str, ...]


class StoreWriter:
    """Writes the documents of a generation being built. ``row`` counts from 0 in order of adding."""

    def __init__(self, path: Path) -> None:
        with contextlib.ExitStack() as opened:
            # What is taken over is copied by another thread, while nothing is added.
            self._db = sqlite3.connect(path.resolve().as_uri(), uri=True, check_same_thread=False)
            opened.callback(self._db.close)
            # No journal, no sync while building: a half-built generation is thrown away, a whole
            # one synced at the end.
            self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
            self._shown, self._passages = (
                opened.enter_context(contextlib.closing(RecordWriter(path.with_name(name))))
                for name in (_SHOWN, _PASSAGES)
            )
            self._open = opened.pop_all()
        self._rows = 0
        self._closed = False

    def add(self, document: Document) -> tuple[int, list[Cut]]:
        """Store one document and return its row and its passages. Raises Conflict when its id is
        there already.
        """
        body = json.dumps(document.to_json(), ensure_ascii=False, sort_keys=True).encode(
            "utf-8", "replace"
        )
        cuts = cut(document)
        row = (
            self._rows,
            document.id,
            str(document.kind),
            document.audience,
            document.title,
            digest(body),
        )
        try:
            self._db.execute("INSERT INTO document VALUES (?,?,?,?,?,?)", row)
            self._db.execute("INSERT INTO body VALUES (?,?)", (self._rows, zlib.compress(body, 1)))
        except sqlite3.IntegrityError:
            raise Conflict(
                f"Two documents have the id {document.id}; rename one of them."
            ) from None
        facts = (document.product, document.versions, str(document.updated or ""), document.solved)
        self._shown.add((document.id, str(document.kind), document.title, facts))
        for one in cuts:
            self._passages.add((one.anchor, one.path, " ".join(one.text.split())))
        self._rows += 1
        return self._rows - 1, cuts

    def carry_over(
        self, previous: Path, rows: Sequence[int], firsts: Sequence[int], passages: Sequence[int]
    ) -> None:
        """Take over rows (ascending) of the store at ``previous`` as they are; they become the rows
        0, 1, 2 ... here.

        ``firsts`` and ``passages`` say where each one's passages begin there, and how many there
        are.
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
        shown, texts = Records(previous.with_name(_SHOWN)), Records(previous.with_name(_PASSAGES))
        for at, end in _runs(rows):  # neighbours in one go
            self._shown.copy(shown, rows[at], rows[end - 1] + 1)
            self._passages.copy(texts, firsts[at], firsts[end - 1] + passages[end - 1])
        self._rows = len(rows)

    def alias(self, old: str, document_id: str) -> None:
        """Let an old id lead to a document; the first to claim it keeps it."""
        self._db.execute("INSERT OR IGNORE INTO alias VALUES (?,?)", (old, document_id))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            with self._open:
                self._db.commit()


def digest(body: bytes) -> bytes:
    """8 bytes that change when a document does."""
    return hashlib.blake2b(body, digest_size=8).digest()


class DocumentStore:
    """The documents of a published generation; safe to share between threads.

    One connection and a lock: a look-up takes microseconds, and a generation that is no longer
    served is closed with its last reader.
    """

    def __init__(self, path: Path) -> None:
        self._shown, self._passages = (
            Records(path.with_name(_SHOWN)),
            Records(path.with_name(_PASSAGES)),
        )
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

    def shown(self, row: int) -> tuple[str, str, str, tuple[Any, ...]]:
        """id, kind, title, and (product, versions, updated, solved) of one row, for a hit."""
        document_id, kind, title, facts = self._shown[row]
        return document_id, kind, title, tuple(facts)

    def passage(self, row: int) -> Cut:
        """One passage, on one line."""
        anchor, path, text = self._passages[row]
        return Cut(anchor, tuple(path), text)

    def document(self, document_id: str) -> Document | None:
        """The whole document by id, or by an old id that leads to it; None when there is none."""
        found = self._query(_BY_ID, (document_id,))
        if not found:
            found = self._query(_BY_OLD_ID, (document_id,))
        return _document(found[0][0]) if found else None

    def row(self, document_id: str) -> int | None:
        found = self._query("SELECT row FROM document WHERE id=?", (document_id,))
        return found[0][0] if found else None

    def documents(self, ids: Iterable[str]) -> Iterator[Document]:
        """The documents of ``ids`` in that order; unknown ids are left out."""
        for document_id in ids:
            found = self._query(_BY_ID, (document_id,))
            if found:
                yield _document(found[0][0])

    def all(self) -> Iterator[Document]:
        """Every document, in order of rows, a few in memory at a time."""
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
        return {
            row: (id_, audience)
            for row, id_, audience in self._query("SELECT row, id, audience FROM document")
        }

    def digests(self) -> dict[str, bytes]:
        """What each document's content is, as 8 bytes: two stores differ where these do."""
        return dict(self._query("SELECT id, digest FROM document"))

    def difference(self, before: DocumentStore | None) -> StoreDifference:
        """What differs from the store of the last generation."""
        was, now = before.digests() if before else {}, self.digests()
        gone = tuple(id_ for id_, digest in was.items() if now.get(id_) != digest)
        return StoreDifference(
            gone, tuple(id_ for id_, digest in now.items() if was.get(id_) != digest)
        )


def _immutable(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=ro&immutable=1"


def _runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Half-open ranges of places at which rows follow each other without a gap."""
    start = 0
    for place in range(1, len(rows) + 1):
        if place == len(rows) or rows[place] != rows[place - 1] + 1:
            yield start, place
            start = place


def _unreadable(error: sqlite3.Error) -> Unavailable:
    return Unavailable(f"The document store cannot be read: {error}. Run `kb index --full`.")


def _document(body: bytes) -> Document:
    return Document.from_json(json.loads(zlib.decompress(body)))


def without_surrogates(document: Document) -> Document:
    """The same document with lone surrogates and NULs replaced, so that every store can hold it."""
    return replace(
        document,
        title=clean(document.title),
        sections=tuple(
            replace(s, text=clean(s.text), path=tuple(map(clean, s.path)), anchor=clean(s.anchor))
            for s in document.sections
        ),
        html=clean(document.html),
    )


def clean(text: str) -> str:
    """Text that UTF-8 and SQLite can hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
