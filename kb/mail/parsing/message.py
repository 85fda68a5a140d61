"""A mail as values: bytes in, a ``ParsedMessage`` out, within caps of size, parts and depth.

Nothing here trusts a header: a charset that lies, a boundary that is missing and an address that
is none are read as well as they can be. Only what cannot be read within the caps is refused, with
``Unreadable``, which says why. Pure.
"""

from __future__ import annotations

import email
import email.header
import email.message
import email.policy
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import getaddresses

from kb.mail.parsing.html_text import html_text
from kb.mail.parsing.reply_text import ReplyParts, split_reply
from kb.mail.parsing.tnef import unpack
from kb.people.person import email_address
from kb.text import clean_text, has_visible_text, single_line
from kb.tickets.ticket import Upload

_MOST_PARTS = 200
_DEEPEST = 20
_MOST_HEADER_BYTES = 256 * 1024
_MOST_HEADERS = 1_000
_MOST_TEXT = 1_000_000  # characters of all text parts together
_MOST_ADDRESSES = 50
_MOST_REFERENCES = 100
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,500}>")
_LONGEST_HEADER = 4_000  # characters that are read of one header
_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_BOUNDARY_LINE = re.compile(rb"^--", re.MULTILINE)


class Unreadable(Exception):
    """The mail exceeds a cap; ``why`` is for agents."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class MailAddress:
    """An address in lower case and the name beside it, which may be empty."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """``headers`` are the values of each header by its lower-case name, in their order.

    ``report`` holds the text of the parts of a delivery report that machines read. ``content`` is
    a hash of what the sender wrote, the same however the mail travelled.
    """

    headers: Mapping[str, tuple[str, ...]]
    message_id: str
    references: tuple[str, ...]  # of References and In-Reply-To, the nearest last
    subject: str
    senders: tuple[MailAddress, ...]  # of all From headers
    recipients: tuple[MailAddress, ...]  # To and Cc
    copies: tuple[MailAddress, ...]  # Cc
    reply: ReplyParts
    files: tuple[Upload, ...]
    media_type: str
    report: str
    content: str
    notes: tuple[str, ...] = field(default=())  # what was left out, for people

    def header(self, name: str) -> str:
        """The first value of a header, or empty."""
        values = self.headers.get(name, ())
        return values[0] if values else ""

    @property
    def sender(self) -> MailAddress | None:
        """Who wrote; None without an address, and with several of them."""
        return self.senders[0] if len(self.senders) == 1 else None


@dataclass(slots=True)
class _Body:
    """What is collected while the parts are walked."""

    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    files: list[Upload] = field(default_factory=list)
    report: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parts: int = 0
    characters: int = 0


def parse_message(raw: bytes) -> ParsedMessage:
    """Raises Unreadable."""
    _check_header_block(raw)
    try:
        mail = email.message_from_bytes(raw, policy=email.policy.compat32)
        headers = _headers(mail)
        body = _Body()
        _walk(mail, body, 0)
    except RecursionError:
        raise Unreadable("Its parts are nested too deeply to be read.") from None
    return ParsedMessage(
        headers=headers,
        message_id=_first_id(headers.get("message-id", ())),
        references=_references(headers),
        subject=single_line(_first(headers, "subject")),
        senders=_addresses(headers, "from"),
        recipients=_addresses(headers, "to", "cc"),
        copies=_addresses(headers, "cc"),
        reply=_reply(body),
        files=tuple(body.files),
        media_type=mail.get_content_type().lower(),
        report="\n".join(body.report),
        content=_content_hash(headers, raw),
        notes=tuple(body.notes),
    )


def looks_costly(raw: bytes) -> bool:
    """Whether a mail is large or strange enough to be read in a process of its own."""
    return (
        len(raw) > 1_000_000
        or raw.count(b"<") > 10_000
        or len(_BOUNDARY_LINE.findall(raw)) > 100
        or len(_header_block(raw)) > 32 * 1024
    )


def _header_block(raw: bytes) -> bytes:
    ends = [at for at in (raw.find(b"\n\n"), raw.find(b"\r\n\r\n")) if at >= 0]
    return raw[: min(ends, default=len(raw))]


def _check_header_block(raw: bytes) -> None:
    block = _header_block(raw)
    if len(block) > _MOST_HEADER_BYTES:
        raise Unreadable("Its headers are too long to be read.")
    if block.count(b"\n") > _MOST_HEADERS:
        raise Unreadable("It has too many headers to be read.")


def _headers(mail: email.message.Message) -> dict[str, tuple[str, ...]]:
    headers: dict[str, tuple[str, ...]] = {}
    # As they were sent: bytes outside ASCII are surrogates, which ``decoded_header`` understands.
    for name, value in mail.raw_items():
        key = name.strip().lower()
        headers[key] = (*headers.get(key, ()), str(value)[: _LONGEST_HEADER * 5])
    return headers


def _first(headers: Mapping[str, Sequence[str]], name: str) -> str:
    values = headers.get(name, ())
    return decoded_header(values[0]) if values else ""


def decoded_header(value: str) -> str:
    """The text of a header, however it is encoded, and wrongly so."""
    value = value[: _LONGEST_HEADER * 5]
    unfolded = re.sub(r"[\r\n]+[ \t]*", " ", value)
    try:
        pieces = email.header.decode_header(unfolded)
    except (ValueError, LookupError, email.errors.HeaderParseError):
        pieces = [(unfolded, None)]
    text = ""
    for piece, charset in pieces:
        data = piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogateescape")
        text += decoded_bytes(data, charset or "utf-8")
    return text


def decoded_bytes(data: bytes, charset: str) -> str:
    """The text of bytes whose charset may be unknown or a lie."""
    for name in (charset, "utf-8", "cp1252"):
        try:
            text = data.decode(name)
        except (UnicodeError, LookupError, ValueError):
            continue
        if isinstance(text, str):  # some codecs of Python make bytes
            return text
    return data.decode("latin-1")


def _first_id(values: Sequence[str]) -> str:
    for value in values:
        match = _MESSAGE_ID.search(value[:_LONGEST_HEADER])
        if match:
            return match[0]
    return ""


def _references(headers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    ids: dict[str, None] = {}
    for name in ("references", "in-reply-to"):
        for value in headers.get(name, ()):
            # Some programs encode ids that are longer than a line.
            text = decoded_header(value) if "=?" in value else value
            for message_id in _MESSAGE_ID.findall(text):
                ids.pop(message_id, None)
                ids[message_id] = None
    return tuple(ids)[-_MOST_REFERENCES:]


def _addresses(headers: Mapping[str, Sequence[str]], *names: str) -> tuple[MailAddress, ...]:
    values = [
        re.sub(r"[\r\n]+[ \t]*", " ", value[:_LONGEST_HEADER])
        for name in names
        for value in headers.get(name, ())
    ]
    addresses: dict[str, MailAddress] = {}
    for name, text in getaddresses(values):
        address = email_address(decoded_header(text))
        if address is not None and address not in addresses:
            shown = single_line(clean_text(decoded_header(name)))[:200]
            addresses[address] = MailAddress(address, shown)
        if len(addresses) == _MOST_ADDRESSES:
            break
    return tuple(addresses.values())


def _walk(part: email.message.Message, body: _Body, depth: int) -> None:
    body.parts += 1
    if body.parts > _MOST_PARTS:
        raise Unreadable(f"It has more than {_MOST_PARTS} parts.")
    if depth > _DEEPEST:
        raise Unreadable("Its parts are nested too deeply to be read.")
    kind = part.get_content_type().lower()
    if kind in ("message/delivery-status", "message/feedback-report", "text/rfc822-headers"):
        body.report.append(_source(part))
    elif kind == "message/rfc822" and depth and _is_report(body):
        body.report.append(_source(part)[:20_000])
    elif kind == "message/rfc822":
        _take_mail(part, body)
    elif part.is_multipart():
        for child in _children(part):
            _walk(child, body, depth + 1)
    else:
        _take_leaf(part, kind, body)


def _children(part: email.message.Message) -> Iterator[email.message.Message]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (child for child in payload if isinstance(child, email.message.Message))


def _is_report(body: _Body) -> bool:
    return bool(body.report)


def _source(part: email.message.Message) -> str:
    """A part as it was sent, without its own headers."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return "\n\n".join(_raw_text(child) for child in _children(part))
    data = part.get_payload(decode=True)
    return decoded_bytes(data, "utf-8") if isinstance(data, bytes) else ""


