"""How does an editor see an article before it is published?

A check keeps the articles that it read anew, in a store of their own beside the index; the portal shows them to editors
only. Not searched, not published, replaced by the next check.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from kb.errors import Unavailable
from kb.search.store import DocumentStore, StoreWriter

#: Articles that are kept; who changes more looks at some of them.
MOST = 500


def keep(store: DocumentStore, path: Path, ids: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Replace the store at ``path`` by one with the documents of ``ids``; their (id, title). Raises Unavailable."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside.unlink(missing_ok=True)
        writer = StoreWriter(aside)
        kept = []
        for document in store.documents(ids[:MOST]):
            writer.add(document)
            kept.append((document.id, document.title))
        writer.close()
        os.replace(aside, path)
        return tuple(kept)
    except OSError as error:
        raise Unavailable(f"The preview cannot be kept in {path.parent}: {error.strerror or error}.") from error
    finally:
        aside.unlink(missing_ok=True)
        store.close()
