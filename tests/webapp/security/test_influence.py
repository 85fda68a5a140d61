"""What is hidden from somebody changes no byte of what they are shown.

Two portals whose public pages are the same, and whose staff pages, pictures, references and solved
tickets differ. ``bench.influence`` compares random pairs of indexes; here it is the whole product,
from files to responses.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from tests.indexing import run_index
from tests.webapp.world import MONDAY, Portal, build, number_of, settings_of, ticket

#: Headers with a time, a name of the request, or the length of the tokens that are taken out.
OF_THE_MOMENT = (
    *("Date", "Last-Modified", "Expires"),
    *("X-Request-ID", "Set-Cookie", "Content-Length"),
)
#: Whose tags have the name of a generation, or the time of a file; that of a page is its hash.
TAGGED_BY_TIME = ("/api/", "/media/", "/favicon.ico")
PNG = b"\x89PNG\r\n\x1a\n"
PUBLIC = {
    "open.md": (
        "# Replace the ink\n\nSee <xref:closed>, [the runbook](closed.md) and [more](other.md).\n\n"
        "![both](both.png) Open the drawer and replace the cartridge."
    ),
    "other.md": "# Clean the press\n\nRinse the press. ![open](open.png) Then replace the ink.",
    "members.md": "---\naudience: customers\n---\n# Prices of ink\n\nInk for [members](closed.md).",
}
PICTURES = {"open.png": PNG + b"open", "both.png": PNG + b"both"}
#: The same page for staff, by the same name, in two versions; and pages that only one has.
FIRST = {
    "closed.md": "---\nuid: closed\naudience: staff\n---\n# Ink runbook\n\nCall zephyrion.",
}
SECOND = {
    "closed.md": (
        "---\nuid: closed\naudience: staff\ntags: [ink, cartridge]\n---\n# Replace the ink in the "
        "quixotic vault\n\nThe ink, the ink, the cartridge: xylophone. ![both](both.png) "
        "![shut](shut.png)"
    ),
    "partner.md": "---\naudience: partners\n---\n# Replace the ink again\n\nSee [ink](open.md).",
    "draft.md": "---\ndraft: true\n---\n# Rinse the press with xylophones\n\nSoon.",
}
#: Asked in both, by everybody: whole words, half words, typos, and words of hidden pages.
QUERIES = (
    "replace the ink", "repl", "cartrige", "rinse", "xylophone", "quixotic xylophone", "zephyrion",
)  # fmt: skip


def portal_with(folder: Path, hidden: dict[str, str], *, solved: bool) -> Portal:
    docs = folder / "pages"
    docs.mkdir()
    for name, text in {**PUBLIC, **hidden}.items():
        (docs / name).write_text(text)
    for name, data in {**PICTURES, "shut.png": PNG + repr(hidden).encode()}.items():
        (docs / name).write_bytes(data)
    options = IndexOptions(walk.parse_sources([f"doc={docs}"]), folder / "data", MONDAY.date())
    run_index(options)
    settings = settings_of(folder, suggest_per_minute="100000")
    portal = build(settings)
    if not solved:
        return portal

    # Charlie's tickets, answered with a public page: fewer customers than vote together.
    charlie, bob = portal.browser("charlie"), portal.browser("bob")
    for key in ("a", "b"):
        about = ticket(title="Replace the ink of the xylophone", key=key)
        number = number_of(charlie.post("/tickets", about))
        link, end = {"another": "doc/other", "key": f"{key}1"}, {"body": "So.", "key": f"{key}2"}
        assert bob.post(f"/desk/{number}/link", link).status_code == 303
        assert bob.post(f"/desk/{number}/solve", end).status_code == 303
    report = run_index(replace(options, full=True))
    assert report.published
    return build(settings)


def shown(portal: Portal, name: str) -> dict[str, bytes]:
    """Every byte of everything that can be asked without knowing a number of somebody else's."""
    browser, answers = portal.browser(name), {}
    queue = ["/", "/search", "/docs", "/sitemap", "/faq", "/forum", "/tickets/new", "/openapi.json"]
    queue += [
        "/robots.txt",
        "/embed.js",
        "/help/doc/closed",
        "/help/doc/partner",
        "/help/doc/draft",
    ]
    queue += ["/sitemap.xml", "/llms.txt", "/opensearch.xml", "/favicon.ico"]
    for place in ("", "/docs", "/faq", "/forum"):
        queue += [f"{place}/feed.atom", f"{place}/feed.json"]
    queue += [f"/help/doc/{name}.md" for name in ("open", "other", "members", "closed", "partner")]
    for query in QUERIES:
        words = query.replace(" ", "+")
        queue += [f"/search?q={words}", f"/search?q={words}&sort=date"]
        queue += [f"/api/v1/suggest?q={words}", f"/api/v1/search?q={words}"]
    while queue:
        path = queue.pop()
        if path in answers:
            continue
        answer = browser.get(path)
        assert answer.status_code != 429, path
        page = re.sub(rb'(name="(?:csrf_token|key|episode)" value=")[^"]+', rb"\1", answer.data)
        page = re.sub(rb'"generation": ?"\d+"', b"", page)  # how often was published
        left_out = {*OF_THE_MOMENT, *(("ETag",) if path.startswith(TAGGED_BY_TIME) else ())}
        headers = sorted(pair for pair in answer.headers if pair[0] not in left_out)
        answers[path] = repr((answer.status_code, headers)).encode() + page
        if answer.mimetype == "text/html":
            links = re.findall(rb'(?:href|src)="(/(?:help|media|search|docs)[^"#]*)', page)
            queue += [link.decode().replace("&amp;", "&") for link in links]
    return answers


@pytest.mark.parametrize("name", ["", "alice"])
def test_what_is_hidden_changes_no_byte(tmp_path: Path, folder: Path, name: str) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    first = shown(portal_with(folder, FIRST, solved=False), name)
    second = shown(portal_with(other, SECOND, solved=True), name)
    assert first.keys() == second.keys()
    differing = {path: (first[path], second[path]) for path in first if first[path] != second[path]}
    assert differing == {}
    # It is a portal with content: pages, a picture and results are among what was compared.
    assert any(path.startswith("/media/") for path in first)
    assert b"Replace the ink" in first["/help/doc/open"]
    assert (b"Prices of ink" in first["/docs"]) == (name == "alice")