def _raw_text(part: email.message.Message) -> str:
    try:
        return part.as_bytes(policy=email.policy.compat32).decode("utf-8", "replace")
    except (UnicodeError, LookupError, KeyError, ValueError):
        return "\n".join(f"{name}: {value}" for name, value in part.items())


def _take_mail(part: email.message.Message, body: _Body) -> None:
    """A mail that is attached is a file: whatever is in it is not what the sender wrote."""
    name = _file_name(part)
    children = list(_children(part))
    subject = decoded_header(str(children[0].get("subject", ""))) if children else ""
    title = single_line(subject)[:80] or "message"
    body.files.append(Upload(name or f"{title}.eml", _source(part).encode("utf-8", "replace")))


def _take_leaf(part: email.message.Message, kind: str, body: _Body) -> None:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        data = b""
    name = _file_name(part)
    disposition = str(part.get("content-disposition", "")).strip().lower()
    is_text = kind in ("text/plain", "text/html", "text/enriched", "text/richtext")
    if kind in _TNEF or name.lower() == "winmail.dat":
        _take_packed(name or "winmail.dat", data, body)
        return
    if not is_text or disposition.startswith("attachment") or (name and disposition):
        if data:
            body.files.append(Upload(name or _default_name(kind, body), data))
        elif name:
            body.notes.append(f"{name[:120]} was empty.")
        return
    text = decoded_bytes(data, part.get_content_charset("utf-8") or "utf-8")
    body.characters += len(text)
    if body.characters > _MOST_TEXT:
        body.files.append(Upload(name or "message.txt", text.encode("utf-8", "replace")))
        body.notes.append("A text was too long to be shown, and is attached instead.")
        return
    (body.html if kind != "text/plain" else body.plain).append(text)


