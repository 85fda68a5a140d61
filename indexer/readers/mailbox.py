"""A mailbox (mbox) of a list becomes one Document for each thread.

Threads by Message-ID, References and In-Reply-To, else by subject. Plain text only, quotations and
signatures taken out, addresses never shown. Not for answering mail: that is the ticket side's
business.
"""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime

from indexer.html import tree
from indexer.readers.context import ReadContext
from indexer.readers.thread import Post, thread_document
from indexer.sources.format_detection import remove_control_characters
from kb import ids
from kb.search.documents import Document, DocumentKind

MESSAGES = 20_000
REPLIES_SHOWN = 100
BODY = 100_000  # characters
_START = re.compile(rb"^From (?=\S+.{0,80}\d\d:\d\d)", re.MULTILINE)
_REPLY = re.compile(
    r"^(?:(?:re|aw|sv|fwd?|antw)(?:\[\d+\])?\s*:\s*|\[[\w .-]{1,40}\]\s*)+", re.IGNORECASE
)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_INTRODUCES = re.compile(r"^(?:On |Am |Le |El ).{0,200}(?:wrote|schrieb|écrit|escribió)\s*:?\s*$")


@dataclass(slots=True)
class _Mail:
    name: str
    subject: str
    author: str
    body: str
    date: dt.date | None
    parents: list[str] = field(default_factory=list)


def read(data: bytes, context: ReadContext) -> Iterator[Document]:
    """The threads of a mailbox, in order of their first messages."""
    starts = [match.start() for match in _START.finditer(data)]
    if len(starts) > MESSAGES:
        context.note(f"Only the first {MESSAGES} of its {len(starts)} messages were read.")
        starts = starts[: MESSAGES + 1]
    threads: dict[str, list[_Mail]] = {}
    thread_of: dict[str, str] = {}
    for start, end in zip(starts[:MESSAGES], [*starts[1:], len(data)], strict=False):
        mail = _mail(data[start:end].partition(b"\n")[2], len(thread_of))
        if mail is None:
            continue
        known = next((thread_of[parent] for parent in mail.parents if parent in thread_of), None)
        by_subject = f"subject:{_bare(mail.subject).lower()}"
        if known is None and (mail.parents or _REPLY.match(mail.subject)):
            known = thread_of.get(by_subject)
        name = known or mail.name
        thread_of[mail.name] = name
        thread_of.setdefault(by_subject, name)
        threads.setdefault(name, []).append(mail)
    if not threads:
        context.note("It holds no message with a text.", skipped=True)
    yield from _documents(threads, context)


def _documents(threads: dict[str, list[_Mail]], context: ReadContext) -> Iterator[Document]:
    taken: dict[str, int] = {}
    under = f"{DocumentKind.FORUM}/{context.page.id.partition('/')[2]}"
    for mails in threads.values():
        title = _bare(mails[0].subject) or "Message without a subject"
        name = wanted = f"{under}/{ids.slug(title)}"
        while name in taken:
            taken[wanted] += 1
            name = f"{wanted}-{taken[wanted]}"
        taken[name] = 1
        shown = mails[:REPLIES_SHOWN]
        posts = [
            Post(f"message-{n}", _tree(mail.body), mail.author, mail.date)
            for n, mail in enumerate(shown, 1)
        ]
        yield thread_document(context, posts, id=name, title=title, source=context.file.name)


def _bare(subject: str) -> str:
    return " ".join(_ADDRESS.sub("", _REPLY.sub("", subject)).split())[:300]


def _mail(data: bytes, number: int) -> _Mail | None:
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(message, EmailMessage)  # the default policy makes nothing else
        body = _own_words(_plain(message))
        subject, sender = (
            remove_control_characters(str(message["Subject"] or "")),
            remove_control_characters(str(message["From"] or "")),
        )
        parents = re.findall(
            r"<[^<>\s]{1,500}>", f"{message['In-Reply-To'] or ''} {message['References'] or ''}"
        )
        name = str(message["Message-ID"] or "").strip() or f"message {number}"
        date = _day(str(message["Date"] or ""))
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
        AssertionError,
    ):
        return None  # headers that no parser takes
    if not body:
        return None
    author = _ADDRESS.sub("", parseaddr(sender)[0]).strip(" \"'()<>")[:80]
    return _Mail(name, subject, author, body, date, parents)


def _plain(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain",))
    if part is not None:
        return remove_control_characters(str(part.get_content())[:BODY])
    part = message.get_body(preferencelist=("html",))
    return (
        remove_control_characters(tree.parse_html(str(part.get_content())[:BODY]).text_content())
        if part is not None
        else ""
    )


def _own_words(body: str) -> str:
    """What the sender wrote: no quotation, no signature, no address."""
    kept: list[str] = []
    for line in body.replace("\r\n", "\n").split("\n"):
        if line.rstrip() == "--" or line.startswith("-----Original Message"):
            break
        if not line.startswith(">") and not _INTRODUCES.match(line):
            kept.append(line.rstrip())
    return re.sub(r"\n{3,}", "\n\n", _ADDRESS.sub("(address)", "\n".join(kept))).strip()


def _tree(body: str) -> tree.Element:
    blocks = (html.escape(block) for block in re.split(r"\n\s*\n", body))
    return tree.parse_html("".join(f"<p>{block}</p>" for block in blocks))


def _day(written: str) -> dt.date | None:
    try:
        return parsedate_to_datetime(written).date()
    except (ValueError, TypeError, IndexError):
        return None
