# ruff: noqa: E501 - samples are easier to read in one line
"""Mailboxes: threads, encodings, and no address shown."""

from __future__ import annotations

from tests.indexer.conftest import Read, codes
from tests.indexer.dangers import find_dangers


def _message(
    subject: str,
    body: str,
    *,
    name: str,
    parents: str = "",
    sender: str = "Alice A. <alice@example.com>",
) -> str:
    reply = f"In-Reply-To: {parents}\n" if parents else ""
    return (
        f"From alice@example.com Mon Jan  5 10:00:00 2026\nFrom: {sender}\nSubject: {subject}\nMessage-ID: {name}\n"
        f"Date: Mon, 05 Jan 2026 10:00:00 +0000\n{reply}\n{body}\n\n"
    )


def test_a_mailbox_becomes_threads_without_addresses(read: Read) -> None:
    box = (
        _message("[users] Cannot print", "The printer is <b>silent</b>.\nMail me: alice@example.com\n-- \nAlice", name="<1@x>")
        + _message("Another thing", "Hello.", name="<2@x>")
        + _message("Re: [users] Cannot print", "On Mon, Alice wrote:\n> The printer\n\nPlug it in.", name="<3@x>", parents="<1@x>",
                   sender="bob@example.com")
        + _message("AW: cannot print", "Danke.", name="<4@x>")
    )  # fmt: skip
    documents, findings = read("forum", "list.mbox", box)
    assert findings == []
    assert [(d.id, d.title) for d in documents] == [
        ("forum/list/cannot-print", "Cannot print"),
        ("forum/list/another-thing", "Another thing"),
    ]
    first = documents[0]
    assert [section.text for section in first.sections] == [
        "The printer is <b>silent</b>. Mail me: (address)",
        "Plug it in.",
        "Danke.",
    ]
    assert first.sections[1].path == ("Reply",)
    assert first.authors == ("Alice A.",)
    assert str(first.updated) == "2026-01-05"
    assert "@" not in first.html


def test_mail_in_other_encodings_and_shapes_is_read(read: Read) -> None:
    head = "From x Mon Jan  5 10:00:00 2026\nSubject: =?iso-8859-1?q?Gr=F6=DFe?=\n"
    latin = (
        f"{head}Content-Type: text/plain; charset=iso-8859-1\n\n".encode()
        + "Die Größe.".encode("latin-1")
    )
    page = (head + "Content-Type: text/html\n\n<p>Hi <script>alert(1)</script></p>").encode()
    odd = (head + "Content-Type: text/plain; charset=no-such\nDate: yesterday\n\nOdd.").encode()
    documents, _ = read("forum", "a.mbox", latin + b"\n\n" + page + b"\n\n" + odd)
    assert documents[0].title == "Größe"
    assert "Die Größe." in documents[0].text()
    assert [danger for document in documents for danger in find_dangers(document.html)] == []


def test_an_empty_mailbox_is_skipped_with_a_reason(read: Read) -> None:
    _, findings = read("forum", "a.mbox", "From x Mon Jan  5 10:00:00 2026\nSubject: x\n\n")
    assert codes(findings) == ["mailbox-empty"]
