"""How do the promises of one ticket add up, in words, and which verdicts would another policy have
given?

Pure: targets and histories in, lines and differences out, for `kb sla explain --ticket` and `kb sla
dry-run`. Nothing is read or written here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from kb.errors import Invalid
from kb.sla import clock
from kb.sla.clock import PolicyVersion, SlaEvent
from kb.sla.open_time import compact, duration, span_text
from kb.sla.policy import SlaPolicy
from kb.sla.target import Target, TargetState


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """One target of one ticket whose verdict or due time another policy changes. Empty: there is no
    such target.
    """

    target: str
    cycle: int
    before: str
    after: str
    due_before: dt.datetime | None
    due_after: dt.datetime | None

    @property
    def verdict(self) -> bool:
        """Whether more than the due time changes."""
        return self.before != self.after


def target_lines(target: Target) -> list[str]:
    """The ledger of one target: what, at which level, how it stands, and every span."""
    zone = target.basis.hours.zone
    due = (
        _shown(target.due, zone)
        if target.due
        else f"none; {duration(max(0, target.remaining_seconds))} remain"
    )
    head = f"{target.goal.value} {target.cycle}, level {target.level.title}: {target.state.value}"
    lines = [head, f"  from {_shown(target.started, zone)}, due {due}"]
    if target.grace and target.original_due is not None:
        lines.append(f"  put off: it would have been due {_shown(target.original_due, zone)}")
    if target.ended is not None:
        lines.append(f"  ended {_shown(target.ended, zone)}")
    used = f"  used {duration(target.used_seconds)} of {duration(target.budget_seconds)}"
    return [*lines, used, *(f"    {span_text(span, zone)}" for span in compact(target.spans()))]


def target_json(target: Target) -> dict[str, Any]:
    zone = target.basis.hours.zone
    return {
        "target": target.goal.value,
        "cycle": target.cycle,
        "level": target.level.key,
        "state": target.state.value,
        "start": _iso(target.started, zone),
        "due": _iso(target.due, zone),
        "ended": _iso(target.ended, zone),
        "used_seconds": target.used_seconds,
        "remaining_seconds": target.remaining_seconds,
        "budget_seconds": target.budget_seconds,
        "spans": [
            {
                "from": _iso(span.start, zone),
                "to": _iso(span.end, zone),
                "state": span.state.value,
                "why": span.why,
                "seconds": span.seconds,
            }
            for span in target.spans()
        ],
    }


def verdict_changes(
    history: Iterable[SlaEvent],
    versions: Sequence[PolicyVersion],
    other: SlaPolicy,
    now: dt.datetime,
) -> tuple[VerdictChange, ...]:
    """What changes if ``other`` had held all the time. Raises Invalid for a level that ``other``
    does not have.
    """
    events = tuple(history)
    before = {(t.goal.value, t.cycle): t for t in _known(events, versions, now)}
    after = {(t.goal.value, t.cycle): t for t in clock.targets_at(events, other, now)}
    found = [
        _difference(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
    ]
    return tuple(one for one in found if one.verdict or one.due_before != one.due_after)


def _known(
    events: Sequence[SlaEvent], versions: Sequence[PolicyVersion], now: dt.datetime
) -> tuple[Target, ...]:
    try:
        return clock.targets_at(events, versions, now)
    except Invalid:  # a level that today's policies do not know any more
        return ()


def _difference(key: tuple[str, int], before: Target | None, after: Target | None) -> VerdictChange:
    return VerdictChange(
        *key,
        _verdict(before),
        _verdict(after),
        before.due if before else None,
        after.due if after else None,
    )


def _verdict(target: Target | None) -> str:
    if target is None:
        return ""
    return "running" if target.state is TargetState.PAUSED else target.state.value


def utc_text(moment: dt.datetime | None) -> str:
    return "none" if moment is None else f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}Z"


def _shown(moment: dt.datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M:%S %Z}"


def _iso(moment: dt.datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.astimezone(zone).isoformat()
