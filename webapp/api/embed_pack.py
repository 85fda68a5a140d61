"""The pack: public titles and headings, signed, from which the embed answers without a round trip.

Made of what anybody may list, at most once for each generation. The key is derived from the signing
key of the installation, so that server processes sign alike and a new signing key needs new tags.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kb.search.documents import PUBLIC, DocumentKind

if TYPE_CHECKING:
    from kb.search.searcher import Searcher

#: Bytes of a compressed pack for each document; headings fill what titles leave.
BYTES_EACH = 25
MOST_DOCUMENTS = 5000
_SMALLEST = 2500  # bytes that a small help centre may use
_PAGE = 100
_LONGEST_HEADING = 80
_COMMON_HEADING = 2  # documents that may have the same heading: "Examples" says nothing
_STEPS = 6  # of halving what headings there are room for


def pack_key(signing_key: str) -> Ed25519PrivateKey:
    derived = HKDF(SHA256(), 32, salt=None, info=b"askfirst embed pack").derive(
        signing_key.encode()
    )
    return Ed25519PrivateKey.from_private_bytes(derived)


def public_pack_key(signing_key: str) -> str:
    """What a tag names in ``data-pack``."""
    return base64.b64encode(pack_key(signing_key).public_key().public_bytes_raw()).decode()


def signed_pack(searcher: Searcher, signing_key: str) -> str:
    """The pack of the generation that answers. Raises Unavailable."""
    generation = searcher.generation
    text = _pack(searcher, generation)
    signature = base64.b64encode(pack_key(signing_key).sign(text.encode())).decode()
    return f"{signature}\n{text}"


@lru_cache(4)
def _pack(searcher: Searcher, generation: str) -> str:
    documents = list(_documents(searcher))
    counts = Counter(heading for _, _, headings in documents for heading in set(headings))
    rows = [
        (
            _short_id(name, title),
            title,
            [
                heading
                for heading in dict.fromkeys(headings)
                if counts[heading] <= _COMMON_HEADING and heading.casefold() != title.casefold()
            ],
        )
        for name, title, headings in documents
    ]
    budget = max(_SMALLEST, BYTES_EACH * len(rows))
    facts = json.dumps({"generation": generation})
    most = max((len(headings) for *_, headings in rows), default=0)
    low, high = 0, most
    for _ in range(_STEPS):  # the most headings for each document that fit
        middle = (low + high + 1) // 2
        if low == high:
            break
        if len(gzip.compress(_written(facts, rows, middle).encode(), 6)) <= budget:
            low = middle
        else:
            high = middle - 1
    return _written(facts, rows, low)


def _written(facts: str, rows: Iterable[tuple[str, str, list[str]]], most: int) -> str:
    lines = ("\t".join((name, title, *headings[:most])) for name, title, headings in rows)
    return "\n".join((facts, *lines))


def _documents(searcher: Searcher) -> Iterable[tuple[str, str, list[str]]]:
    left = MOST_DOCUMENTS
    for kind in (DocumentKind.DOC, DocumentKind.FAQ, DocumentKind.FORUM):
        total, page = left, 1
        names: list[str] = []
        while len(names) < min(total, left):
            total, hits = searcher.listing(PUBLIC, kind, page=page, per_page=_PAGE)
            names += [hit.id for hit in hits]
            page += 1
            if not hits:
                break
        for name in sorted(names[:left]):
            document = searcher.article(name, audience=PUBLIC)
            headings = [
                _one_line(section.path[-1]) for section in document.sections if section.path
            ]
            short = [heading for heading in headings if 0 < len(heading) <= _LONGEST_HEADING]
            yield document.id, _one_line(document.title), short
        left -= len(names[:left])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _short_id(name: str, title: str) -> str:
    """Of an ID that ends with the words of the title, only what comes before them."""
    slug = "-".join(re.findall("[a-z0-9]+", title.lower()))
    return f"{name.removesuffix(slug)}~" if slug and name.endswith(slug) else name
