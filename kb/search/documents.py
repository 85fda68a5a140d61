"""Documents: what is indexed, and who may see it.

A ``Document`` is one article, FAQ entry or forum topic; a ``Section`` is the part under one heading
that passages and anchors come from. A ``ResolvedTicket`` is not shown, but its answers raise the
rank of documents. Values only: the indexer reads files, ``kb.search`` ranks.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple, Self

from kb.errors import Invalid


class DocumentKind(StrEnum):
    """The source of a document; results are filtered and mixed by it."""

    DOC = "doc"
    FAQ = "faq"
    FORUM = "forum"


#: In the order of their codes in a partition's arrays.
DOCUMENT_KINDS = tuple(DocumentKind)

PUBLIC = "public"
#: Nested audiences, widest first: each sees its own documents and all before it. Any other name is
#: a group of its own that sees ``public``, ``customers`` and itself.
AUDIENCES = (PUBLIC, "customers", "partners", "staff")


# "02-install" comes second; "2.0" is a name.
_FOLDER_ORDER = re.compile(r"^(\d{1,3})[-_. ]+(?=\D)")
_WORD_JOINT = re.compile(r"[-_\s]+")
_GROUP = re.compile(r"[\w][\w .-]{0,63}")


def is_audience(name: str) -> bool:
    """Whether ``name`` may be the name of an audience."""
    return _GROUP.fullmatch(name) is not None


def normal_audience(name: str) -> str:
    """An audience as it is compared: ``Staff`` is ``staff``, the name of a group is kept.

    >>> normal_audience("Staff")
    'staff'
    """
    return name.lower() if name.lower() in AUDIENCES else name


def visible_to(audience: str) -> frozenset[str]:
    """The document audiences that an asker of ``audience`` may see.

    >>> sorted(visible_to("customers"))
    ['customers', 'public']
    """
    if audience in AUDIENCES:
        return frozenset(AUDIENCES[: AUDIENCES.index(audience) + 1])
    return frozenset({PUBLIC, "customers", audience})


def folder_title(name: str) -> str:
    """The name of a folder as people read it; "" when it has none.

    >>> folder_title("02-getting_started")
    'Getting started'
    """
    words = _WORD_JOINT.sub(" ", _FOLDER_ORDER.sub("", name)).strip()
    return words[:1].upper() + words[1:]


def name_order(name: str) -> float | None:
    """The number that the name of a file or folder begins with to be listed by, if it has one.

    >>> name_order("02-getting_started")
    2.0
    """
    match = _FOLDER_ORDER.match(name)
    return float(match[1]) if match else None


class Place(NamedTuple):
    """Where a document stands among others, as its author wants it.

    ``path`` is its file below the root. ``order`` is the number that it is listed by. ``contents``
    are names of files and folders beside it in the order in which it lists them.
    """

    path: str = ""
    summary: str = ""
    order: float | None = None
    featured: bool = False
    contents: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, values: Sequence[Any]) -> Self:
        """The inverse of what JSON makes of it."""
        path, summary, order, featured, contents = values
        return cls(path, summary, order, featured, tuple(contents))


class RegionKind(StrEnum):
    """What a part of a text is, when it is not prose."""

    LIST = "list"
    CODE = "code"
    TABLE = "table"


class Region(NamedTuple):
    """A part of a text that is not prose: ``text[start:end]``, whole paragraphs.

    A list can contain code, and a table can contain lists.
    """

    kind: RegionKind
    start: int
    end: int

    @classmethod
    def from_json(cls, values: Sequence[Any]) -> Self:
        """From kind, start and end. Raises ValueError for an unknown kind."""
        kind, start, end = values
        return cls(RegionKind(kind), start, end)


def stored_regions(values: Iterable[Sequence[Any]] = ()) -> tuple[Region, ...]:
    """Regions as they were stored; earlier versions stored none."""
    return tuple(Region.from_json(region) for region in values)


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one heading, without the heading itself.

    ``anchor`` is "" for text before the first heading; ``path`` is the headings from the outermost
    to this one; ``text`` is plain text, paragraphs separated by a blank line, code kept line by
    line. ``regions`` are its lists, code samples and tables by their start, as far as the reader of
    the format knows them.
    """

    anchor: str
    path: tuple[str, ...]
    text: str
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One article, FAQ entry or forum topic, ready to index and to show.

    ``html`` is already sanitised and is shown as it is; ``sections`` is the same content as plain
    text. ``source`` is the file that it came from, relative to its root and with the root's name,
    for editors; ``aliases`` are other titles or old names that have to stay findable. ``solved``
    says whether a forum topic has an accepted answer and is None for everything else; ``answer`` is
    the index of that answer in ``sections``.
    """

    id: str
    kind: DocumentKind
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
        """Its path in the portal."""
        return f"/help/{self.id}"

    @property
    def folders(self) -> tuple[str, ...]:
        """The names of the folders that its file is in, below the root, as people read them.

        ``docs/02-getting_started/install.md`` is in "Getting started".
        """
        return tuple(filter(None, map(folder_title, self.source.split("/")[1:-1])))

    @property
    def place(self) -> Place:
        """Where it stands among others: ``order``, ``featured`` and ``contents`` of ``extra``."""
        path = self.source.partition("/")[2]
        order = self.extra.get("order")
        return Place(
            path,
            self.summary,
            name_order(path.rpartition("/")[2]) if order is None else float(order),
            "featured" in self.extra,
            tuple(self.extra.get("contents", "").split("\n")) if "contents" in self.extra else (),
        )

    def text(self) -> str:
        """All sections with their own headings, as one plain text."""
        parts = (
            f"{section.path[-1]}\n{section.text}" if section.path else section.text
            for section in self.sections
        )
        return "\n\n".join(parts)

    def to_json(self) -> dict[str, Any]:
        """The document as JSON-ready values; ``from_json`` is the inverse."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["sections"] = [
            [s.anchor, list(s.path), s.text, [list(region) for region in s.regions]]
            for s in self.sections
        ]
        values["updated"] = self.updated.isoformat() if self.updated else None
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``to_json``. Raises KeyError or ValueError for anything else."""
        typed = dict(values)
        typed["kind"] = DocumentKind(values["kind"])
        typed["sections"] = tuple(map(_section, values["sections"]))
        updated = values.get("updated")
        typed["updated"] = dt.date.fromisoformat(updated) if updated else None
        for name in ("versions", "tags", "aliases", "authors"):
            typed[name] = tuple(values.get(name, ()))
        return cls(**typed)


def _section(values: Sequence[Any]) -> Section:
    anchor, path, text, *rest = values
    return Section(anchor, tuple(path), text, stored_regions(*rest))


@dataclass(frozen=True, slots=True)
class ResolvedTicket:
    """A ticket's title, the documents that its answer linked, and when it was resolved.

    ``customer`` tells whose it is from whose it is not; "" where that does not matter.
    """

    title: str
    documents: tuple[str, ...]
    solved_at: dt.datetime
    customer: str = ""

    @classmethod
    def from_json(cls, row: Mapping[str, Any], *, where: str) -> Self:
        """From {"title", "documents", "solved_at"}. Raises Invalid that names ``where``."""
        try:
            moment = dt.datetime.fromisoformat(str(row["solved_at"]))
            documents = row["documents"]
            if not isinstance(documents, list):
                raise ValueError("documents is not a list")
            aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
            return cls(str(row["title"]), tuple(map(str, documents)), aware)
        except (KeyError, ValueError) as error:
            expected = (
                '{"title": "...", "documents": ["id"], "solved_at": "2026-01-31T12:00:00+00:00"}'
            )
            raise Invalid(
                f"{where}: not a resolved ticket ({error}); a line is {expected}."
            ) from error


@dataclass(frozen=True, slots=True)
class SuggestionOutcome:
    """Somebody was shown suggestions for a title: whether one was accepted, or all were ignored and
    a ticket was filed.

    ``person`` tells apart who it was, ``document`` is what was accepted or ranked first.
    """

    title: str
    audience: str
    person: str
    document: str
    accepted: bool
