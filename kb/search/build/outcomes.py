"""Outcomes: what visitors made of suggestions refines how sure a site is of them.

``calibration`` measures without anybody's help what an index believes of questions that nobody
answers. What people did with suggestions says how often a belief of that strength was right: a
logistic regression of "accepted" on the log-odds of the model (Platt 1999). It needs many visits
of many people, counts each person once for each document, and moves a site by little: whoever
poisons it gains a fraction of a log-odd. Build time only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from kb.search import weights
from kb.search.build.calibration import curve
from kb.search.documents import SuggestionOutcome

#: The newest outcomes that are learned from, of each audience.
_MAX_OUTCOMES = 600
#: Outcomes from which on a site is refined, of each kind, and the people behind them.
MIN_OUTCOMES = 200
_MIN_EACH = 40
_MIN_PEOPLE = 50
_MOST_EACH = 5  # outcomes of one person
_DOUBT = 200  # outcomes that count as much as the measure without any
_SLOPES = (0.5, 2.0)
_MOST_SURER = 1.0  # log-odds that a site is made surer, or less sure
_MOST_MOVED = 0.5  # log-odds that the threshold moves
#: Outcomes are asked again when so many more or fewer are known.
_NEWS = 0.1


def distinct(outcomes: Sequence[SuggestionOutcome]) -> list[SuggestionOutcome]:
    """The newest ``outcomes``, which come last: one of each person for each document, and few of
    each person.
    """
    newest = {(outcome.person, outcome.document): outcome for outcome in outcomes}
    count: Counter[str] = Counter()
    kept = []
    for outcome in reversed(newest.values()):
        count[outcome.person] += 1
        if count[outcome.person] <= _MOST_EACH:
            kept.append(outcome)
    return kept[:_MAX_OUTCOMES][::-1]


def refined(
    measured: Mapping[str, Any],
    outcomes: Sequence[SuggestionOutcome],
    ask: Callable[[str], float],
) -> dict[str, Any]:
    """What was ``measured`` of one index, refined by what its visitors did.

    "measured" in it is what it was without them. Where too little is known, it is that again.
    """
    before = measured.get("outcomes", 0)
    plain = measured.get("measured") or {
        name: measured[name] for name in ("threshold", "slope", "offset")
    }
    learned = distinct(outcomes)
    accepted = np.array([outcome.accepted for outcome in learned], dtype=bool)
    people = len({outcome.person for outcome in learned})
    if (
        len(learned) < MIN_OUTCOMES
        or min(accepted.sum(), (~accepted).sum()) < _MIN_EACH
        or people < _MIN_PEOPLE
    ):
        rest = {name: measured[name] for name in measured if name not in ("outcomes", "measured")}
        return _with_curve(rest | plain) if before else rest
    if before and abs(len(learned) - before) < _NEWS * before:
        return dict(measured)

    log_odds = np.clip([ask(outcome.title) for outcome in learned], -10.0, 10.0)
    known = {"measured": plain, "outcomes": len(learned)}
    return _with_curve({**measured, **_fitted(plain, log_odds, accepted), **known})


def _with_curve(measured: dict[str, Any]) -> dict[str, Any]:
    """The same with what follows from its threshold."""
    own = np.asarray(measured["own"])
    silent = float((own < measured["threshold"]).mean()) if own.size else 0.0
    points = [asdict(point) for point in curve(measured)]
    return measured | {"silent": round(silent, 4), "curve": points}


def _fitted(plain: Mapping[str, float], log_odds: Any, accepted: Any) -> dict[str, float]:
    """Threshold, slope and offset by the regression, as far as it may move them."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0).fit(log_odds.reshape(-1, 1), accepted)
    trust = len(accepted) / (len(accepted) + _DOUBT)
    slope = float(np.clip(model.coef_[0, 0], *_SLOPES)) * trust + plain["slope"] * (1 - trust)
    # How sure it is where it was just sure enough to speak.
    surer = float(model.intercept_[0] + model.coef_[0, 0] * plain["threshold"])
    surer -= plain["slope"] * plain["threshold"] + plain["offset"]
    surer = float(np.clip(surer * trust, -_MOST_SURER, _MOST_SURER))
    threshold = plain["threshold"] - float(np.clip(surer / slope, -_MOST_MOVED, _MOST_MOVED))
    return {
        "threshold": round(threshold, 2),
        "slope": round(slope, 4),
        "offset": round(weights.THRESHOLD + surer - slope * plain["threshold"], 4),
    }
