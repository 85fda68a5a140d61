"""Which titles are about a known problem."""

from __future__ import annotations

import datetime as dt

import pytest

from kb.problems.matching import alike_titles, matching_problems
from kb.problems.problem import KnownProblem, ProblemStatus

NOON = dt.datetime(2026, 11, 30, 12, 0, tzinfo=dt.UTC)


def problem(number: int, title: str, symptoms: str = "") -> KnownProblem:
    return KnownProblem(
        number, title, ProblemStatus.IDENTIFIED, symptoms, "", "", "", "public", NOON, NOON, None
    )


PROBLEMS = (
    problem(1, "Signing in fails", "You see an error page after you enter your password."),
    problem(2, "PDF export stops half-way"),
)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cannot log in", 1),
        ("i cant sign in since this morning", 1),
        ("error after entering my password", 1),
        ("export to pdf does not finish", 2),
    ],
)
def test_a_title_in_other_words_is_about_the_problem(typed: str, expected: int) -> None:
    assert matching_problems(typed, PROBLEMS)[0].id == expected


@pytest.mark.parametrize("typed", ["", "a", "  ", "where is my invoice", "☃☃☃"])
def test_what_is_about_something_else_matches_nothing(typed: str) -> None:
    assert matching_problems(typed, PROBLEMS) == ()


def test_titles_about_the_same_come_the_most_alike_first() -> None:
    titles = ("Printer jams", "The portal refuses my log in", "Cannot log in")
    assert alike_titles("cannot log in", titles) == (2, 1)
