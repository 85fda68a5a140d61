"""How do two tickets become one, or one two?

Merging and splitting: verbs of ``kb.tickets.desk.Desk`` that touch two tickets in one transaction.
The promise is never lost on the way: the earliest start counts, and so do the pauses.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from kb import ids
from kb.errors import Conflict, Invalid
from kb.notifications.queue import NewNotice
from kb.people.person import Person
from kb.sla.clock import SlaEvent, SlaEventKind
from kb.tickets import drafts
from kb.tickets import permissions as access
from kb.tickets import sla_targets as promises
from kb.tickets.actions.handling import Handling, once_of, serial_of
from kb.tickets.changeset import Facts, LinkedTicket, NewEvent, NewTicket
from kb.tickets.decision import Command, Effects
from kb.tickets.ticket import Draft, Type, Verb


def _silent(number: str) -> tuple[NewNotice, ...]:
    """The customer reads of a part in the ticket it came from."""
    del number
    return ()


class Joining(Handling):
    """As ``Handling``, for two tickets."""

    def merge(
        self, number: str, author: Person, into: str, *, key: str = "", now: dt.datetime
    ) -> None:
        """Goes on in another ticket of the same customer; the earliest start and all pauses count
        there.

        Raises Conflict for a ticket of somebody else, and for itself.
        """
        source, target = serial_of(number), serial_of(into)
        if source == target:
            raise Conflict(
                "A ticket cannot be merged into itself; give the number of the other one."
            )
        owners = [self._store.standing(serial)[0] for serial in (source, target)]
        for owned, verb in zip(owners, (Verb.MERGE, Verb.ABSORB), strict=True):
            access.check(author, verb, owned)
        if owners[0].customer_id != owners[1].customer_id:
            raise Conflict(
                "These are tickets of two customers; one must not read the other's. Answer them "
                "apart."
            )
        taken: list[Facts] = []

        def leaves(facts: Facts, at: dt.datetime) -> Effects:
            del at
            taken.append(facts)
            return Effects({"into": ids.ticket_number(target)}, {"merged_into": target})

        def absorbs(facts: Facts, at: dt.datetime) -> Effects:
            del at
            history = _as_kin(taken[-1].history, facts)
            kin = LinkedTicket(source, "merged", taken[-1].created)
            return Effects({"from": ids.ticket_number(source)}, kin=kin, history=history)

        steps = (
            (source, self._decision(Command(Verb.MERGE, author, now, resolve=leaves))),
            (target, self._decision(Command(Verb.ABSORB, author, now, resolve=absorbs))),
        )
        self._store.change_two(steps, once_of(number, author, Verb.MERGE, key))

    def split(
        self,
        number: str,
        author: Person,
        title: str,
        description: str,
        *,
        event: int | None = None,
        key: str,
        now: dt.datetime,
    ) -> str:
        """Makes a part of a ticket its own ticket for the same customer, and returns its number.

        ``event`` is the id of the word in which the part was asked: its promise counts from then,
        default from the start, and pauses since then count too. Raises Invalid for a title or text
        that no form would take.
        """
        serial = serial_of(number)
        known = self._store.serial_by_key(once_of(number, author, Verb.SPLIT, key))
        if known is not None:
            return ids.ticket_number(known)
        self._check(number, author, Verb.SPLIT)
        facts = self._store.facts(serial)
        since = self._store.said_at(serial, event) if event is not None else facts.created
        if since is None:
            raise Invalid(
                "There is no such word in the ticket; choose one of its comments.", field="event"
            )
        new = self._part(
            facts, author, _part_draft(facts, title, description, self._limits), since, now
        )
        decide = self._decision(
            Command(Verb.SPLIT, author, now, public=False, facts={"title": new.draft.title})
        )
        part = self._store.split(serial, new, decide, once_of(number, author, Verb.SPLIT, key))
        return ids.ticket_number(part)

    def _part(
        self, facts: Facts, author: Person, draft: Draft, since: dt.datetime, now: dt.datetime
    ) -> NewTicket:
        at = max(now.replace(microsecond=0), facts.last_at)
        level, severity = facts.level, self._policy.severities.get(facts.severity)
        number = ids.ticket_number(facts.ownership.serial)
        event = NewEvent(
            Verb.OPEN,
            at,
            author.id,
            author.name,
            True,
            True,
            draft.description,
            {"level": level, "split_from": number},
        )
        pauses = [
            one for one in facts.history if one.kind in promises.FROM_WHOLE and one.at >= since
        ]
        history = (SlaEvent(since, SlaEventKind.ACCEPTED, level=level), *pauses)
        return NewTicket(
            draft=draft,
            customer_id=facts.ownership.customer_id,
            organisation_id=facts.ownership.organisation_id,
            severity_title=severity.title if severity else facts.severity,
            level_title=facts.level_title,
            level_why=f"Split from {number}.",
            level=level,
            policy_version=self._policy.version,
            urgent=level in self._policy.levels
            and self._policy.urgent(self._policy.levels[level], facts.severity),
            event=event,
            forecast=promises.forecast((), history, self._versions, at),
            notices=_silent,
            kin=LinkedTicket(facts.ownership.serial, "split", since),
            source="split",
        )


def _as_kin(history: Sequence[SlaEvent], facts: Facts) -> tuple[SlaEvent, ...]:
    """What a ticket that is merged brings: its acceptance for the time only, its words and its
    pauses.
    """
    taken = [one for one in history if one.kind in promises.FROM_MERGED]
    return tuple(
        SlaEvent(o.at, o.kind, level=facts.level) if o.kind is SlaEventKind.ACCEPTED else o
        for o in taken
    )


def _part_draft(facts: Facts, title: str, description: str, limits: drafts.FormLimits) -> Draft:
    named, said = drafts.part(title, description, limits=limits)
    return Draft(
        named, Type(facts.type), facts.severity, said, product=facts.product, copy_to=facts.copy_to
    )
