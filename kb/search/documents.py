"""What is indexed, and who may see it?

A ``Document`` is one article, FAQ entry or forum topic; its ``Section``s are the units under one
heading that a passage and an anchor come from. Values only: reading files is the indexer's work,
ranking the engine's.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Where a document comes from; results are filtered and mixed by it."""

    DOC = "doc"
    FAQ = "faq"
    FORUM = "forum"


PUBLIC = "public"
#: Nested audiences, widest first: each sees its own documents and all before it. Any other name is
#: a group of its own that sees ``public``, ``customers`` and itself.
AUDIENCES = (PUBLIC, "customers", "partners", "staff")


def visible_to(audience: str) -> frozenset[str]:
    """The document audiences that an asker of ``audience`` may see.

    >>> sorted(visible_to("customers"))
    ['customers', 'public']
    """
    if audience in AUDIENCES:
        return frozenset(AUDIENCES[: AUDIENCES.index(audience) + 1])
    return frozenset({PUBLIC, "customers", audience})


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one heading, without the heading itself.

    ``anchor`` is "" for text before the first heading; ``path`` is the headings from the outermost
    to this one; ``text`` is plain text, paragraphs separated by a blank line, code kept line by
    line.
    """

    anchor: str
    path: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One article, FAQ entry or forum topic, ready to index and to show.

    ``html`` is already sanitised and is shown as it is; ``sections`` is the same content as plain
    text. ``source`` is the file (relative to its root, with the root's name) that it came from, for
    editors; ``aliases`` are other titles or old names that must stay findable. ``solved`` is None
    where the question makes no sense (articles), else whether a topic has an accepted answer.
    ``answer`` is the index in ``sections`` of the accepted answer.
    """

    id: str
    kind: Kind
    title: str
    sections: tuple[Section, ...]
    html: str = ""
    summary: str = ""
    audience: str = PUBLIC
    product: str = ""
    versions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    language: str = ""
    updated: dt.date | None = None
    solved: bool | None = None
    answer: int | None = None
    source: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the portal shows it, from the portal's root."""
        return f"/help/{self.id}"

    def text(self) -> str:
        """All sections with their own headings, as one plain text."""
        parts = (
            f"{section.path[-1]}\n{section.text}" if section.path else section.text
            for section in self.sections
        )
        return "\n\n".join(parts)


def to_json(document: Document) -> dict[str, Any]:
    """A document as JSON-ready values; ``from_json`` gives the same document back."""
    values = {f.name: getattr(document, f.name) for f in fields(document)}
    values["sections"] = [[s.anchor, list(s.path), s.text] for s in document.sections]
    values["updated"] = document.updated.isoformat() if document.updated else None
    return values


def from_json(values: dict[str, Any]) -> Document:
    """The inverse of ``to_json``. Raises KeyError or ValueError on anything else."""
    known = dict(values)
    known["kind"] = Kind(values["kind"])
    known["sections"] = tuple(
        Section(anchor, tuple(path), text) for anchor, path, text in values["sections"]
    )
    known["updated"] = dt.date.fromisoformat(values["updated"]) if values.get("updated") else None
    for name in ("versions", "tags", "aliases", "authors"):
        known[name] = tuple(values.get(name, ()))
    return Document(**known)
