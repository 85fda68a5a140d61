"""Whether the measured effect of suggestions can be trusted: simulated portals of known effect.

    python -m bench.deflection_simulation [--portals 1000] [--seed 1]

Each portal has people who come once or many times, each with an own inclination to file tickets,
and a holdout of 50, 20 or 10 %. The manager looks every day for 90 days. Printed, for each true
effect: in how many portals the interval held the truth at the last look and at every look, what
the verdict was at some look, and after how many visits. The sums are those of
``kb.analytics.causal_effect``; for some portals, the same visits are also written as episodes and
given to ``kb insights --replay``, which has to find the same numbers.

Exit code 1: the interval held the truth in less than 94 %, "works" was said of more than 5 % of the
portals without an effect, or the replay differs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kb.analytics.causal_effect import ArmSums, confidence_sequence
from kb.analytics.deflection_report import DeflectionReport, replay
from kb.analytics.episode import read_episodes

DAYS = 90
EFFECTS = (-0.05, 0.0, 0.02, 0.05, 0.10)
SHARES = (0.5, 0.2, 0.1)
REPLAYED = 1  # portals of each effect
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Portal:
    """``visits`` and ``filed`` are booleans, person by day; a person comes once a day at most."""

    effect: float
    is_holdout: np.ndarray
    visits: np.ndarray
    filed: np.ndarray


def simulated_portal(rng: np.random.Generator, effect: float) -> Portal:
    people = int(rng.integers(300, 4000))
    is_holdout = rng.random(people) < rng.choice(SHARES)
    # Most people come once, some every other week, and a few all the time.
    wanted = np.minimum(rng.geometric(0.5, people) ** 2, DAYS // 2)
    ranks = rng.random((people, DAYS)).argsort(axis=1).argsort(axis=1)
    visits = ranks < wanted[:, np.newaxis]

    # Around the portal's rate, each person has an own one; the arms differ by the effect.
    middle = rng.uniform(0.2, 0.75)
    own_rate = np.clip(middle + rng.uniform(-0.15, 0.15, people), 0.05, 0.95)
    rate = np.where(is_holdout, own_rate, own_rate - effect)
    filed = visits & (rng.random((people, DAYS)) < rate[:, np.newaxis])
    return Portal(effect, is_holdout, visits, filed)


def sums_by_day(portal: Portal, arm: np.ndarray) -> ArmSums:
    """The sums of an arm as they are at the end of each day."""
    visits = portal.visits[arm].cumsum(axis=1)
    shares = portal.filed[arm].cumsum(axis=1) / np.maximum(visits, 1)
    return ArmSums((visits > 0).sum(axis=0), shares.sum(axis=0), (shares**2).sum(axis=0))


def episode_lines(portal: Portal) -> Iterator[str]:
    for person, day in zip(*np.nonzero(portal.visits), strict=True):
        # Visits on two days in a row are more than 24 hours apart.
        at = START + dt.timedelta(days=int(day) * 2)
        filed = portal.filed[person, day]
        yield json.dumps(
            {
                "episode": f"{person}-{day}",
                "at": at.isoformat(),
                "portal": "simulated",
                "form": "ticket",
                "person": f"person {person}",
                "organisation": None,
                "arm": "holdout" if portal.is_holdout[person] else "treatment",
                "intent": True,
                "would_show": True,
                "opened": [],
                "solved": False,
                "filed_at": (at + dt.timedelta(minutes=5)).isoformat() if filed else None,
                "agent": False,
            }
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--portals", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    began = time.perf_counter()

    portals = options.portals // len(EFFECTS)
    print(f"{portals} portals for each effect, {DAYS} daily looks, seed {options.seed}\n")
    print("| true effect | held at the end | held at every look | works | harms | half width |")
    print("|---|---|---|---|---|---|")
    held_always, false_works, different = [], 0.0, 0
    for effect in EFFECTS:
        held, always, works, harms, widths = [], [], [], [], []
        for number in range(portals):
            portal = simulated_portal(rng, effect)
            treatment = sums_by_day(portal, ~portal.is_holdout)
            holdout = sums_by_day(portal, portal.is_holdout)
            _, low, high = confidence_sequence(treatment, holdout)
            holds = (low <= effect) & (effect <= high)
            held.append(holds[-1])
            always.append(holds.all())
            works.append((low > 0).any())
            harms.append((high < 0).any())
            widths.append((high[-1] - low[-1]) / 2)
            if number < REPLAYED:
                whole, _ = replay(read_episodes(episode_lines(portal)))
                causal = DeflectionReport.of(whole).causal
                different += not np.allclose(
                    (causal.low, causal.high), (low[-1], high[-1]), atol=1e-5
                )
        held_always += always
        if not effect:
            false_works = float(np.mean(works))
        rates = " | ".join(f"{np.mean(row):.1%}" for row in (held, always, works, harms))
        print(f"| {effect:+.0%} | {rates} | {100 * np.mean(widths):.1f} points |", flush=True)

    coverage = float(np.mean(held_always))
    print(f"\nThe interval held the truth at every look in {coverage:.1%} of the portals.")
    print(f'"works" was said at some look of {false_works:.1%} of the portals without an effect.')
    print(f"The replay differed for {different} portals. {time.perf_counter() - began:.0f} s.")
    sys.exit(coverage < 0.94 or false_works > 0.05 or different > 0)


if __name__ == "__main__":
    main()
