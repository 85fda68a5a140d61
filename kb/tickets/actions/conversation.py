"""Conversation: replies, articles, comments, notes and escalations."""

from __future__ import annotations

from collections.abc import Sequence

from kb import ids
from kb.errors import Invalid
from kb.text import clean_text
from kb.tickets.changeset import Effects, TicketFacts
from kb.tickets.decision import Command, Context
from kb.tickets.lifecycle import Verb
from kb.tickets.ticket import Upload

MAX_LINKS = 10


def reply(body: str, uploads: Sequence[Upload] = ()) -> Command:
    """A public message by an agent; it meets the response target that is running."""
    return Command(Verb.REPLY, body=body, uploads=uploads)


def comment(body: str, uploads: Sequence[Upload] = ()) -> Command:
    """A public message by the requester; after a reply it starts the next-response target."""
    return Command(Verb.COMMENT, body=body, uploads=uploads)


def note(body: str, uploads: Sequence[Upload] = ()) -> Command:
    """A message among agents; the requester sees neither it nor its files."""
    return Command(Verb.NOTE, body=body, uploads=uploads)


def answer_by_link(documents: Sequence[tuple[str, str]], body: str = "") -> Command:
    """A public reply that points to articles, given as ids and titles. Raises Invalid."""
    links = {document_id: " ".join(clean_text(title).split()) for document_id, title in documents}
    if not 1 <= len(links) <= MAX_LINKS or not all(map(ids.may_be_document_id, links)):
        raise Invalid(f"Choose 1 to {MAX_LINKS} articles by their ids.", field="documents")

    answers = tuple((document_id, title[:300]) for document_id, title in links.items())
    lines = [f"{document_id}\t{title}" for document_id, title in answers]

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket, context
        return Effects({"documents": "\n".join(lines)}, answers=answers)

    return Command(Verb.LINK, effects, body)


def escalate(body: str) -> Command:
    """Marks the ticket and notifies every supervisor."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket
        return Effects(values={"escalated_at": context.at})

    return Command(Verb.ESCALATE, effects, body)
