"""CPU time of the SLA clock for one ticket.

    python -m bench.clock [--rounds 2000]

A ticket with ten events (accepted, answers and questions, a pause with a reply, a move, solved,
re-opened) under the help centre's own policies, counted anew from its history as every page and
every look of the sweeper does. Prints the CPU time of each target, and of its due time with
warnings, with the goal.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kb.sla import clock, policy_file
from kb.sla.clock import SlaEvent, SlaEventKind
from kb.tickets.sla_targets import forecast

POLICIES = Path(__file__).parent.parent / "content" / "policies.toml"
BEGIN = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
GOAL = 20.0  # microseconds for a target


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2_000)
    rounds = parser.parse_args().rounds
    policy = policy_file.load_policy(POLICIES)
    history, now = ten_events("commercial", "vip"), BEGIN + dt.timedelta(days=9)
    count = len(clock.targets_at(history, policy, now))
    versions = (clock.PolicyVersion(dt.datetime(1970, 1, 1, tzinfo=dt.UTC), policy),)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{len(history)} events, {count} targets")
    _row("targets", rounds, count, lambda: clock.targets_at(history, policy, now))
    _row("targets and warnings", rounds, count, lambda: forecast((), history, versions, now))


def ten_events(level: str, other: str) -> tuple[SlaEvent, ...]:
    """What a lively ticket lives through in a week."""
    steps: tuple[tuple[int, SlaEventKind, dict[str, Any]], ...] = (
        (0, SlaEventKind.ACCEPTED, {"level": level}),
        (5, SlaEventKind.COMMENT, {"by_agent": True}),
        (8, SlaEventKind.COMMENT, {}),
        (26, SlaEventKind.COMMENT, {"by_agent": True}),
        (26, SlaEventKind.PAUSED, {"by_agent": True, "reason": clock.CUSTOMER}),
        (50, SlaEventKind.COMMENT, {}),
        (52, SlaEventKind.LEVEL_CHANGED, {"level": other, "by_agent": True}),
        (75, SlaEventKind.COMMENT, {"by_agent": True}),
        (98, SlaEventKind.RESOLVED, {"by_agent": True}),
        (195, SlaEventKind.REOPENED, {}),
    )
    return tuple(
        SlaEvent(BEGIN + dt.timedelta(hours=hours), kind, **about) for hours, kind, about in steps
    )


def _row(name: str, rounds: int, count: int, act: Callable[[], object]) -> None:
    best = min(_cpu(rounds // 5, act) for _ in range(5))
    print(
        f"{name:24} {best * 1e6 / count:7.1f} us a target  {best * 1e6:7.0f} us a ticket  goal "
        f"{GOAL:.0f} us a target"
    )


def _cpu(rounds: int, act: Callable[[], object]) -> float:
    begun = time.process_time()
    for _ in range(rounds):
        act()
    return (time.process_time() - begun) / rounds


if __name__ == "__main__":
    main()