def _take_packed(name: str, data: bytes, body: _Body) -> None:
    """Outlook's own format: its files, and itself only where these are not all that it holds."""
    files, is_whole = unpack(data)
    body.files += [
        Upload(single_line(clean_text(file.name))[:300] or _default_name("", body), file.data)
        for file in files
    ]
    if not is_whole:
        body.files.append(Upload(name, data))
        body.notes.append(
            f"{name[:120]} is in an Outlook format that could not be read completely. "
            "If something is missing, it must be sent again as HTML or plain text."
        )


def _file_name(part: email.message.Message) -> str:
    try:
        name = part.get_filename() or ""
    except (UnicodeError, LookupError, ValueError, TypeError):
        name = ""
    return single_line(clean_text(decoded_header(name)))[:300]


def _default_name(kind: str, body: _Body) -> str:
    main, _, sub = kind.partition("/")
    if main == "image":
        return f"image-{len(body.files) + 1}.{sub[:10]}"
    if kind == "text/calendar":
        return "invitation.ics"
    return f"attachment-{len(body.files) + 1}"


def _reply(body: _Body) -> ReplyParts:
    plain = clean_text("\n".join(body.plain))
    if has_visible_text(plain) or not body.html:
        return split_reply(plain)
    own, quoted = html_text("\n".join(body.html))
    parts = split_reply(clean_text(own))
    below = "\n\n".join(part for part in (parts.quoted, clean_text(quoted)) if part)
    return ReplyParts(parts.text, parts.signature, below)


def _content_hash(headers: Mapping[str, Sequence[str]], raw: bytes) -> str:
    """Of the body and of the headers that do not change on the way."""
    digest = hashlib.blake2b(digest_size=32)
    for name in ("message-id", "from", "date", "subject"):
        values = [" ".join(value.split()) for value in headers.get(name, ())]
        digest.update(f"{name}:{values}\n".encode("utf-8", "surrogatepass"))
    block = _header_block(raw)
    # Without an empty line, nothing says where the headers end: then all of it is what was written.
    body = raw[len(block) :] if len(block) < len(raw) else raw
    digest.update(b"\n".join(line.rstrip() for line in body.split(b"\n")).strip())
    return digest.hexdigest()
