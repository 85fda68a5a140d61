"""Conversation: replies, articles, comments, notes and escalations."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kb import ids
from kb.errors import Invalid
from kb.text import clean_text
from kb.tickets.changeset import Effects, TicketFacts
from kb.tickets.decision import Command, Context
from kb.tickets.lifecycle import Verb
from kb.tickets.ticket import Upload

MAX_LINKS = 10
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"'`\x00-\x20]{1,490}", re.IGNORECASE)


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
    """A public reply that points to articles, to sections of them, or to pages elsewhere.

    Each is an id, perhaps with ``#anchor``, or an address of the web, and a title. Only articles
    count as answers, from which search learns. Raises Invalid.
    """
    links = {target: " ".join(clean_text(title).split())[:300] for target, title in documents}
    if not 1 <= len(links) <= MAX_LINKS or not all(map(_may_be_target, links)):
        raise Invalid(f"Choose 1 to {MAX_LINKS} articles by their ids.", field="documents")

    lines = [f"{target}\t{title}" for target, title in links.items()]
    articles = {
        target.partition("#")[0]: title
        for target, title in links.items()
        if not is_web_address(target)
    }
    answers = tuple(articles.items())

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket, context
        return Effects({"documents": "\n".join(lines)}, answers=answers)

    return Command(Verb.LINK, effects, body)


def is_web_address(target: str) -> bool:
    """Whether a link leads to another site."""
    return bool(_WEB_ADDRESS.fullmatch(target))


def _may_be_target(target: str) -> bool:
    document_id, _, anchor = target.partition("#")
    is_article = ids.may_be_document_id(document_id) and not re.search(r"\s", anchor)
    return is_web_address(target) or (is_article and len(target) <= 500)


def escalate(body: str) -> Command:
    """Marks the ticket and notifies every supervisor."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket
        return Effects(values={"escalated_at": context.at})

    return Command(Verb.ESCALATE, effects, body)
