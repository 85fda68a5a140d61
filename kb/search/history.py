"""Which generations are there, and which of them serves?

For people who decide about a rollback: every kept generation with its counts and whether each byte
is as published. Not for opening one to search in: see ``generations.current``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kb.errors import Unavailable
from kb.search.generations import generation as generations


@dataclass(frozen=True, slots=True)
class PastGeneration:
    """One kept generation: ``created`` as ISO 8601 in UTC, ``serves`` for the one readers open,
    ``sound`` when no byte was changed since; the counts of one that is not sound are 0."""

    name: str
    serves: bool
    sound: bool
    created: str = ""
    documents: int = 0
    kinds: tuple[tuple[str, int], ...] = ()

    def json(self) -> dict[str, Any]:
        return asdict(self) | {"kinds": dict(self.kinds)}


def history(data: Path, *, anew: bool = True) -> tuple[PastGeneration, ...]:
    """All kept generations, newest first; ``anew`` is that of ``generations.verified``."""
    current = generations.current(data, anew=anew)
    serving = current.name if current else ""
    return tuple(
        _past(data, name, serves=name == serving, anew=anew) for name in generations.names(data)
    )


def _past(data: Path, name: str, *, serves: bool, anew: bool) -> PastGeneration:
    try:
        manifest = generations.verified(data, name, anew=anew).manifest
    except Unavailable:
        return PastGeneration(name, serves, sound=False)
    kinds = tuple(sorted(manifest.kinds.items()))
    return PastGeneration(
        name,
        serves,
        sound=True,
        created=manifest.created,
        documents=manifest.documents,
        kinds=kinds,
    )
