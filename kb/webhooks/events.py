"""Types of webhook events, and what each says: as a table, pure.

A body names the ticket and nothing that somebody typed: ``details`` adds its title when it is sent,
so that no copy of it waits in the outbox.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from kb.errors import Invalid
from kb.tickets.lifecycle import VERBS, Verb

ARTICLE_PUBLISHED = "article.published"
PROBLEM_UPDATED = "problem.updated"
FEEDBACK_GIVEN = "feedback.given"
WEBHOOK_TEST = "webhook.test"  # sent by the button, whatever an endpoint has chosen

#: What an endpoint can choose, in the order of the page.
EVENT_TYPES: tuple[str, ...] = (
    *(f"ticket.{verb}" for verb in Verb),
    "ticket.warned",
    "ticket.breached",
    ARTICLE_PUBLISHED,
    PROBLEM_UPDATED,
    FEEDBACK_GIVEN,
)

#: Verb -> fields of the ticket that it changes, besides the status.
_FIELDS: Mapping[Verb, tuple[str, ...]] = MappingProxyType(
    {
        Verb.ASSIGN: ("assignee",),
        Verb.CHANGE_LEVEL: ("level", "due"),
        Verb.AGREE: ("severity", "level", "due"),
        Verb.COPY: ("copy_to",),
        Verb.PLAN: ("release",),
        Verb.ESCALATE: ("escalated",),
        Verb.RATE: ("rating",),
    }
)


def changed_fields(verb: Verb) -> list[str]:
    """The fields of a ticket that a verb may have changed.

    >>> changed_fields(Verb.ASSIGN), changed_fields(Verb.SOLVE)
    (['assignee'], ['status', 'due'])
    """
    row = VERBS[verb]
    moves = any(before != after for before, after in row.transitions.items())
    fields = ["status", "due"] if moves else ["due"] if row.clock is not None else []
    return list(dict.fromkeys((*fields, *_FIELDS.get(verb, ()))))


def checked_events(names: Collection[str]) -> list[str]:
    """Types in the order of the page; none means all. Raises Invalid for an unknown one."""
    unknown = [name for name in names if name not in EVENT_TYPES]
    if unknown:
        raise Invalid(f"Unknown event {unknown[0]!r:.60}.", field="event")
    return [name for name in EVENT_TYPES if name in names]
