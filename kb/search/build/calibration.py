"""Calibration: how sure a site has to be before it suggests anything, measured without labels.

How confident the model of ``scoring.confidence`` is about questions that a site does not answer
differs between sites. Therefore, each audience's index is asked questions of other businesses
(``foreign_questions.txt``), as a visitor would ask them, and its own headings and mistyped titles.

Customers' questions without an answer are about the site's own subject, so their log-odds are
higher than those of foreign ones; and the more documents there are, the higher, because one of them
is more likely to be close. They are estimated from the number of documents, and are at least those
of the foreign questions. This gives the threshold that lets the wanted share of customers'
questions through. The headings and titles show whether that threshold would silence the site
itself. Build time only.
"""

from __future__ import annotations

import functools
import hashlib
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.documents import Document
from kb.search.lexicon.files import word_lists
from kb.search.meaning.query_table import MODELS_ID

QUESTIONS_FILE = "foreign_questions.txt"
OWN_TITLES = 150  # documents whose titles and headings are asked
_OWN_BUSINESSES = 2  # the likest ones may be what the site is about
_LIKEST_QUESTIONS = 3  # of each business tell how like it is
_SILENCED = 0.05  # of the site's own headings and titles, at most
_STEP = 0.05  # log-odds
_RANGE = (-4.0, 4.0)  # log-odds among which thresholds are
#: A partition in which a smaller share of documents changed since keeps its calibration.
_UNCHANGED = 0.02

#: The log-odds that any document answers a text.
Ask = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class ForeignQuestion:
    business: str
    text: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What one audience's index answered: the log-odds of ``foreign`` questions and of its ``own``
    headings and titles, ascending, and the ``threshold`` that follows.

    ``wanted`` of 100 questions without an answer may be shown something. The probability of an
    answer is that of the model after ``slope`` and ``offset``. ``businesses`` are the ones that the
    site may be about, which did not count; ``documents`` how many there were, and ``changed`` how
    many of them have changed since. ``model`` is the ``model_id`` of the version that measured.
    """

    threshold: float
    slope: float
    offset: float
    wanted: int
    foreign: tuple[float, ...]
    own: tuple[float, ...]
    businesses: tuple[str, ...]
    documents: int
    model: str
    changed: int = 0

    @property
    def silent(self) -> float:
        """The share of the site's own headings and titles that is shown nothing."""
        return sum(odds < self.threshold for odds in self.own) / max(1, len(self.own))

    def json(self) -> dict[str, Any]:
        points = [asdict(point) for point in curve(asdict(self))]
        return asdict(self) | {"silent": round(self.silent, 4), "curve": points}


@functools.cache
def foreign_questions() -> tuple[ForeignQuestion, ...]:
    """The bundled questions that other businesses are asked."""
    business, questions = "", []
    text = resources.files(__package__).joinpath(QUESTIONS_FILE).read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            business = line.strip("[]")
        elif line and not line.startswith("#"):
            questions.append(ForeignQuestion(business, line))
    return tuple(questions)


@functools.cache
def model_id() -> str:
    """A hash of what measured log-odds depend on: the lexicon, the weights, the models and the
    questions.
    """
    digest = hashlib.sha256(Path(str(weights.__file__)).read_bytes())
    digest.update(resources.files(__package__).joinpath(QUESTIONS_FILE).read_bytes())
    digest.update(MODELS_ID.tobytes())
    for path in word_lists():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def own_questions(documents: Sequence[Document]) -> list[str]:
    """What the readers of ``documents`` may ask: a heading of each, and its title without one word
    and with two letters swapped. A lone word is no question.
    """
    dice = random.Random(11)  # noqa: S311 - a reproducible sample, no secrets
    questions = []
    for document in documents:
        words = document.title.split()
        if len(words) > 3:
            del words[dice.randrange(len(words))]
        longest = max(range(len(words)), key=lambda i: len(words[i]), default=0)
        if len(words) > 1:
            words[longest] = _with_swapped_letters(words[longest], dice)
            questions.append(" ".join(words))
        headings = [s.path[-1] for s in document.sections if s.path and " " in s.path[-1].strip()]
        if headings:
            questions.append(dice.choice(headings))
    return questions


def _with_swapped_letters(word: str, dice: random.Random) -> str:
    if len(word) < 5:
        return word
    position = dice.randrange(1, len(word) - 2)
    return word[:position] + word[position + 1] + word[position] + word[position + 2 :]


