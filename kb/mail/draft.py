"""What a mail says as the draft of a ticket or as a message: texts of the right length, and files
that may be attached. Pure.

A file that no form would take, such as a mail or a web page, is packed into a ZIP, as people are
told to do. What cannot be attached at all is named, and stays in the original.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from kb.mail.parsing.message import ParsedMessage
from kb.mail.rules.loops import base_subject
from kb.sla.policy import Mailbox
from kb.text import has_visible_text
from kb.tickets.attachments.validation import AttachmentLimits, error_of, safe_name
from kb.tickets.catalogue import Catalogue
from kb.tickets.drafts import FormLimits
from kb.tickets.ticket import Draft, Upload

_FORWARDS = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i|vb|vl|pd|ilt|doorst|转发|轉寄)\s*[:：]", re.I)
_NO_TEXT = "(This e-mail has no text.)"


@dataclass(frozen=True, slots=True)
class MailBody:
    """``body`` is shown, ``folded`` stood below it, ``left_out`` says what is missing."""

    body: str
    files: tuple[Upload, ...]
    folded: str
    left_out: tuple[str, ...]


def mail_text(message: ParsedMessage, limits: FormLimits, *, whole: bool = False) -> MailBody:
    """The text of a message; the ``whole`` one for a mail that nothing has preceded."""
    parts = message.reply
    body, folded = parts.text, parts.folded
    if whole and parts.quoted and (not has_visible_text(body) or _FORWARDS.match(message.subject)):
        body = "\n\n".join(part for part in (parts.text, parts.quoted) if part)
        folded = parts.signature
    files, left_out = attachable(message.files, limits.files)
    if len(body) > limits.description:
        cut = body.rfind("\n", limits.description // 2, limits.description - 100)
        cut = cut if cut > 0 else limits.description - 100
        files = (*files[: limits.files.files - 1], Upload("message.txt", body.encode()))
        left_out = (*left_out, "The text is longer: message.txt has all of it.")
        body = body[:cut] + "\n…"
    return MailBody(body, files, folded[: 2 * limits.description], (*message.notes, *left_out))


def ticket_draft(
    message: ParsedMessage,
    text: MailBody,
    mailbox: Mailbox,
    catalogue: Catalogue,
    limits: FormLimits,
    *,
    copy_to: Sequence[str] = (),
) -> Draft:
    title, rest = _title(message, text.body, limits)
    body = text.body if has_visible_text(text.body) else _NO_TEXT
    if rest:
        body = f"{rest}\n\n{body}"[: limits.description]
    return Draft(
        title,
        mailbox.type,
        mailbox.severity,
        body,
        product=mailbox.product if catalogue.product(mailbox.product) else "",
        topic=mailbox.topic,
        copy_to=tuple(copy_to)[: limits.copy_to],
        attachments=text.files,
    )


def _title(message: ParsedMessage, body: str, limits: FormLimits) -> tuple[str, str]:
    """A title of the right length, and the whole subject if it is too long for one."""
    shortest, longest = limits.title
    subject = base_subject(message.subject)
    if len(subject) > longest:
        return subject[: longest - 1].rstrip() + "…", subject
    if len(subject) >= shortest and has_visible_text(subject):
        return subject, ""
    first = next((line.strip() for line in body.split("\n") if has_visible_text(line)), "")
    title = " ".join(f"{subject} {first}".split())[: longest - 1]
    return (title, "") if len(title) >= shortest else ("E-mail without a subject", "")


def attachable(
    files: Sequence[Upload], limits: AttachmentLimits
) -> tuple[tuple[Upload, ...], tuple[str, ...]]:
    """The files that can be attached, perhaps packed, and a sentence for each that cannot."""
    taken: list[Upload] = []
    left_out: list[str] = []
    for file in files:
        if len(taken) == limits.files:
            left_out.append(f"{safe_name(file.name)} is one file too many.")
            continue
        fault = error_of(file, limits)
        if fault is None:
            taken.append(file)
            continue
        packed = _packed(file) if file.data and len(file.data) <= limits.file_bytes else None
        if packed is not None and error_of(packed, limits) is None:
            taken.append(packed)
        else:
            left_out.append(fault)
    return tuple(taken), tuple(left_out)


def _packed(file: Upload) -> Upload:
    name = safe_name(file.name)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        # With a time of its own, the same file would be another one each time it is delivered.
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), file.data)
    return Upload(f"{name}.zip", stream.getvalue())
