"""Mailboxes (mbox) of mailing lists: each thread becomes one Document.

Threads by Message-ID, References, and In-Reply-To, else by subject. Plain text only; quotations and
signatures are removed, addresses are never shown.
"""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime

from indexer.html.tree import Element, parse_html
from indexer.readers.context import ReadContext
from indexer.readers.forums.thread import Post, thread_document
from indexer.sources.format_detection import Unreadable, remove_control_characters
from kb import ids
from kb.search.documents import Document, DocumentKind

MAX_MESSAGES = 20_000
MAX_POSTS = 100
_MAX_BODY = 100_000  # characters
_MAX_TITLE = 300
_MAX_AUTHOR = 80

_MESSAGE_START = re.compile(rb"^From (?=\S+.{0,80}\d\d:\d\d)", re.MULTILINE)
_REPLY_PREFIX = re.compile(
    r"^(?:(?:re|aw|sv|fwd?|antw)(?:\[\d+\])?\s*:\s*|\[[\w .-]{1,40}\]\s*)+", re.IGNORECASE
)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,500}>")
_QUOTE_INTRODUCTION = re.compile(
    r"^(?:On |Am |Le |El ).{0,200}(?:wrote|schrieb|écrit|escribió)\s*:?\s*$"
)

#: What the parsers of the standard library raise for headers and bodies that no mail has.
_PARSER_ERRORS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    IndexError,
    RecursionError,
    AssertionError,
)


@dataclass(frozen=True, slots=True)
class _Mail:
    message_id: str
    subject: str
    author: str
    body: str
    date: dt.date | None
    parents: tuple[str, ...]


def read(data: bytes, context: ReadContext) -> Iterator[Document]:
    """The threads of a mailbox, in the order of their first messages."""
    threads = _threads(data, context)
    if not threads:
        raise Unreadable("mailbox-empty")

    taken: dict[str, int] = {}
    prefix = f"{DocumentKind.FORUM}/{context.page.id.partition('/')[2]}"
    for mails in threads:
        title = _bare_subject(mails[0].subject) or "Message without a subject"
        document_id = preferred = f"{prefix}/{ids.slug(title)}"
        while document_id in taken:
            taken[preferred] += 1
            document_id = f"{preferred}-{taken[preferred]}"
        taken[document_id] = 1

        posts = [
            Post(f"message-{number}", _tree(mail.body), mail.author, mail.date)
            for number, mail in enumerate(mails[:MAX_POSTS], 1)
        ]
        yield thread_document(context, posts, id=document_id, title=title, source=context.file.name)


def _threads(data: bytes, context: ReadContext) -> list[list[_Mail]]:
    starts = [match.start() for match in _MESSAGE_START.finditer(data)]
    ends = [*starts[1:], len(data)]
    if len(starts) > MAX_MESSAGES:
        context.note("too-many-messages", limit=MAX_MESSAGES, count=len(starts))

    threads: dict[str, list[_Mail]] = {}
    thread_of: dict[str, str] = {}  # message ID, or "subject:" and the subject -> thread
    for start, end in zip(starts[:MAX_MESSAGES], ends[:MAX_MESSAGES], strict=False):
        _, _, message = data[start:end].partition(b"\n")
        mail = _parse(message, len(thread_of))
        if mail is None:
            continue

        thread = next((thread_of[id_] for id_ in mail.parents if id_ in thread_of), None)
        by_subject = f"subject:{_bare_subject(mail.subject).lower()}"
        if thread is None and (mail.parents or _REPLY_PREFIX.match(mail.subject)):
            thread = thread_of.get(by_subject)
        if thread is None:
            thread = mail.message_id

        thread_of[mail.message_id] = thread
        thread_of.setdefault(by_subject, thread)
        threads.setdefault(thread, []).append(mail)
    return list(threads.values())


def _bare_subject(subject: str) -> str:
    return " ".join(_ADDRESS.sub("", _REPLY_PREFIX.sub("", subject)).split())[:_MAX_TITLE]


def _parse(data: bytes, number: int) -> _Mail | None:
    """A message with text of its own; ``number`` stands for a Message-ID that is missing."""
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(message, EmailMessage)  # the default policy makes nothing else
        body = _own_words(_plain_text(message))
        subject = remove_control_characters(str(message["Subject"] or ""))
        sender = remove_control_characters(str(message["From"] or ""))
        parents = _MESSAGE_ID.findall(
            f"{message['In-Reply-To'] or ''} {message['References'] or ''}"
        )
        message_id = str(message["Message-ID"] or "").strip() or f"message {number}"
        date = _date(str(message["Date"] or ""))
    except _PARSER_ERRORS:
        return None

    if not body:
        return None
    author = _ADDRESS.sub("", parseaddr(sender)[0]).strip(" \"'()<>")[:_MAX_AUTHOR]
    return _Mail(message_id, subject, author, body, date, tuple(parents))


def _plain_text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain",))
    if part is not None:
        return remove_control_characters(str(part.get_content())[:_MAX_BODY])
    part = message.get_body(preferencelist=("html",))
    if part is not None:
        page = parse_html(str(part.get_content())[:_MAX_BODY])
        return remove_control_characters(page.text_content())
    return ""


def _own_words(body: str) -> str:
    """What the sender wrote: no quotation, no signature, no address."""
    lines: list[str] = []
    for line in body.replace("\r\n", "\n").split("\n"):
        if line.rstrip() == "--" or line.startswith("-----Original Message"):
            break
        if not line.startswith(">") and not _QUOTE_INTRODUCTION.match(line):
            lines.append(line.rstrip())
    return re.sub(r"\n{3,}", "\n\n", _ADDRESS.sub("(address)", "\n".join(lines))).strip()


def _tree(body: str) -> Element:
    blocks = (html.escape(block) for block in re.split(r"\n\s*\n", body))
    return parse_html("".join(f"<p>{block}</p>" for block in blocks))


def _date(written: str) -> dt.date | None:
    try:
        return parsedate_to_datetime(written).date()
    except (ValueError, TypeError, IndexError):
        return None
