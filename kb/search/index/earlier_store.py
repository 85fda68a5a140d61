"""Earlier store: the documents of a generation as versions up to format 11 wrote them.

It is read as one segment of a document store (see ``document_store``), so that an index of an
earlier version stays usable. The data for hits is in record files, the rest in a SQLite file.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kb.errors import Unavailable
from kb.search.index.record_file import Records

EARLIER_STORE_FILE = "documents.sqlite"
_SHOWN_FILE, _PASSAGES_FILE = "shown.records", "passages.records"  # beside it


class EarlierStore:
    """One connection and a lock: a look-up takes microseconds."""

    def __init__(self, folder: Path) -> None:
        """Raises Unavailable if the file is missing or cannot be read."""
        self._shown, self._passages = (
            Records(folder / _SHOWN_FILE),
            Records(folder / _PASSAGES_FILE),
        )
        uri = f"{(folder / EARLIER_STORE_FILE).resolve().as_uri()}?mode=ro&immutable=1"
        try:
            self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise _unreadable(error) from error
        self._lock = threading.Lock()
        self.close = weakref.finalize(self, self._db.close)
        self.size, self.passages = len(self._shown), len(self._passages)

    def shown(self, row: int) -> bytes:
        return self._shown.raw(row, row + 1)

    def passage(self, number: int) -> bytes:
        return self._passages.raw(number, number + 1)

    def body(self, row: int) -> bytes:
        body: bytes = self._query("SELECT body FROM body WHERE row=?", (row,))[0][0]
        return body

    def ids(self) -> list[str]:
        return [row[0] for row in self._query("SELECT id FROM document ORDER BY row")]

    def audiences(self) -> list[str]:
        return [row[0] for row in self._query("SELECT audience FROM document ORDER BY row")]

    def audience(self, row: int) -> str:
        name: str = self._query("SELECT audience FROM document WHERE row=?", (row,))[0][0]
        return name

    def digest(self, row: int) -> bytes:
        digest: bytes = self._query("SELECT digest FROM document WHERE row=?", (row,))[0][0]
        return digest

    def row(self, document_id: str) -> int | None:
        rows = self._query("SELECT row FROM document WHERE id=?", (document_id,))
        return rows[0][0] if rows else None

    def aliases(self) -> dict[str, str]:
        return dict(self._query("SELECT old, id FROM alias"))

    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _unreadable(error) from error


def _unreadable(error: sqlite3.Error) -> Unavailable:
    return Unavailable(f"The document store cannot be read: {error}. Run `kb index --full`.")
