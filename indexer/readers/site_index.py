"""SiteIndex: the portal's address of every file of a run, shared by all readers.

Readers resolve links with it before the target has been read. Document IDs are assigned elsewhere
(``indexer.sources.document_ids``); this module only answers lookups.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from kb import ids
from kb.search.documents import PUBLIC, visible_to

#: ``guides/index.md`` is the page of its folder.
INDEX_PAGE = re.compile(
    r"(?:^|/)(?:index|_index|readme)(?:\.[a-z]{2})?(\.\w+(?:\.gz)?)$", re.IGNORECASE
)

#: nh3 puts this before every id, so that no article can take the name of a part of the portal.
ID_PREFIX = "s-"
#: Before the audience and the uid of a title that a page shows, among the names that it looked up.
TITLE_LINK = "title:"


class SitePage(NamedTuple):  # thousands are sent to each reading process
    """The page of one file: the ``id`` of its document and its ``title``, for ``xref`` links.

    ``collection`` is true for a file in which each heading is a document of its own; ``id`` is then
    the prefix of their IDs. Only who may see ``audience`` reads the title; "" is nobody.
    """

    id: str
    title: str = ""
    collection: bool = False
    audience: str = PUBLIC

    def url(self, anchor: str) -> str:
        """The portal's address of ``anchor`` on this page."""
        if not self.collection:
            return f"/help/{self.id}{portal_fragment(anchor)}"
        if anchor:
            return f"/help/{self.id}/{ids.slug(unquote(anchor))}"

        # A collection has no page of its own: the list of its kind is the closest there is.
        kind, _, _ = self.id.partition("/")
        return f"/{kind}"


@dataclass(frozen=True, slots=True)
class SiteIndex:
    """All pages of a run.

    ``pages`` maps absolute paths, and lower-cased ones, to pages; ``uids`` maps lower-cased uids.
    ``boilerplate`` maps the folder of a site to the hashes of the blocks that it repeats on its
    pages. Images are copied to ``media`` (None: nowhere); ``today`` decides what has expired.
    ``audiences`` maps the roots of sources to the audience of their pages that name none, and
    ``front_matter`` fields of documents to the keys of front matter that the site adds for them.
    """

    pages: Mapping[str, SitePage] = field(default_factory=dict)
    uids: Mapping[str, SitePage] = field(default_factory=dict)
    boilerplate: Mapping[str, frozenset[int]] = field(default_factory=dict)
    media: str | None = None
    today: dt.date = dt.date.min
    audiences: Mapping[str, str] = field(default_factory=dict)
    front_matter: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def page(self, path: str) -> SitePage | None:
        """The page of the file at ``path``, in any case: links are often written on systems that
        ignore it."""
        return self.pages.get(path) or self.pages.get(path.lower())

    def default_audience(self, path: str) -> str:
        """The audience of a file at ``path`` that names none."""
        for folder in Path(path).parents:
            if str(folder) in self.audiences:
                return self.audiences[str(folder)]
        return PUBLIC

    def title_for(self, uid: str, audience: str) -> str:
        """The title of the page with this uid; "" when there is none that ``audience`` may see."""
        page = self.uids.get(uid.lower())
        return page.title if page and page.audience in visible_to(audience) else ""

    def boilerplate_of(self, path: str) -> frozenset[int]:
        """The repeated blocks of the nearest folder above ``path`` that is a site."""
        for folder in Path(path).parents:
            if str(folder) in self.boilerplate:
                return self.boilerplate[str(folder)]
        return frozenset()


def portal_fragment(anchor: str) -> str:
    """The fragment of a heading's anchor in the portal.

    >>> portal_fragment("Release notes")
    '#s-release-notes'
    """
    return f"#{ID_PREFIX}{ids.slug(unquote(anchor))}" if anchor.strip() else ""
