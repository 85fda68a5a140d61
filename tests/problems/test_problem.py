"""The texts of a known problem."""

from __future__ import annotations

import pytest

from kb.errors import Invalid
from kb.problems.problem import MAX_TITLE, ProblemStatus, check_problem, check_update

PRODUCTS = {"press": "Press"}
AUDIENCES = ("public", "customers")
FORM = {
    "title": "  Printing \n fails ",
    "status": "investigating",
    "symptoms": "Nothing comes out.",
    "workaround": "",
    "product": "press",
    "versions": "2.0",
    "audience": "public",
    "confirmed": "yes",
}


def test_a_problem_is_taken_as_typed_but_for_its_white_space() -> None:
    draft = check_problem(FORM, products=PRODUCTS, audiences=AUDIENCES)
    assert (draft.title, draft.status) == ("Printing fails", ProblemStatus.INVESTIGATING)
    assert (draft.symptoms, draft.audience) == ("Nothing comes out.", "public")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", " \u200b "),
        ("title", "x" * (MAX_TITLE + 1)),
        ("symptoms", "x" * 4_001),
        ("product", "toaster"),
        ("status", "exploded"),
        ("audience", "everybody-else"),
        ("audience", ""),
        ("confirmed", ""),
    ],
)
def test_each_wrong_field_is_named_and_nothing_unconfirmed_becomes_public(
    field: str, value: str
) -> None:
    with pytest.raises(Invalid) as refused:
        check_problem({**FORM, field: value}, products=PRODUCTS, audiences=AUDIENCES)
    assert set(refused.value.fields) == {field}


def test_an_update_says_something_and_is_confirmed() -> None:
    assert check_update({"status": "resolved", "body": " Fixed. ", "confirmed": "yes"}) == (
        ProblemStatus.RESOLVED,
        "Fixed.",
    )
    with pytest.raises(Invalid) as refused:
        check_update({"status": "resolved", "body": " "})
    assert set(refused.value.fields) == {"body", "confirmed"}
