"""Planning: a ticket waits for a release or the fix of a defect, and its customer learns when that
has shipped.
"""

from __future__ import annotations

import datetime as dt

from kb.errors import Invalid
from kb.text import single_line
from kb.tickets.changeset import Effects, ReleasePlan, TicketFacts
from kb.tickets.decision import Command, Context
from kb.tickets.lifecycle import Status, Verb

MAX_RELEASE = 100  # characters of a name


def plan(release: str, *, planned: dt.datetime | None = None, body: str = "") -> Command:
    """Names the release or defect that the ticket waits for, and the planned day. Raises Invalid.

    The ticket keeps its status: putting it on hold is a step of its own.
    """

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket
        return release_effects(release, planned, context.at)

    return Command(Verb.PLAN, effects, body)


def release_effects(release: str, planned: dt.datetime | None, instant: dt.datetime) -> Effects:
    """Raises Invalid."""
    name = single_line(release)
    if not 1 <= len(name) <= MAX_RELEASE:
        raise Invalid(
            f"Enter the name of a release or defect, up to {MAX_RELEASE} characters.",
            field="release",
        )
    if planned is not None and planned <= instant - dt.timedelta(days=1):
        raise Invalid("The planned date is in the past. Enter a later one.", field="planned")
    facts = {"release": name}
    if planned is not None:
        facts["planned"] = planned.isoformat()
    return Effects(facts, {"shipped_at": None}, release=ReleasePlan(name, planned))


def ship(release: str) -> Command:
    """The release is there: a ticket that was on hold for it goes on."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        facts = {"release": release}
        if ticket.status is Status.ON_HOLD:
            facts["resumes"] = "yes"  # for the SLA clock: another pause goes on
        return Effects(facts, {"shipped_at": context.at})

    return Command(Verb.SHIP, effects)
