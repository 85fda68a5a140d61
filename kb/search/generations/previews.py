"""Previews: how an editor sees an article before it is published.

A check keeps the articles that it has read in one file beside the index; the portal shows them to
editors only. Previews are neither searched nor published, and the next check replaces all of them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable
from itertools import islice
from pathlib import Path
from typing import Self

from kb.errors import Unavailable
from kb.search.documents import Document
from kb.search.index.record_file import Records, RecordWriter

#: Articles that a check keeps. Whoever changes more than that looks at some of them.
MAX_PREVIEWS = 500


class PreviewFile:
    """The articles that the last check kept; the last record lists their ids, titles and audiences.

    Methods raise Unavailable when the file cannot be read or written.
    """

    NAME = "preview.records"

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def in_folder(cls, data: Path) -> Self:
        """The preview file of a data folder."""
        return cls(data / cls.NAME)

    def replace(self, articles: Iterable[Document]) -> tuple[tuple[str, str], ...]:
        """Keep the first MAX_PREVIEWS ``articles`` instead of the present ones, and return the id
        and title of each.
        """
        # Readers of the file keep the one that they opened: it is replaced, never written to.
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        listing = []
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.clear()

            with contextlib.closing(RecordWriter(draft)) as writer:
                for article in islice(articles, MAX_PREVIEWS):
                    writer.add(article.to_json())
                    listing.append((article.id, article.title, article.audience))
                writer.add(listing)  # last, as records are written front to back

            os.replace(draft, self.path)
        except OSError as error:
            raise Unavailable(
                f"The preview cannot be kept in {self.path.parent}: {error.strerror or error}."
            ) from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

        return tuple((document_id, title) for document_id, title, _ in listing)

    def clear(self) -> None:
        """Remove what was kept, and what a check that was killed left behind."""
        try:
            for file in (self.path, *self.path.parent.glob(f".{self.path.name}.*")):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"{self.path} cannot be removed: {error.strerror or error}."
            ) from error

    def listing(self, audiences: Collection[str]) -> tuple[tuple[str, str], ...]:
        """The id and title of each kept article that one of ``audiences`` may see."""
        _, rows = self._open()
        return tuple(
            (document_id, title) for document_id, title, audience in rows if audience in audiences
        )

    def article(self, document_id: str, audiences: Collection[str]) -> Document | None:
        """The article as it was kept; None when there is none for ``audiences``."""
        records, rows = self._open()
        for number, (row_id, _, audience) in enumerate(rows):
            if row_id == document_id and audience in audiences and records is not None:
                return Document.from_json(records[number])
        return None

    def shows(self, picture: str, audiences: Collection[str]) -> bool:
        """Whether a kept article that one of ``audiences`` may see shows a picture."""
        records, rows = self._open()
        for number, (_, _, audience) in enumerate(rows):
            if audience not in audiences or records is None:
                continue
            if f"/media/{picture}" in Document.from_json(records[number]).html:
                return True
        return False

    def _open(self) -> tuple[Records | None, list[tuple[str, str, str]]]:
        if not self.path.exists():
            return None, []

        records = Records(self.path)
        try:
            rows = [(id_, title, audience) for id_, title, audience in records[len(records) - 1]]
        except (ValueError, TypeError, IndexError) as error:
            raise Unavailable(f"{self.path.name} is damaged; prepare the preview again.") from error
        return records, rows
