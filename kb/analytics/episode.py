"""Episodes as values: one visit to a form, from typing a title to leaving or filing a ticket.

Read from JSON lines here, and from the database by ``kb.insights``. What an episode proves is
decided in ``outcomes``.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from kb.errors import Invalid

_MAX_LINE = 1_000_000  # characters
_MAX_OPENED = 1_000  # documents of one visit; nobody reads more
_UNSET = object()


class Arm(StrEnum):
    """What the experiment shows to somebody. NONE: there is no experiment."""

    TREATMENT = "treatment"
    HOLDOUT = "holdout"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """One visit. ``person`` and ``organisation`` are None for somebody who is not signed in.

    ``intent``: a title was typed. ``would_show``: there were suggestions for it, whether or not the
    arm hid them. ``opened`` has the documents that were read and for how many seconds. ``filed_at``
    is the time of the ticket that this visit ended with. ``agent`` marks the traffic of agents and
    bots, which counts apart. ``share`` is the percentage of people that was held out at the time.
    """

    id: str
    at: dt.datetime
    portal: str = ""
    form: str = ""
    product: str = ""
    person: str | None = None
    organisation: str | None = None
    arm: Arm = Arm.NONE
    intent: bool = False
    would_show: bool = False
    opened: tuple[tuple[str, float], ...] = ()
    solved: bool = False
    filed_at: dt.datetime | None = None
    agent: bool = False
    title: str = ""
    share: int = 0

    @property
    def is_eligible(self) -> bool:
        """Whether it counts in the comparison: the list was shown, or only the holdout hid it."""
        return self.intent and self.would_show and not self.agent

    @property
    def identity(self) -> str:
        """Who came: the account if known, else this visit."""
        return f"person:{self.person}" if self.person is not None else f"episode:{self.id}"


def read_episodes(lines: Iterable[str]) -> list[Episode]:
    """The episodes of JSON lines, in order of time. An id that comes again is the same visit.

    Raises Invalid with the number of the line at fault.
    """
    episodes: dict[str, Episode] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            episode = _read_episode(line)
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise Invalid(f"Line {number} is not an episode: {error}") from None
        earlier = episodes.get(episode.id)
        episodes[episode.id] = _joined(earlier, episode) if earlier else episode
    return sorted(episodes.values(), key=lambda episode: (episode.at, episode.id))


def _joined(earlier: Episode, later: Episode) -> Episode:
    """One visit that was written in two rows; the first row says where and for whom it was."""
    filed = [row.filed_at for row in (earlier, later) if row.filed_at]
    return replace(
        earlier,
        at=min(earlier.at, later.at),
        person=later.person if earlier.person is None else earlier.person,
        organisation=later.organisation if earlier.organisation is None else earlier.organisation,
        intent=earlier.intent or later.intent,
        would_show=earlier.would_show or later.would_show,
        opened=(earlier.opened + later.opened)[:_MAX_OPENED],
        solved=earlier.solved or later.solved,
        filed_at=min(filed, default=None),
        agent=earlier.agent or later.agent,
        title=earlier.title or later.title,
    )


def _read_episode(line: str) -> Episode:
    if len(line) > _MAX_LINE:
        raise ValueError(f"it has more than {_MAX_LINE} characters.")
    row = json.loads(line)
    if not isinstance(row, dict):
        raise TypeError("it is not a JSON object.")
    return Episode(
        id=_text(row, "episode"),
        at=_time(row["at"], "at") if row.get("at") is not None else _missing("at"),
        portal=_text(row, "portal", ""),
        form=_text(row, "form", ""),
        product=_text(row, "product", ""),
        person=_optional_text(row, "person"),
        organisation=_optional_text(row, "organisation"),
        arm=_arm(row),
        intent=_flag(row, "intent"),
        would_show=_flag(row, "would_show"),
        opened=_opened(row.get("opened") or []),
        solved=_flag(row, "solved", default=False),
        filed_at=None if row.get("filed_at") is None else _time(row["filed_at"], "filed_at"),
        agent=_flag(row, "agent", default=False),
        title=_text(row, "title", ""),
    )


def _missing(name: str) -> Any:
    raise ValueError(f"it has no {name!r}.")


def _text(row: Mapping[str, Any], name: str, default: object = _UNSET) -> str:
    value = row.get(name, default)
    if value is None:
        value = default
    if value is _UNSET:
        _missing(name)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise TypeError(f"{name!r} must be a string.")
    return str(value)


def _optional_text(row: Mapping[str, Any], name: str) -> str | None:
    return None if row.get(name) in (None, "") else _text(row, name)


def _flag(row: Mapping[str, Any], name: str, *, default: bool | None = None) -> bool:
    value = row.get(name, default)
    if value is None:
        _missing(name)
    if not isinstance(value, bool):
        raise TypeError(f"{name!r} must be true or false.")
    return value


def _arm(row: Mapping[str, Any]) -> Arm:
    value = row.get("arm") or ""
    try:
        return Arm(value)
    except ValueError:
        raise ValueError(f"the arm {value!r:.40} is neither treatment nor holdout.") from None


def _time(value: object, name: str) -> dt.datetime:
    """ISO 8601, in UTC if it names no zone, or seconds since 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return dt.datetime.fromtimestamp(value, dt.UTC)
        instant = dt.datetime.fromisoformat(str(value))
        return (instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{name!r} is not a time: {value!r:.40}.") from None


def _opened(value: object) -> tuple[tuple[str, float], ...]:
    """A number of seconds that no reading takes (negative, not a number) counts as none."""
    if not isinstance(value, list):
        raise TypeError("'opened' must be a list of [document, seconds].")
    opened = []
    for entry in value:
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
            raise TypeError("'opened' must be a list of [document, seconds].")
        seconds = entry[1] if isinstance(entry[1], int | float) else 0
        opened.append((entry[0], float(seconds) if math.isfinite(seconds) else 0.0))
    return tuple(opened[:_MAX_OPENED])
