"""Redirect lists: DocFX's redirection JSON and Netlify's ``_redirects``.

``find_redirects`` says which documents old addresses lead to now. Chains
are followed; what leads to another site is ignored. Old addresses in front matter are read by
``indexer.readers.metadata``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from indexer.readers.site_index import SitePage
from indexer.sources.format_detection import Unreadable, decode_text, is_redirect_list
from indexer.sources.walk import SourceFile
from kb import ids

MAX_REDIRECTS = 50_000
_MAX_HOPS = 10
_STATUS = re.compile(r"\d{3}!?")
_WILDCARD = re.compile(r"[*]|/:")


def parse_redirects(text: str, name: str) -> list[tuple[str, str]]:
    """(old path, new address) of a list. Raises Unreadable."""
    rows = _netlify_rows(text) if os.path.basename(name) == "_redirects" else _docfx_rows(text)
    return list(rows)[:MAX_REDIRECTS]


def _docfx_rows(text: str) -> Iterator[tuple[str, str]]:
    try:
        data = json.loads(text)
    except RecursionError:
        raise Unreadable("invalid-json", reason="nested too deeply") from None
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        raise Unreadable("invalid-json", line=line, reason=str(error).split(":")[0]) from None

    rows = data.get("redirections") if isinstance(data, dict) else None
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        old = row.get("source_path") or row.get("source_path_from_root")
        new = row.get("redirect_url")
        if isinstance(old, str) and isinstance(new, str) and old and new:
            yield old, new


def _netlify_rows(text: str) -> Iterator[tuple[str, str]]:
    """``/old [name=value ...] /new [status]``, one a line."""
    for line in text.split("\n"):
        words = line.split("#")[0].split()
        if len(words) < 2 or not words[0].startswith("/") or _WILDCARD.search(words[0]):
            continue
        for word in words[1:]:
            if not _STATUS.fullmatch(word) and "=" not in word:
                yield words[0], word
                break


@dataclass(frozen=True, slots=True)
class Redirects:
    """What the lists of a site say.

    ``aliases`` maps the old ID of a document that moved to its ID now, and ``files`` the absolute
    path of a file that is gone, in lower case, to the page that it leads to.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, SitePage] = field(default_factory=dict)


def find_redirects(files: Iterable[SourceFile], pages: Mapping[str, SitePage]) -> Redirects:
    """All redirects of the lists among ``files``; ``pages`` are by key of file."""
    lists = [file for file in files if is_redirect_list(file.path)]
    if not lists:
        return Redirects()

    redirects: dict[str, str] = {}
    old_ids: dict[str, str] = {}  # by absolute path
    for file, old, new in _rows(lists):
        root = file.absolute.removesuffix(file.path)
        for path in _old_paths(old, file):
            old_id = ids.document_id(file.kind, path)
            redirects.setdefault(old_id, new)
            old_ids[f"{root}{path}".lower()] = old_id

    by_id = {page.id: page for page in pages.values()}
    suffixes = _unique_suffixes(by_id)
    aliases = {}
    for old_id in redirects:
        if old_id not in by_id:
            target = _follow(old_id, redirects, suffixes)
            if target and target != old_id:
                aliases[old_id] = target
    moved = {path: by_id[aliases[id_]] for path, id_ in old_ids.items() if id_ in aliases}
    return Redirects(aliases, moved)


def _rows(lists: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, str, str]]:
    """(list, old path, new address) of all lists."""
    for file in lists:
        try:
            text, _ = decode_text(Path(file.absolute).read_bytes())
            rows = parse_redirects(text, file.path)
        except (OSError, Unreadable):
            continue  # reported when the list itself was read
        for old, new in rows:
            yield file, old, new


def _old_paths(old: str, file: SourceFile) -> set[str]:
    """The paths below the root that the file may have had: from the list, and from the root."""
    path = unquote(old).replace("\\", "/")
    paths = ["/".join(part for part in path.split("/") if part not in ("", ".", ".."))]

    root = file.absolute.removesuffix(file.path)
    beside = os.path.normpath(os.path.join(os.path.dirname(file.absolute), path))
    if beside.startswith(root) and not path.startswith("/"):
        paths.append(beside.removeprefix(root))

    return {name for name in paths if name}


def _follow(old_id: str, redirects: Mapping[str, str], suffixes: Mapping[str, str]) -> str:
    """The document that ``old_id`` leads to, over as many redirects as it takes; "" for none."""
    for _ in range(_MAX_HOPS):
        parts = [
            ids.path_part_slug(name) for name in _page_path(redirects[old_id]).split("/") if name
        ]

        # The longest suffix of the address that names one document: addresses begin with the
        # site's own folders, which are not known here.
        for start in range(len(parts)):
            document_id = suffixes.get("/".join(parts[start:]))
            if document_id:
                return document_id

        kind, _, _ = old_id.partition("/")
        old_id = ids.document_id(kind, "/".join(parts)) if parts else ""
        if old_id not in redirects:
            return ""
    return ""


def _page_path(address: str) -> str:
    try:
        path = unquote(urlsplit(address).path)
    except ValueError:
        return ""
    return re.sub(r"(?:/index)?\.(?:html?|md|ya?ml)$|/$", "", path)


def _unique_suffixes(page_ids: Iterable[str]) -> dict[str, str]:
    """The last parts of each ID -> the ID, where no other ends so."""
    suffixes: dict[str, str] = {}
    for page_id in page_ids:
        parts = page_id.split("/")[1:]
        for start in range(len(parts)):
            suffix = "/".join(parts[start:])
            is_ambiguous = suffix in suffixes and start > 0
            suffixes[suffix] = "" if is_ambiguous else page_id
    return {suffix: page_id for suffix, page_id in suffixes.items() if page_id}
