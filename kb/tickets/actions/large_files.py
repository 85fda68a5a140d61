"""Large files: a ticket takes them through its upload link, and each becomes an attachment.

An agent asks for files, or a customer opens the link: it works for seven days, for the participants
of the ticket, and can be closed at any time. The rules are those of attachments; only the size is
the operator's.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from kb import ids
from kb.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from kb.people.person import Person
from kb.tickets.actions.idempotency import verb_key
from kb.tickets.attachments.files import Attachments
from kb.tickets.attachments.pieces import ByteStream
from kb.tickets.attachments.unfinished import LargeFile, UnfinishedFiles
from kb.tickets.attachments.validation import (
    AttachmentLimits,
    content_error,
    megabytes,
    safe_name,
    start_error,
)
from kb.tickets.changeset import Effects, TicketFacts
from kb.tickets.decision import Command, Context, Rules, decide
from kb.tickets.lifecycle import UPLOAD_LINK_LIFETIME, Verb, next_status
from kb.tickets.permissions import check_use, ticket_not_found
from kb.tickets.repository.repository import TicketRepository

#: What an archive may unpack to, as a multiple of the largest file. A dump packs ten to one.
_UNPACKED = 20
_START = 64 * 1024  # bytes of a file that show whether it is text


def ask_for_files(body: str) -> Command:
    """A public message that asks for files, and opens the upload link of the ticket."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket
        return Effects(upload_until=context.at + UPLOAD_LINK_LIFETIME)

    return Command(Verb.ASK_FOR_FILES, effects, body)


def add_file() -> Command:
    """A file that has arrived by the link, which comes with the command when it is decided."""
    return Command(Verb.UPLOAD)


