"""The form: any strings in, a draft or every mistake out."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import Invalid
from kb.sla import policy_file
from kb.tickets import drafts
from kb.tickets.drafts import FormLimits
from kb.tickets.ticket import Consulted, Draft, Upload
from tests.world import CATALOGUE, POLICIES

POLICY = policy_file.load_policy(POLICIES)
GOOD = {
    "title": "Cannot print",
    "type": "problem",
    "severity": "question",
    "description": "It does not print.",
}
NAMES = [field.name for field in fields(Draft)]
TODAY = dt.date(2026, 6, 5)


def check(files: tuple[Upload, ...] = (), consulted: str = "", **form: str) -> Draft:
    return drafts.check(
        {**GOOD, **form}, files, consulted, policy=POLICY, catalogue=CATALOGUE, today=TODAY
    )


def wrong(form: dict[str, str], files: tuple[Upload, ...] = ()) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        drafts.check({**GOOD, **form}, files, policy=POLICY, catalogue=CATALOGUE, today=TODAY)
    return refused.value.fields


def test_a_good_form_is_a_draft() -> None:
    form = {
        "product": "press",
        "module": "print",
        "version": "2.0",
        "copy_to": "Boss@example.com; two@example.com",
    }
    file = Upload("a.txt", b"a")
    assert check(
        (file, Upload("", b"")), '[{"id":"doc/a","title":"A","outcome":"shown"}]', **form
    ) == Draft(
        title="Cannot print",
        type="problem",
        severity="question",
        description="It does not print.",
        product="press",
        module="print",
        version="2.0",
        copy_to=("boss@example.com", "two@example.com"),
        attachments=(file,),
        consulted=(Consulted("doc/a", "A", "shown"),),
    )


def test_an_empty_form_names_every_field_that_is_missing() -> None:
    with pytest.raises(Invalid) as refused:
        drafts.check({}, policy=POLICY, catalogue=CATALOGUE)
    assert set(refused.value.fields) == {"title", "type", "severity", "description"}
    assert "question" not in refused.value.fields["severity"]  # the form shows titles, no keys
    assert all(sentence in refused.value.sentence for sentence in refused.value.fields.values())


@pytest.mark.parametrize(
    ("form", "field", "values"),
    [
        ({"title": ""}, "title", ()),
        ({"title": " \x00\u202e "}, "title", ()),
        ({"title": "ab"}, "title", ("3",)),
        ({"title": "x" * 10_000}, "title", ("10,000", "200")),
        ({"description": "\n"}, "description", ()),
        ({"description": "x" * 20_001}, "description", ("20,001", "20,000")),
        ({"type": "rant"}, "type", ("rant", "question, problem, request")),
        ({"severity": "worst"}, "severity", ("worst", "down, date, question")),
        ({"severity": "date"}, "severity_detail", ()),
        ({"severity": "date", "severity_detail": "soon"}, "severity_detail", ()),
        ({"severity": "date", "severity_detail": "2026-06-04"}, "severity_detail", ("2026-06-04",)),
        ({"severity": "down", "severity_detail": "x" * 2001}, "severity_detail", ("2,000",)),
        ({"product": "car"}, "product", ("car", "press, still")),
        ({"product": "press", "module": "fly"}, "module", ("Press", "fly", "print, fold")),
        ({"product": "press", "version": "3"}, "version", ("Press", "3", "2.0, 1.0")),
        ({"product": "still", "module": "print"}, "module", ("Still", "print")),
        ({"copy_to": "boss"}, "copy_to", ("boss",)),
        ({"copy_to": "a@example.com\nBcc: all@example.com"}, "copy_to", ("Bcc:",)),
        ({"copy_to": ",".join(f"p{i}@example.com" for i in range(11))}, "copy_to", ("11", "10")),
        ({"coupon": "x" * 65}, "coupon", ()),
    ],
)
def test_each_error_is_at_its_field_and_says_the_values_in_question(
    form: dict[str, str], field: str, values: tuple[str, ...]
) -> None:
    errors = wrong(form)
    assert list(errors) == [field]
    assert all(value in errors[field] for value in values)


def test_files_are_judged_with_the_form() -> None:
    errors = wrong({"title": ""}, (Upload("a.svg", b"<svg/>"), Upload("b.txt", b"")))
    assert set(errors) == {"title", "attachments"}
    assert "a.svg" in errors["attachments"]
    assert "b.txt" in errors["attachments"]


def test_what_nobody_can_see_counts_as_not_given() -> None:
    unseen = "\u200b \u3164"
    assert check(topic=unseen, coupon=unseen, product=unseen) == check()
    assert set(wrong({"title": unseen, "description": unseen})) == {"title", "description"}


def test_what_another_severity_asked_for_is_dropped() -> None:
    assert check(severity="question", severity_detail="2026-07-01").severity_detail == ""
    assert check(severity="date", severity_detail="2026-06-05").severity_detail == "2026-06-05"
    assert (
        check(severity="down", severity_detail="The shop is closed.").severity_detail
        == "The shop is closed."
    )


def test_module_and_version_mean_nothing_without_a_product() -> None:
    draft = check(product="", module="print", version="9")
    assert (draft.product, draft.module, draft.version) == ("", "", "")


def test_words_stay_as_typed_but_for_what_no_text_holds() -> None:
    draft = check(
        title="  Café\t <b> & “x”  ", description="one\r\ntwo\x00\ud800\u202e\n\n  <script>"
    )
    assert draft.title == "Café <b> & “x”"
    assert draft.description == "one\ntwo\n\n  <script>"


def test_the_trail_keeps_the_furthest_outcome_of_each_document() -> None:
    trail = [{"id": "doc/a", "title": "A", "outcome": o} for o in ("shown", "rejected", "opened")]
    trail += [{"id": "faq/b", "title": " B\n\x00 ", "outcome": "shown", "extra": "1"}]
    assert check(consulted=json.dumps(trail)).consulted == (
        Consulted("doc/a", "A", "rejected"),
        Consulted("faq/b", "B", "shown"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "null",
        "7",
        "[" * 100_000,
        '{"id": "doc/a"}',
        '["a", null, 7, {"id": 1}]',
        '[{"id":"doc/a","title":"A"}]',
        '[{"id":"javascript:x","title":"A","outcome":"shown"}]',
        '[{"id":"doc/a","title":"A","outcome":["shown"]}]',
    ],
)
def test_a_trail_that_is_garbage_is_ignored_in_silence(text: str) -> None:
    assert check(consulted=text).consulted == ()


def test_a_trail_has_an_end() -> None:
    trail = [{"id": f"doc/{i}", "title": "x" * 1000, "outcome": "shown"} for i in range(60)]
    kept = check(consulted=json.dumps(trail)).consulted
    assert len(kept) == FormLimits().consulted
    assert {len(document.title) for document in kept} == {300}


SOME = st.text(max_size=60) | st.sampled_from(
    [
        "question",
        "problem",
        "date",
        "down",
        "press",
        "print",
        "2.0",
        "2026-07-01",
        "a@example.com",
        "VERA-5",
        "abc",
    ]
)


def tried(
    form: dict[str, str], files: list[Upload], consulted: str
) -> tuple[Draft | None, dict[str, str]]:
    try:
        return drafts.check(
            form, files, consulted, policy=POLICY, catalogue=CATALOGUE, today=TODAY
        ), {}
    except Invalid as error:
        return None, error.fields


@given(
    form=st.dictionaries(st.sampled_from(NAMES), SOME),
    files=st.lists(st.builds(Upload, st.text(max_size=20), st.binary(max_size=40)), max_size=3),
    consulted=st.text(max_size=60),
)
def test_any_strings_give_a_draft_or_the_fields_at_fault(
    form: dict[str, str], files: list[Upload], consulted: str
) -> None:
    draft, errors = tried({**GOOD, **form}, files, consulted)
    if draft is None:
        assert errors
        assert set(errors) <= set(NAMES)
        assert all(sentence.strip() and len(sentence) < 4000 for sentence in errors.values())
    else:
        assert 3 <= len(draft.title) <= 200
        assert draft.description
        assert draft.severity in POLICY.severities
        assert "\n" not in draft.title
        draft.description.encode()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.sampled_from(["shown", "opened", "doc/a"]),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["id", "title", "outcome"]) | st.text(), inner)
        ),
    )
)
def test_any_json_is_a_trail_or_none(value: Any) -> None:
    for document in drafts.consulted_trail(json.dumps(value), FormLimits()):
        assert document.document_id
        assert document.outcome in ("shown", "opened", "rejected")
