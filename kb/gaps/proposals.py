"""What to do about a gap that search could close: the customers' words as aliases of the page.

A page exists but was not shown. For any kind of page, the aliases are added to the file of
curations, and take effect with the next publish. ``effects`` computes beforehand what they change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.errors import Conflict, Unavailable
from kb.gaps.gaps import Gap, GapCause
from kb.search.documents import Document
from kb.search.query.curation_file import read_curations

CURATION_SOURCE = "curations.toml"


@dataclass(frozen=True, slots=True)
class GapProposal:
    """``words`` would be additional titles of ``document``."""

    document: str
    words: tuple[str, ...]

    @property
    def row(self) -> dict[str, Any]:
        """What is added to the curations."""
        return {"document": self.document, "titles": list(self.words)}

    @property
    def toml(self) -> str:
        titles = ", ".join(json.dumps(text, ensure_ascii=False) for text in self.words)
        document = json.dumps(self.document, ensure_ascii=False)
        return f"[[aliases]]\ndocument = {document}\ntitles = [{titles}]\n"


def proposal_for(gap: Gap, document: Document) -> GapProposal | None:
    """None for a gap that needs a new page, or if all its words are already titles of the page."""
    named = {name.casefold() for name in (document.title, *document.aliases)}
    words = tuple(text for text in (gap.title, *gap.aliases) if text.casefold() not in named)
    if gap.cause is not GapCause.SEARCH or not words:
        return None
    return GapProposal(document.id, words)


def accept(proposal: GapProposal, content: Path) -> None:
    """Adds the proposal to the file of curations.

    Raises Misconfigured for mistakes in the file, Conflict if the proposal is there already, and
    Unavailable if the file cannot be written.
    """
    path = content / CURATION_SOURCE
    beside = path.with_name(f".{path.name}.new")
    try:
        text = path.read_bytes().decode() if path.exists() else ""
        if proposal.toml in text:
            raise Conflict(
                f"{path.name} already has these aliases. They take effect when you publish."
            )
        before = text.rstrip("\n") + "\n\n" if text.strip() else ""
        beside.write_bytes((before + proposal.toml).encode())
        read_curations(beside)  # raises Misconfigured before anything is replaced
        if path.exists():
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Unavailable(
            f"{path.name} could not be changed: {reason}. Give the portal write access to the "
            "content folder."
        ) from error
    finally:
        beside.unlink(missing_ok=True)