def measure(ask: Ask, documents: Sequence[Document], *, size: int, wanted: int) -> Measured:
    """Ask an index of ``size`` documents, of which ``documents`` are some."""
    by_business: dict[str, list[float]] = {}
    for question in foreign_questions():
        by_business.setdefault(question.business, []).append(_bounded(ask(question.text)))
    likest = sorted(by_business, key=lambda name: -_likeness(by_business[name]))
    businesses = likest[:_OWN_BUSINESSES]
    foreign = sorted(odds for name in likest[_OWN_BUSINESSES:] for odds in by_business[name])
    own = sorted(_bounded(ask(question)) for question in own_questions(documents))

    threshold = choose_threshold(out_of_scope_tenth(foreign, size), own, wanted)
    return Measured(
        threshold=threshold,
        slope=1.0,
        # As sure at its threshold as any other site.
        offset=round(weights.THRESHOLD - threshold, 4),
        wanted=wanted,
        foreign=tuple(foreign),
        own=tuple(own),
        businesses=tuple(businesses),
        documents=size,
        model=model_id(),
    )


def _bounded(log_odds: float) -> float:
    return round(min(max(log_odds, -50.0), 50.0), 2)


def _likeness(log_odds: Sequence[float]) -> float:
    likest = sorted(log_odds)[-_LIKEST_QUESTIONS:]
    return sum(likest) / len(likest)


def choose_threshold(tenth: float, own: Sequence[float], wanted: int) -> float:
    """The lowest log-odds at which at most ``wanted`` of 100 questions without an answer are shown
    something; lower where that would silence too many of the site's ``own`` questions. ``tenth``
    are the log-odds that a tenth of the questions without an answer exceeds.
    """
    grid = thresholds()
    shown = expected_false(tenth, grid)
    fitting = np.flatnonzero(shown <= wanted / 100)
    threshold = float(grid[fitting[0]]) if fitting.size else float(grid[-1])
    if own:
        spoken = float(np.quantile(own, _SILENCED))
        threshold = min(threshold, max(spoken, weights.THRESHOLD - 1.5))
    return round(threshold, 2)


def thresholds() -> NDArray[np.float64]:
    """The log-odds that are tried, ascending."""
    low, high = _RANGE
    return np.round(np.arange(low, high + _STEP / 2, _STEP), 2)


def expected_false(tenth: float, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of customers' questions without an answer that is shown something, at each
    threshold. ``tenth`` are the log-odds that a tenth of them exceeds.
    """
    return np.asarray(1 / (1 + 9 * np.exp((grid - tenth) / weights.OUT_OF_SCOPE_SPREAD)))


def out_of_scope_tenth(foreign: Sequence[float], documents: int) -> float:
    """The log-odds that a tenth of the customers' questions without an answer exceeds, estimated
    from how many documents there are, and at least what a tenth of the ``foreign`` ones exceeds.
    """
    offset, slope = weights.OUT_OF_SCOPE_TENTH
    estimate = offset + slope * math.log(np.clip(documents, *weights.OUT_OF_SCOPE_DOCUMENTS))
    return max(estimate, float(np.quantile(foreign, 0.9))) if foreign else estimate


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a threshold would do: the shares of questions without an answer that are shown something
    (``false``), and of the site's own headings and titles that are not (``silent``).
    """

    threshold: float
    false: float
    silent: float


def curve(measured: Mapping[str, Any]) -> list[CurvePoint]:
    """From the thresholds that show most to those that show least, the chosen one among them."""
    own = np.asarray(measured["own"])
    grid = np.unique(np.append(np.arange(-3.0, 3.1, 0.5), measured["threshold"]))
    tenth = out_of_scope_tenth(measured["foreign"], measured["documents"])
    false = expected_false(tenth, grid)
    silent = np.searchsorted(own, grid, "left") / max(1, own.size)
    rows = zip(grid.tolist(), false.tolist(), silent.tolist(), strict=True)
    return [CurvePoint(*row) for row in rows]


def kept(
    previous: dict[str, Any] | None, *, changed: int, lost: bool, wanted: int
) -> dict[str, Any] | None:
    """The ``previous`` measure, if few documents have changed and the model is the same; None to
    measure again.
    """
    if previous is None or lost or previous["wanted"] != wanted:
        return None
    if previous.get("model") != model_id():
        return None
    since = previous["changed"] + changed
    if since > _UNCHANGED * previous["documents"]:
        return None
    return previous | {"changed": since}


def sample(rows: Sequence[int]) -> list[int]:
    """The rows of the documents whose titles are asked."""
    if len(rows) <= OWN_TITLES:
        return list(rows)
    edges = np.linspace(0, len(rows), OWN_TITLES + 1).astype(int).tolist()
    return [rows[low] for low, _ in pairwise(edges)]
