"""Sections: the guides of one audience as readers walk them, from the folders of their files.

A section exists where its audience may see an article in it or below it, so that nothing says that
there are others. Its index page (``index``, ``_index`` or ``readme``) gives its title, its summary
and its order. How pages show them is not here.
"""

from __future__ import annotations

import bisect
import functools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kb import ids
from kb.search.documents import Document, DocumentKind, Place, folder_title, name_order
from kb.search.results import Hit

ROOT = ""  # the path of the section that holds all others

_MAX_NEWEST = 100
_MAX_DEPTH = 20  # of sections in sections
_INDEX_NAMES = ("index", "_index", "readme")
#: Where a path names a language: ``de/a.md``, ``a.de.md``.
_LANGUAGE_PART = re.compile(
    r"^[a-z]{2}(?:-[a-z]{2,4})?/|\.[a-z]{2}(?:-[a-z]{2,4})?(?=\.\w{1,8}$)", re.IGNORECASE
)
_SUFFIX = re.compile(r"(\.[a-z]{2}(-[a-z]{2,4})?)?\.\w{1,8}(\.gz)?$", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")
#: The first byte of each part of a title in its key. It is lower than any letter, so that a word is
#: sorted before longer words that begin with it.
_NUMBER, _TEXT = b"\x01", b"\x02"
#: What a title may begin with that nobody looks it up by.
_OPENING = re.compile(r"^\W+")


TitleKey = bytes


class ArticleOrder(NamedTuple):
    """The position of an article in its section.

    Articles that the index page lists come first (``rank`` 0), then those with a number (1), then
    the others by title (2). If all this is equal, the path decides.
    """

    rank: int
    number: float
    title: str
    path: str

    @property
    def key(self) -> tuple[int, float, TitleKey, str]:
        return (self.rank, self.number, title_key(self.title), self.path)


class Listed(NamedTuple):
    """A document to be listed; its ``number`` is that of the index reader."""

    number: int
    title: str
    place: Place
    day: int = 0  # of its last change, as an ordinal; 0 for none


@dataclass(frozen=True, slots=True)
class GuideSection:
    """A section as links to it show it; ``path`` is below ``/docs/``. ``total`` counts the articles
    in it and below it, ``index`` is the id of its index page, "" for none.
    """

    path: str
    title: str
    summary: str
    total: int
    index: str = ""


@dataclass(frozen=True, slots=True)
class SectionContents:
    """A section with what is directly in it.

    ``articles`` is one page of its ``count`` articles, from ``start`` on; ``last`` is the position
    of the last article on this page, or None if the page is empty.
    """

    section: GuideSection
    sections: tuple[GuideSection, ...]
    articles: tuple[Hit, ...]
    count: int
    start: int = 0
    last: ArticleOrder | None = None


@dataclass(frozen=True, slots=True)
class ArticleLocation:
    """Where an article is: the sections around it, outermost first, and those beside it.

    ``is_index`` says that it is the index page of the innermost section.
    """

    trail: tuple[GuideSection, ...] = ()
    previous: Hit | None = None
    next: Hit | None = None
    is_index: bool = False


@dataclass
class _Folder:
    path: str
    name: str
    index: Listed | None = None
    articles: list[Listed] = field(default_factory=list)
    folders: dict[str, _Folder] = field(default_factory=dict)
    total: int = 0

    @property
    def title(self) -> str:
        return self.index.title if self.index else folder_title(self.name)

    @functools.cached_property
    def listed(self) -> dict[str, int]:
        """The names that the index page lists, with their positions."""
        positions: dict[str, int] = {}
        for name in self.index.place.contents if self.index else ():
            slug = ids.path_part_slug(_stem(name.strip("/").partition("/")[0]))
            positions.setdefault(slug, len(positions))
        return positions

    def order(self, page: Listed) -> ArticleOrder:
        position = self.listed.get(_listed_name(page))
        return _order(position, page.place.order, page.title, page.place.path)

    @functools.cached_property
    def positions(self) -> dict[str, int]:
        """Where in ``articles`` the one at each path is; not where two are at the same path."""
        counts = Counter(article.place.path for article in self.articles)
        return {
            article.place.path: position
            for position, article in enumerate(self.articles)
            if counts[article.place.path] == 1
        }


class Sections:
    """The sections that one audience may see. Safe to share between threads."""

    def __init__(
        self, guides: Iterable[Listed], hits: Callable[[Sequence[int]], tuple[Hit, ...]]
    ) -> None:
        """``hits`` are documents by their numbers, as lists show them."""
        self._hits = hits
        self._root = _tree(guides)
        self._folders = {folder.path: folder for folder in _walk(self._root)}
        articles = [article for folder in self._folders.values() for article in folder.articles]
        self._editions = _editions(articles)
        self.count = len(articles)
        self._featured = [article.number for article in articles if article.place.featured]
        # Of those of the same day, the first that a reader meets on the way comes first.
        dated = [article for article in articles if article.day]
        newest = sorted(dated, key=lambda article: -article.day) or articles
        self._newest = [article.number for article in newest[:_MAX_NEWEST]]

    def section(self, path: str) -> GuideSection | None:
        """The section at ``path``; None when the audience may see no article there."""
        folder = self._folders.get(path)
        return self._section(folder) if folder else None

    def trail(self, path: str) -> tuple[GuideSection, ...]:
        """The sections around the one at ``path``, outermost first, without the root."""
        parts = path.split("/")
        around = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        return tuple(self._section(self._folders[each]) for each in around)

    def contents(
        self, path: str, *, start: int = 0, after: ArticleOrder | None = None, count: int
    ) -> SectionContents:
        """What is directly in the section at ``path``, with articles from ``start`` on.

        ``after`` replaces ``start``: the position of an article, which may no longer exist.
        """
        folder = self._folders[path]
        if after is not None:
            start = bisect.bisect(
                folder.articles, after.key, key=lambda page: folder.order(page).key
            )
        articles = folder.articles[start : start + count]
        return SectionContents(
            self._section(folder),
            tuple(map(self._section, folder.folders.values())),
            self._hits([article.number for article in articles]),
            len(folder.articles),
            start,
            folder.order(articles[-1]) if articles else None,
        )

    def all_contents(self, *, articles: int) -> tuple[SectionContents, ...]:
        """All sections in the order in which they are walked, each with its first ``articles``."""
        return tuple(self.contents(path, count=articles) for path in self._folders)

    def newest(self, count: int) -> tuple[Hit, ...]:
        """The articles that changed last; where none has a date, the first of all."""
        return self._hits(self._newest[:count])

    def newest_below(self, path: str, count: int) -> tuple[Hit, ...]:
        """The articles with a date in the section at ``path`` and below it that changed last."""
        articles = [each for folder in _walk(self._folders[path]) for each in folder.articles]
        dated = sorted(filter(lambda each: each.day, articles), key=lambda each: -each.day)
        return self._hits([each.number for each in dated[:count]])

    def translations(self, document: Document) -> tuple[Hit, ...]:
        """The same article in other languages and itself, each in a language of its own.

        Files belong together by their paths without the language: ``de/a.md`` and ``en/a.md``, or
        ``a.de.md`` and ``a.md``. Empty when there is no other, or two say the same language.
        """
        numbers = self._editions.get(_edition_key(document.place.path), ())
        hits = self._hits(numbers)
        languages = {hit.language for hit in hits}
        is_one = any(hit.id == document.id for hit in hits)
        return hits if is_one and "" not in languages and len(languages) == len(hits) else ()

    def featured(self, count: int) -> tuple[Hit, ...]:
        """The articles that their authors want to be seen first, in the order of their sections."""
        return self._hits(self._featured[:count])

    def location(self, document: Document) -> ArticleLocation:
        """Where a document is; nowhere when it is no guide, or the index does not say it.

        Of two files at the same path, in different sources, neither has one before or after it.
        """
        if document.kind is not DocumentKind.DOC:
            return ArticleLocation()
        path = _section_path(document.place.path)
        folder = self._folders.get(path)
        while folder is None:  # the index page of a folder without articles stands above it
            path = path.rpartition("/")[0]
            folder = self._folders.get(path)

        trail = (*self.trail(path), self._section(folder)) if path else ()
        place = document.place.path
        if folder.index is not None and folder.index.place.path == place:
            return ArticleLocation(trail, is_index=self._section(folder).index == document.id)

        position = folder.positions.get(place)
        if position is None:
            return ArticleLocation(trail)
        previous = folder.articles[position - 1 : position] if position else []
        following = folder.articles[position + 1 : position + 2]
        numbers = [article.number for article in (*previous, *following)]
        hits = iter(self._hits(numbers))
        return ArticleLocation(
            trail, next(hits) if previous else None, next(hits) if following else None
        )

    def _section(self, folder: _Folder) -> GuideSection:
        if folder.index is None:
            return GuideSection(folder.path, folder.title, "", folder.total)
        (hit,) = self._hits([folder.index.number])
        return GuideSection(folder.path, folder.title, hit.summary, folder.total, hit.id)


def title_key(title: str) -> TitleKey:
    """What titles are sorted by: letters without accents or case, numbers by their value.

    >>> sorted(["Zoom", "Über uns", "Part 10", "Part 9"], key=title_key)
    ['Part 9', 'Part 10', 'Über uns', 'Zoom']
    """
    bare = _OPENING.sub("", title).casefold()
    if not bare.isascii():
        letters = unicodedata.normalize("NFKD", bare)
        bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    # One string of bytes, because lists of 100,000 documents are sorted by it.
    return b"".join(
        _NUMBER + bytes([min(len(digits := part.lstrip("0")) + 1, 255)]) + digits.encode()
        if part.isdecimal()
        else _TEXT + part.encode(errors="replace")
        for part in _DIGITS.split(bare)
        if part
    )


def _section_path(path: str) -> str:
    return "/".join(map(ids.path_part_slug, path.split("/")[:-1][:_MAX_DEPTH]))


def _edition_key(path: str) -> str:
    return _LANGUAGE_PART.sub("", path).lower()


def _editions(articles: Iterable[Listed]) -> dict[str, tuple[int, ...]]:
    """The numbers of articles whose paths differ in their languages only."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for article in articles:
        if article.place.path:
            numbers[_edition_key(article.place.path)].append(article.number)
    return {key: tuple(each) for key, each in numbers.items() if len(each) > 1}


def _stem(name: str) -> str:
    return _SUFFIX.sub("", name)


def _tree(guides: Iterable[Listed]) -> _Folder:
    root = _Folder(ROOT, "")
    by_path: dict[str, _Folder] = {"": root}
    for guide in guides:
        path, _, name = guide.place.path.rpartition("/")
        folder = by_path.get(path) or _folder_at(root, path, by_path)
        if _stem(name).lower() in _INDEX_NAMES:
            folder.index, displaced = _better_index(folder.index, guide)
            if displaced is not None:
                folder.articles.append(displaced)
        else:
            folder.articles.append(guide)
    _finish(root)
    return root


def _folder_at(root: _Folder, path: str, by_path: dict[str, _Folder]) -> _Folder:
    folder = root
    for name in path.split("/")[:_MAX_DEPTH]:
        slug = ids.path_part_slug(name)
        inner = f"{folder.path}/{slug}" if folder.path else slug
        folder = folder.folders.setdefault(slug, _Folder(inner, name))
    by_path[path] = folder
    return folder


def _better_index(one: Listed | None, other: Listed) -> tuple[Listed, Listed | None]:
    """The index page among two, and the one that is an article then."""
    if one is None:
        return other, None
    best, rest = sorted(
        (one, other),
        key=lambda page: _INDEX_NAMES.index(_stem(page.place.path.rpartition("/")[2]).lower()),
    )
    return best, rest


def _finish(folder: _Folder) -> None:
    """Count and order what is in ``folder``; what is in no section becomes an article above."""
    for slug, inner in list(folder.folders.items()):
        _finish(inner)
        if not inner.total:
            del folder.folders[slug]
            folder.articles += filter(None, [inner.index])

    folder.articles.sort(key=lambda page: folder.order(page).key)
    folder.folders = dict(
        sorted(
            folder.folders.items(),
            key=lambda item: (
                _order(
                    folder.listed.get(item[0]), _folder_order(item[1]), item[1].title, item[0]
                ).key
            ),
        )
    )
    folder.total = len(folder.articles) + sum(inner.total for inner in folder.folders.values())


def _listed_name(page: Listed) -> str:
    """What the contents of a folder call a page in it, or the index page of a folder in it."""
    folder, _, name = page.place.path.rpartition("/")
    stem = _stem(name)
    return ids.path_part_slug(folder.rpartition("/")[2] if stem.lower() in _INDEX_NAMES else stem)


def _folder_order(folder: _Folder) -> float | None:
    if folder.index is not None and folder.index.place.order is not None:
        return folder.index.place.order
    return name_order(folder.name)


def _order(position: int | None, number: float | None, title: str, path: str) -> ArticleOrder:
    if position is not None:
        return ArticleOrder(0, float(position), "", path)
    if number is not None:
        return ArticleOrder(1, float(number), title, path)
    return ArticleOrder(2, 0.0, title, path)


def _walk(folder: _Folder) -> Iterator[_Folder]:
    yield folder
    for inner in folder.folders.values():
        yield from _walk(inner)
