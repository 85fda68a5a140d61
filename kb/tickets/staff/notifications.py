"""Notifications of staff: their page, what they chose, and how they stop mails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from kb.errors import Forbidden, Invalid, NotFound
from kb.people.person import Person
from kb.tickets.permissions import may_work_the_queue
from kb.tickets.staff.choices import (
    STAFF_EVENTS,
    Reach,
    StaffChoice,
    StaffEvent,
    StaffHours,
    StaffMember,
)
from kb.tickets.staff.repository import ShownNews, StaffRepository

_STOPPABLE = tuple(StaffEvent)


@dataclass(frozen=True, slots=True)
class StoppedMail:
    """The mails that a link stops: whose, about which event, and whether they are still sent."""

    address: str
    event: StaffEvent
    comes: bool


class StaffNotifications:
    """Every method with a viewer raises Forbidden for customers and guests."""

    def __init__(self, repository: StaffRepository) -> None:
        self._repository = repository

    def news(self, viewer: Person) -> tuple[ShownNews, ...]:
        """What the viewer was told last, newest first."""
        _check_staff(viewer)
        return self._repository.news(viewer.id)

    def unseen(self, viewer: Person) -> int:
        """The number that the viewer has not seen; 0 for people who are not staff."""
        return self._repository.unseen(viewer.id) if may_work_the_queue(viewer) else 0

    def saw(self, viewer: Person, serial: int | None = None, *, now: dt.datetime) -> None:
        """The viewer has seen what there is, of one ticket or of all."""
        _check_staff(viewer)
        self._repository.saw(viewer.id, serial, now=now)

    def member(self, viewer: Person) -> StaffMember:
        """The viewer, with what they chose."""
        _check_staff(viewer)
        member = self._repository.member(viewer.id)
        if member is None:
            raise NotFound("This account was deactivated.")
        return member

    def choose(
        self,
        viewer: Person,
        choices: Mapping[StaffEvent, StaffChoice],
        products: Collection[str],
        hours: StaffHours | None = None,
        *,
        known_products: Collection[str],
    ) -> None:
        """Raises Invalid for an unknown product, and for a choice that an event has not."""
        _check_staff(viewer)
        if not set(products) <= set(known_products):
            raise Invalid("Choose products from the catalogue.", field="products")
        for event, choice in choices.items():
            if choice.reach not in reaches_of(event):
                raise Invalid(
                    f"Choose one of the listed options for “{STAFF_EVENTS[event].title}”.",
                    field=event.value,
                )
        self._repository.choose(viewer.id, choices, products, hours)

    def stoppable(self, person_id: int, event_number: int) -> StoppedMail:
        """What a link stops. Raises NotFound for somebody who is no longer staff."""
        member = self._repository.member(person_id)
        if member is None or not 0 <= event_number < len(_STOPPABLE):
            raise NotFound("This link no longer stops any e-mails.")
        event = _STOPPABLE[event_number]
        return StoppedMail(member.email, event, member.choices[event].mail)

    def stop(self, person_id: int, event_number: int) -> StoppedMail:
        """No more mails about the event; the page of notifications still has them."""
        stopped = self.stoppable(person_id, event_number)
        self._repository.stop_mail(person_id, stopped.event)
        return self.stoppable(person_id, event_number)


def event_number(event: StaffEvent) -> int:
    """How a link names an event: by its place, which never changes."""
    return _STOPPABLE.index(event)


def reaches_of(event: StaffEvent) -> tuple[Reach, ...]:
    """What can be chosen for an event."""
    return (Reach.NONE, Reach.MINE) if STAFF_EVENTS[event].personal else tuple(Reach)


def _check_staff(viewer: Person) -> None:
    if not may_work_the_queue(viewer):
        raise Forbidden("Notifications of this kind are for agents.")
