"""Explanations: how due times were calculated, and which results another policy would change.

Targets and histories in, lines of text, JSON and differences out, for `kb sla explain --ticket` and
`kb sla dry-run`. Pure: nothing is read or written here.
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
    """A target whose result or due time another policy changes.

    ``before`` or ``after`` is empty when the target does not exist under that policy.
    """

    target: str
    cycle: int
    before: str
    after: str
    due_before: dt.datetime | None
    due_after: dt.datetime | None

    @property
    def verdict(self) -> bool:
        """Whether the result changes, and not only the due time."""
        return self.before != self.after


def target_lines(target: Target) -> list[str]:
    """How the due time of one target was calculated: state, times, and every span."""
    zone = target.basis.hours.zone
    due = f"none, {duration(max(0, target.remaining_seconds))} remaining"
    if target.due is not None:
        due = local_text(target.due, zone)

    head = f"{target.goal.value} {target.cycle}, level {target.level.title}: {target.state.value}"
    lines = [head, f"  started {local_text(target.started, zone)}, due {due}"]
    if target.grace and target.original_due is not None:
        lines.append(f"  grace period; originally due {local_text(target.original_due, zone)}")
    if target.ended is not None:
        lines.append(f"  ended {local_text(target.ended, zone)}")
    used = f"  used {duration(target.used_seconds)} of {duration(target.budget_seconds)}"
    return [*lines, used, *(f"    {span_text(span, zone)}" for span in compact(target.spans()))]


def target_json(target: Target) -> dict[str, Any]:
    zone = target.basis.hours.zone
    return {
        "target": target.goal.value,
        "cycle": target.cycle,
        "level": target.level.key,
        "state": target.state.value,
        "start": local_iso(target.started, zone),
        "due": local_iso(target.due, zone),
        "ended": local_iso(target.ended, zone),
        "used_seconds": target.used_seconds,
        "remaining_seconds": target.remaining_seconds,
        "budget_seconds": target.budget_seconds,
        "spans": [
            {
                "from": local_iso(span.start, zone),
                "to": local_iso(span.end, zone),
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
    """What would differ if ``other`` had always been the policy.

    Raises Invalid for a level that ``other`` does not have.
    """
    events = tuple(history)
    before = {(t.goal.value, t.cycle): t for t in _actual(events, versions, now)}
    after = {(t.goal.value, t.cycle): t for t in clock.targets_at(events, other, now)}
    changes = [
        _change(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
    ]
    return tuple(
        change for change in changes if change.verdict or change.due_before != change.due_after
    )


def _actual(
    events: Sequence[SlaEvent], versions: Sequence[PolicyVersion], now: dt.datetime
) -> tuple[Target, ...]:
    try:
        return clock.targets_at(events, versions, now)
    except Invalid:  # a level that today's policies no longer have
        return ()


def _change(key: tuple[str, int], before: Target | None, after: Target | None) -> VerdictChange:
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


def local_text(moment: dt.datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M:%S %Z}"


def local_iso(moment: dt.datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.astimezone(zone).isoformat()
