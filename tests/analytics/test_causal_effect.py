"""The measured effect: its sign, its verdicts, and what is not known yet."""

from __future__ import annotations

import numpy as np
import pytest

from kb.analytics.causal_effect import (
    MIN_PEOPLE,
    ArmSums,
    Conclusion,
    causal_effect,
    confidence_sequence,
)


def arm(people: int, filed: int) -> ArmSums:
    return ArmSums(people, float(filed), float(filed))


@pytest.mark.parametrize(
    ("treatment", "holdout", "conclusion"),
    [
        (arm(2000, 800), arm(2000, 1000), Conclusion.WORKS),
        (arm(2000, 1000), arm(2000, 800), Conclusion.HARMS),
        (arm(2000, 1000), arm(2000, 1000), Conclusion.UNKNOWN),
        (arm(2000, 800), arm(100, 50), Conclusion.UNKNOWN),
        (arm(10_000, 0), arm(MIN_PEOPLE - 1, MIN_PEOPLE - 1), Conclusion.UNKNOWN),
        (arm(0, 0), arm(100, 50), Conclusion.UNKNOWN),
    ],
)
def test_a_conclusion_needs_an_interval_without_zero(
    treatment: ArmSums, holdout: ArmSums, conclusion: Conclusion
) -> None:
    effect = causal_effect([(treatment, holdout)], visits=4000)
    assert effect.conclusion is conclusion
    assert -1 <= effect.low <= effect.high <= 1
    if effect.effect is None or conclusion is not Conclusion.UNKNOWN:
        assert effect.needed is None
    else:
        assert effect.low <= effect.effect <= effect.high
        assert effect.needed is not None
        assert effect.needed > 0


def test_so_many_more_visits_would_end_the_doubt() -> None:
    few = causal_effect([(arm(300, 120), arm(300, 150))], visits=600)
    assert few.needed is not None
    times = (600 + few.needed) / 600
    people, filed, held = (int(times * count) + 1 for count in (300, 120, 150))
    enough = causal_effect([(arm(people, filed), arm(people, held))], visits=2 * people)
    assert enough.conclusion is Conclusion.WORKS
    fewer = int(people * 0.9)
    scarce = causal_effect([(arm(fewer, int(filed * 0.9)), arm(fewer, int(held * 0.9)))], visits=1)
    assert scarce.conclusion is Conclusion.UNKNOWN


def test_people_of_two_shares_are_not_compared_with_each_other() -> None:
    """Half were held out while few filed tickets, and a tenth while most did."""
    quiet, busy = (arm(1000, 100), arm(1000, 100)), (arm(1800, 1440), arm(200, 160))
    apart = causal_effect([quiet, busy], visits=4000)
    together = causal_effect([(quiet[0] + busy[0], quiet[1] + busy[1])], visits=4000)
    assert apart.effect == pytest.approx(0)
    assert together.conclusion is Conclusion.HARMS


def test_looking_every_day_seldom_finds_an_effect_that_is_not_there() -> None:
    rng = np.random.default_rng(7)
    portals, people_a_day = 500, 40
    is_wrong = np.zeros(portals, bool)
    counts = {name: np.zeros(portals) for name in ("treated", "filed", "held", "held_filed")}
    for _ in range(90):
        held = rng.binomial(people_a_day, 0.2, portals)
        counts["held"] += held
        counts["treated"] += people_a_day - held
        counts["held_filed"] += rng.binomial(held, 0.3)
        counts["filed"] += rng.binomial(people_a_day - held, 0.3)
        _, low, high = confidence_sequence(
            ArmSums(counts["treated"], counts["filed"], counts["filed"]),
            ArmSums(counts["held"], counts["held_filed"], counts["held_filed"]),
        )
        is_wrong |= (low > 0) | (high < 0)
    assert is_wrong.mean() <= 0.05
