"""How does an editor see an article before it is published?

A check keeps the articles that it read anew, in one file beside the index; the portal shows them to
editors only. Not searched, not published, replaced as a whole by the next check.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable
from itertools import islice
from pathlib import Path

from kb.errors import Unavailable
from kb.search import documents
from kb.search.documents import Document
from kb.search.index.record_file import Records, RecordWriter

#: In the data folder.
FILE = "preview.records"
#: Articles that are kept; who changes more looks at some of them.
MOST = 500


def keep(articles: Iterable[Document], path: Path) -> tuple[tuple[str, str], ...]:
    """Replace what ``path`` holds by the first MOST ``articles``; their (id, title). Raises
    Unavailable.
    """
    # Whoever reads the file goes on with the one that was there: it is replaced, never written to.
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    listed = []
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        forget(path)
        with contextlib.closing(RecordWriter(aside)) as writer:
            for one in islice(articles, MOST):
                writer.add(documents.to_json(one))
                listed.append((one.id, one.title, one.audience))
            writer.add(listed)  # last, as records are written front to back
        os.replace(aside, path)
    except OSError as error:
        raise Unavailable(
            f"The preview cannot be kept in {path.parent}: {error.strerror or error}."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
    return tuple((id_, title) for id_, title, _ in listed)


def forget(path: Path) -> None:
    """Remove what was kept, and what a check that was killed left behind. Raises Unavailable."""
    try:
        for file in (path, *path.parent.glob(f".{path.name}.*")):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"{path} cannot be removed: {error.strerror or error}.") from error


def listed(path: Path, audiences: Collection[str]) -> tuple[tuple[str, str], ...]:
    """(id, title) of the articles for ``audiences`` that are kept; none without the file. Raises
    Unavailable.
    """
    return tuple((id_, title) for id_, title, audience in _listed(path)[1] if audience in audiences)


def find(path: Path, document_id: str, audiences: Collection[str]) -> Document | None:
    """The article as it was kept; None when there is none for ``audiences``. Raises Unavailable."""
    records, rows = _listed(path)
    for number, (id_, _, audience) in enumerate(rows):
        if id_ == document_id and audience in audiences and records is not None:
            return documents.from_json(records[number])
    return None


def _listed(path: Path) -> tuple[Records | None, list[tuple[str, str, str]]]:
    if not path.exists():
        return None, []
    records = Records(path)
    try:
        return records, [
            (id_, title, audience) for id_, title, audience in records[len(records) - 1]
        ]
    except (ValueError, TypeError, IndexError) as error:
        raise Unavailable(f"{path.name} is damaged; prepare the preview anew.") from error
