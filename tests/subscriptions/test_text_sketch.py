"""A change of meaning, told from a corrected typo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.subscriptions.text_sketch import says_something_new, text_sketch

TEXT = (
    "Open the cover of the press, pull the jammed paper slowly towards you, and close the cover. "
    "Wait for 4 hours before you print a test page. If the paper jams again, clean the rollers "
    "with a dry cloth and file a ticket."
)


@pytest.mark.parametrize(
    "other",
    [
        TEXT.replace("jammed paper slowly", "jammed paper slowley"),
        TEXT.replace("cover of the press", "Cover of the Press"),
        TEXT.replace(". ", ".\n\n"),
    ],
)
def test_a_typo_or_another_layout_is_nothing_new(other: str) -> None:
    assert not says_something_new(text_sketch(TEXT), text_sketch(other))


@pytest.mark.parametrize(
    "other",
    [
        TEXT.replace("4 hours", "24 hours"),
        TEXT + " Never use water, alcohol or oil on the rollers: they swell, crack and then break.",
        "This press is no longer sold. Ask us for an offer of its successor.",
        "",
    ],
)
def test_another_number_or_another_advice_is_something_new(other: str) -> None:
    assert says_something_new(text_sketch(TEXT), text_sketch(other))


@given(st.text())
def test_a_text_says_what_it_says(text: str) -> None:
    assert not says_something_new(text_sketch(text), text_sketch(text))
