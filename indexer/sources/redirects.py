"""Where do old addresses lead that a site keeps in a list?

DocFX's redirection JSON and Netlify's ``_redirects``. ``aliases`` gives old ids and the ids of the
documents that they lead to now; chains are followed, what leads to another site is left out. Not
for front matter (``readers.facts``).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from indexer.readers.site_index import SitePage
from indexer.sources import format_detection
from indexer.sources.walk import SourceFile
from kb import ids

MAX_REDIRECTS = 50_000
_HOPS = 10
_STATUS = re.compile(r"\d{3}!?")


class RedirectsError(Exception):
    """Why a list cannot be read, as one sentence; ``line`` is 0 when it is the whole."""

    def __init__(self, sentence: str, line: int = 0) -> None:
        super().__init__(sentence)
        self.sentence, self.line = sentence, line


def parse_redirects(text: str, name: str) -> list[tuple[str, str]]:
    """(old path, new address) of a list. Raises RedirectsError."""
    found = list(_lines(text) if os.path.basename(name) == "_redirects" else _docfx(text))
    return found[:MAX_REDIRECTS]


def _docfx(text: str) -> Iterator[tuple[str, str]]:
    try:
        data = json.loads(text)
    except RecursionError:
        raise RedirectsError("The JSON is nested too deeply.") from None
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        raise RedirectsError(f"The JSON is damaged: {str(error).split(':')[0]}.", line) from None
    listed = data.get("redirections") if isinstance(data, dict) else None
    for row in listed if isinstance(listed, list) else ():
        if isinstance(row, dict):
            old = row.get("source_path") or row.get("source_path_from_root")
            new = row.get("redirect_url")
            if isinstance(old, str) and isinstance(new, str) and old and new:
                yield old, new


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        words = line.split("#")[0].split()
        if len(words) >= 2 and words[0].startswith("/") and not re.search(r"[*]|/:", words[0]):
            target = next(
                (word for word in words[1:] if not _STATUS.fullmatch(word) and "=" not in word), ""
            )
            if target:
                yield words[0], target


def redirect_aliases(files: Iterable[SourceFile], places: Mapping[str, SitePage]) -> dict[str, str]:
    """Old id -> id of a document, from all lists among ``files``; ``places`` are those of all
    files, by key.
    """
    lists = [file for file in files if format_detection.is_redirect_list(file.path)]
    if not lists:
        return {}
    known = {place.id for place in places.values()}
    tails = _tails(known)
    wanted: dict[str, str] = {}
    for file in lists:
        try:
            text = format_detection.decode_text(Path(file.absolute).read_bytes())[0]
            for old, new in parse_redirects(text, file.path):
                for id_ in _old_ids(old, file):
                    wanted.setdefault(id_, new)
        except (OSError, RedirectsError):
            continue  # told by the reader
    found = {old: _target(old, wanted, tails) for old in wanted if old not in known}
    return {old: new for old, new in found.items() if new and new != old}


def _old_ids(old: str, file: SourceFile) -> set[str]:
    """The ids that the document once had: of its path from the list, and from the root."""
    path = unquote(old).replace("\\", "/")
    root = file.absolute.removesuffix(file.path)
    beside = os.path.normpath(os.path.join(os.path.dirname(file.absolute), path))
    relative = (
        [beside.removeprefix(root)] if beside.startswith(root) and not path.startswith("/") else []
    )
    plain = "/".join(part for part in path.split("/") if part not in ("", ".", ".."))
    return {ids.document_id(file.kind, name) for name in (*relative, plain) if name}


def _target(old: str, wanted: Mapping[str, str], tails: Mapping[str, str]) -> str:
    """The document that ``old`` leads to, over as many redirects as it takes; "" when there is
    none.
    """
    for _ in range(_HOPS):
        parts = [ids.path_part_slug(name) for name in _path(wanted[old]).split("/") if name]
        found = next(
            (tails[tail] for n in range(len(parts)) if (tail := "/".join(parts[n:])) in tails), ""
        )
        if found:
            return found
        following = ids.document_id(old.split("/")[0], "/".join(parts)) if parts else ""
        if following not in wanted:
            return ""
        old = following
    return ""


def _path(address: str) -> str:
    try:
        path = unquote(urlsplit(address).path)
    except ValueError:
        return ""
    return re.sub(r"(?:/index)?\.(?:html?|md|ya?ml)$|/$", "", path)


def _tails(known: Iterable[str]) -> dict[str, str]:
    """The last parts of each id -> the id, where no other ends so."""
    found: dict[str, str] = {}
    for id_ in known:
        parts = id_.split("/")[1:]
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            found[tail] = "" if tail in found and start else id_
    return {tail: id_ for tail, id_ in found.items() if id_}
