"""How is the slow half of a build kept beside the fast one?

Whoosh costs nine tenths of a full build, so a large one runs in a process of its own while the
matrix is built here. Build time only.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from kb.errors import Unavailable
from kb.search.index.document_store import FILE as STORE_FILE
from kb.search.index.document_store import Difference, DocumentStore

WORTH_A_PROCESS = 2000  # documents; below, starting one costs more than it saves
HARDLY_ANY = 50  # changed documents; writing them takes less than to start a process


class Building:
    """A Whoosh build under way, or already done."""

    def __init__(self, process: BaseProcess | None, total: int) -> None:
        self._process = process
        self._total = total

    def wait(self, progress: Callable[[int, int], None]) -> None:
        """Return when it has ended. Raises Unavailable when it failed."""
        progress(0, self._total)
        if self._process is not None:
            self._process.join()
            if self._process.exitcode != 0:
                raise Unavailable(
                    f"The index for phrases and fields could not be built (exit "
                    f"{self._process.exitcode}); "
                    "what was published before still serves."
                )
        progress(self._total, self._total)


def start(aside: Path, previous: Path | None, changes: Difference, *, documents: int) -> Building:
    """Build ``aside/whoosh`` from the store in ``aside``; ``previous`` is the folder of the
    generation before, and ``changes`` are the differences from it."""
    if documents < WORTH_A_PROCESS or (previous is not None and _hardly_any(previous, changes)):
        build(aside, previous, changes)
        return Building(None, documents)
    process = multiprocessing.get_context("spawn").Process(
        target=build, args=(aside, previous, changes), daemon=True
    )
    process.start()
    return Building(process, documents)


def _hardly_any(previous: Path, changes: Difference) -> bool:
    from kb.search.engines import whoosh as whoosh_engine

    return (
        len(changes.gone) + len(changes.fresh) <= HARDLY_ANY
        and (previous / whoosh_engine.FOLDER).is_dir()
    )


def build(aside: Path, previous: Path | None, changes: Difference) -> None:
    """What the process does."""
    from kb.search.engines import whoosh as whoosh_engine

    with contextlib.closing(DocumentStore(aside / STORE_FILE)) as store:
        before = previous / whoosh_engine.FOLDER if previous is not None else None
        whoosh_engine.build(aside / whoosh_engine.FOLDER, store, previous=before, changes=changes)