class _NotedStart:
    """A stream whose first bytes are kept."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.start = bytearray()

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        self.start += piece[: _START - len(self.start)]
        return piece


class LargeFiles:
    """``limit`` is in bytes; 0 where the operator takes no large files."""

    def __init__(
        self,
        repository: TicketRepository,
        attachments: Attachments,
        rules: Rules,
    ) -> None:
        self._repository = repository
        self._attachments = attachments
        self._rules = rules
        self._files = UnfinishedFiles(repository.database, attachments.pieces)
        self.limit = rules.limits.files.upload_bytes

    # --- The link

    def link_end(self, number: str, now: dt.datetime) -> dt.datetime | None:
        """Until when the ticket takes large files; None when it takes none."""
        serial = ids.ticket_serial(number)
        return self._files.link_end(serial, now) if self.limit and serial else None

    def may_open(self, person: Person) -> bool:
        """Whether the person may open links without being asked: anybody can be a guest."""
        return bool(self.limit) and not person.guest

    def open(self, number: str, person: Person, *, now: dt.datetime) -> None:
        """Raises NotFound for a stranger, Forbidden for a guest, Conflict for a closed ticket."""
        serial = self._serial(number, person)
        if not self.may_open(person):
            raise Forbidden(
                "Ask support for an upload link. Tell support which files you want to send."
            )
        self._files.open_link(serial, now + UPLOAD_LINK_LIFETIME)

    def close(self, number: str, person: Person) -> None:
        """For the requester's side and for agents. Raises NotFound for a stranger."""
        serial = ids.ticket_serial(number)
        if serial is None:
            raise ticket_not_found()
        ownership, _ = self._repository.ownership(serial)
        check_use(person, Verb.ASK_FOR_FILES if person.is_staff else Verb.UPLOAD, ownership)
        self._files.close_link(serial)

    # --- The files

    def check(self, number: str, person: Person) -> None:
        """Raises NotFound for a stranger, Forbidden for agents, Conflict for a closed ticket."""
        self._serial(number, person)

    def unfinished(self, number: str, person: Person) -> tuple[LargeFile, ...]:
        """Files of which a part has arrived. Raises NotFound, Forbidden, Conflict."""
        return self._files.of_ticket(self._serial(number, person))

    def begin(self, number: str, person: Person, name: str, size: int, *, now: dt.datetime) -> str:
        """The ref of a new file. Raises NotFound, Forbidden, Conflict, TooLarge, Invalid for one
        file too many, and Unavailable when there is no room.
        """
        serial = self._open_serial(number, person, now)
        name = safe_name(name)
        if size < 1:
            raise Invalid(f"{name} is empty. Choose another file.", field="attachments")
        if size > self.limit:
            raise TooLarge(
                f"{name} is larger than {megabytes(self.limit)}. Pack it into a ZIP, or send a "
                "part of it.",
                field="attachments",
            )
        count = self._repository.attachment_count(serial) + self._files.count(serial)
        most = self._rules.limits.files.files
        if count >= most:
            raise Invalid(
                f"A ticket can have up to {most} files. Pack these into one ZIP file.",
                field="attachments",
            )
        return self._files.begin(serial, person.id, name, size, now)

    def file(self, number: str, person: Person, ref: str, *, now: dt.datetime) -> LargeFile:
        """How much has arrived. A complete file is attached, if a crash has kept it from that.

        Raises NotFound also for a file that was refused or removed.
        """
        file = self._get(self._serial(number, person), ref)
        if file.complete and not file.attached:
            self._attach(file, person, now)
        return file

    def append(
        self,
        number: str,
        person: Person,
        ref: str,
        offset: int,
        stream: ByteStream,
        *,
        now: dt.datetime,
    ) -> int:
        """Adds a piece, and returns how much has arrived; the last one attaches the file.

        Raises what ``begin`` raises, Conflict for a piece that does not begin where the last one
        ended, and Invalid for a file that may not be attached, as soon as its bytes show it: it is
        removed.
        """
        file = self._get(self._open_serial(number, person, now), ref)
        if file.attached:
            if offset != file.size:
                raise Conflict(f"{file.size} bytes have arrived. Continue from there.")
            return file.size
        noted = _NotedStart(stream)
        arrived = self._files.append(file, offset, noted)
        if offset == 0:
            self._refuse(file, start_error(file.name, bytes(noted.start), self._limits()))
        if arrived == file.size:
            self._attach(replace(file, offset=arrived), person, now)
        return arrived

    def remove(self, number: str, person: Person, ref: str) -> None:
        """Cancels an upload. Raises NotFound, Conflict for a file that the ticket has already."""
        file = self._get(self._serial(number, person), ref)
        if file.attached:
            raise Conflict(f"{file.name} is already part of the ticket.")
        self._files.remove(ref)

    def _attach(self, file: LargeFile, person: Person, now: dt.datetime) -> None:
        key = verb_key(person, Verb.UPLOAD, file.serial, file.ref)
        with self._files.complete(file) as path:
            with path.open("rb") as content:
                error = content_error(file.name, content, self._limits())
            self._refuse(file, error)
            attachment = self._attachments.adopt(file.name, path)
            self._repository.change(
                file.serial,
                lambda ticket: decide(
                    add_file(),
                    person,
                    ticket,
                    self._rules,
                    now,
                    attachments=(attachment,),
                ),
                key,
            )
            self._files.mark_attached(file.ref, now)

    def _refuse(self, file: LargeFile, error: str | None) -> None:
        if error:
            self._files.remove(file.ref)
            raise Invalid(error, field="attachments")

    def _limits(self) -> AttachmentLimits:
        """Those of attachments, for files of this size."""
        files = self._rules.limits.of_site(self._rules.policy).files
        unpacked = max(files.zip_bytes, _UNPACKED * self.limit)
        return replace(files, file_bytes=self.limit, zip_bytes=unpacked)

    def _get(self, serial: int, ref: str) -> LargeFile:
        file = self._files.get(serial, ref)
        if file is None:
            raise NotFound("This upload has ended or was cancelled. Start it again.")
        return file

    def _open_serial(self, number: str, person: Person, now: dt.datetime) -> int:
        """As ``_serial``. Raises Forbidden where no link is open."""
        serial = self._serial(number, person)
        if self._files.link_end(serial, now) is None:
            raise Forbidden("The upload link has ended. Open a new one on the ticket's page.")
        return serial

    def _serial(self, number: str, person: Person) -> int:
        """Of a ticket whose requester's side the person is on, and that takes files.

        Raises NotFound for a stranger, Forbidden for agents, Conflict for a closed ticket.
        """
        serial = ids.ticket_serial(number)
        if serial is None or not self.limit:
            raise ticket_not_found()
        ownership, status = self._repository.ownership(serial)
        check_use(person, Verb.UPLOAD, ownership)
        next_status(status, Verb.UPLOAD)
        return serial
