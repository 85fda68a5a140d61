"""Reading a policy file: every mistake is reported with its line, all at once."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import Misconfigured
from kb.sla.calendar_file import parse_special_hours, parse_wall_span
from kb.sla.open_time import Budget, Unit
from kb.sla.policy import Goal, LevelChange, SlaPolicy, Threshold
from kb.sla.policy_file import load_policy, parse_budget
from tests.sla.calendars import at

GOOD = """\
[calendars.office]
zone = "Europe/Berlin"
week = { mon=["09:00-13:00", "14:00-18:00"], tue = ["09:00-17:00"], sat = [], sun=["22:00-24:00"] }
closed = ["2026-12-22", "2026-12-21 12:00-24:00 Staff party", "yearly 01-01"]
open = ["2026-12-27 10:00-14:00"]
holidays = "DE-BE"

[levels.commercial]
calendar = "office"
first_response = "24h"
next_response = "3bd"
resolution = ""
warn = ["50%", "1h"]

[severities.question]
title = "Question"
definition = "You want to know."

[[entitlements]]
level = "commercial"
why = "Everybody."
"""
TODAY = dt.date(2026, 6, 1)


def read(folder: Path, text: str) -> SlaPolicy:
    file = folder / "policies.toml"
    file.write_text(text, encoding="utf-8")
    return load_policy(file, today=TODAY)


def mistakes(folder: Path, text: str) -> list[tuple[int, str]]:
    """Line and sentence of each mistake."""
    with pytest.raises(Misconfigured) as caught:
        read(folder, text)
    reported = []
    for row in caught.value.sentence.splitlines():
        name, line, sentence = row.removeprefix(f"{folder}/").split(":", 2)
        assert name == "policies.toml"
        assert sentence.startswith(" ")
        reported.append((int(line), sentence.strip()))
    return reported


def test_a_good_file_becomes_a_policy(tmp_path: Path) -> None:
    policy = read(tmp_path, GOOD)
    level = policy.levels["commercial"]
    assert (level.title, level.first_response, level.resolution) == (
        "Commercial",
        Budget(86_400),
        None,
    )
    assert level.next_response == Budget(3, Unit.BUSINESS_DAYS)
    assert level.warn == (Threshold(percent=50), Threshold(lead=3600))
    assert (level.change, level.grace) == (LevelChange.RETROACTIVE, 3600)
    assert list(policy.types) == ["question", "problem", "request"]
    assert policy.choose({}).why == "Everybody."
    assert len(policy.version) == 16


def test_the_calendar_of_a_file_keeps_every_rule(tmp_path: Path) -> None:
    office = read(tmp_path, GOOD).calendars["office"]
    assert office.is_open(at("2026-06-08 12:59"))
    assert not office.is_open(at("2026-06-08 13:30"))
    assert office.is_open(at("2026-06-07 23:59:59"))
    assert not office.is_open(at("2026-05-25 10:00"))  # Whit Monday
    assert "Monday" in office.why(int(at("2026-05-25 10:00").timestamp()))
    assert office.is_open(at("2026-12-21 11:00"))
    assert office.why(int(at("2026-12-21 15:00").timestamp())) == "Staff party"
    assert not office.is_open(at("2026-12-22 10:00"))
    assert office.is_open(at("2026-12-27 10:00"))


def test_the_version_changes_with_the_content_only(tmp_path: Path) -> None:
    first = read(tmp_path, GOOD).version
    assert read(tmp_path, GOOD).version == first
    assert read(tmp_path, GOOD.replace('"24h"', '"23h"')).version != first


#: What is right, what is wrong in its place, the line, and the names that the sentence must give.
MISTAKES: tuple[tuple[str, str, int, str], ...] = (
    ('"Europe/Berlin"', '"Europe/Atlantis"', 2, "'Europe/Atlantis'"),
    ('"Europe/Berlin"', '"../../etc/passwd"', 2, "'../../etc/passwd'"),
    ('"Europe/Berlin"', "7", 2, "'zone'"),
    ('zone = "Europe/Berlin"', "", 1, "[calendars.office] ... 'zone'"),
    ('"09:00-13:00"', '"09:00-13:60"', 3, "'09:00-13:60'"),
    ('"09:00-13:00"', '"13:00-09:00"', 3, "'13:00-09:00'"),
    ('"22:00-24:00"', '"22:00-24:01"', 3, "'22:00-24:01'"),
    ('"09:00-13:00"', '"09:00-14:30"', 3, "'09:00-14:30' ... '14:00-18:00'"),
    ("tue = [", "teu = [", 3, "'teu' ... 'tue'"),
    ("sat = []", "sat = 5", 3, "'sat'"),
    ("yearly 01-01", "yearly 02-30", 4, "'yearly 02-30'"),
    ("2026-12-22", "2026-02-29", 4, "'2026-02-29'"),
    ("2026-12-27 10:00-14:00", "2026-12-27 14:00-10:00", 5, "'2026-12-27 14:00-10:00'"),
    ('"DE-BE"', '"DE-XX"', 6, "'DE-XX'"),
    ('"DE-BE"', '"Berlin"', 6, "'Berlin'"),
    ('holidays = "DE-BE"', 'ics = "away.ics"', 6, "'away.ics'"),
    (
        'calendar = "office"',
        'calendar = "offices"',
        9,
        "'offices' ... 'office'",
    ),
    ('calendar = "office"', "", 8, "[levels.commercial] ... 'calendar'"),
    ('"24h"', '"24 hours"', 10, "'24 hours'"),
    ('"24h"', '"0h"', 10, "'0h'"),
    ('"3bd"', '"3.5bd"', 11, "'3.5bd'"),
    ('"3bd"', '"999999h"', 11, "'999999h'"),
    ('"50%"', '"150%"', 13, "'150%'"),
    ("[levels.commercial]", "[levels.commercial]\nurgnet = true", 9, "'urgnet' ... 'urgent'"),
    (
        "[levels.commercial]",
        '[levels.commercial]\nurgent = "yes"',
        9,
        "'urgent'",
    ),
    (
        "[levels.commercial]",
        '[levels.commercial]\nchange = "sideways"',
        9,
        "'change' ... 'sideways'",
    ),
    ("[levels.commercial]", '[levels.commercial]\ngrace = "3bd"', 9, "'3bd'"),
    ('title = "Question"', "", 15, "[severities.question] ... 'title'"),
    ('definition = "You want to know."', "", 15, "[severities.question] ... 'definition'"),
    (
        'title = "Question"',
        'title = "Question"\nparameter = "colour"',
        17,
        "'parameter' ... 'colour'",
    ),
    (
        'level = "commercial"',
        'level = "comercial"',
        20,
        "'comercial' ... 'commercial'",
    ),
    ('why = "Everybody."', "", 19, "[entitlements.1] ... 'why'"),
    (
        "[[entitlements]]",
        "[[entitlements]]\nwhen = { colour = ['red'] }",
        20,
        "'colour'",
    ),
    (
        "[[entitlements]]",
        "[[entitlements]]\nwhen = { category = [] }",
        20,
        "'category'",
    ),
    (
        "[[entitlements]]",
        "[[entitlements]]\nwhen = { severity = ['bad'] }",
        20,
        "'bad'",
    ),
    (
        "[[entitlements]]",
        "[[entitlements]]\nwhen = { group = ['a'] }",
        19,
        "'when'",
    ),
    (
        "[[entitlements]]",
        "[entitlements]",
        19,
        "'entitlements'",
    ),
    (
        "[severities.question]",
        "[coupons.vip]\nlevel = 'vip'\n[severities.question]",
        16,
        "'vip'",
    ),
    (
        "[severities.question]",
        "[coupons.vip]\nlevel = 'commercial'\n[severities.question]",
        15,
        "[coupons.vip] ... 'per_year'",
    ),
    (
        "[severities.question]",
        "[coupons.vip]\nlevel = 'commercial'\nper_year = { premium = 0 }\n[severities.question]",
        17,
        "'premium'",
    ),
    (
        "[severities.question]",
        "[reasons.x]\ntitle = 'X'\npauses = [\n'next'\n]\n[severities.question]",
        18,
        "'next'",
    ),
    ("[severities.question]", "[wishes]\n[severities.question]", 15, "'wishes'"),
)


@pytest.mark.parametrize(
    ("good", "bad", "line", "names"), MISTAKES, ids=[m[1][:40] + m[3][:30] for m in MISTAKES]
)
def test_every_mistake_is_reported_with_its_line(
    tmp_path: Path, good: str, bad: str, line: int, names: str
) -> None:
    assert good in GOOD
    reported = mistakes(tmp_path, GOOD.replace(good, bad, 1))
    pattern = re.compile(".*".join(map(re.escape, names.split(" ... "))))
    assert [number for number, text in reported if pattern.search(text)] == [line], reported


def test_all_mistakes_are_reported_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = (
        GOOD.replace("Berlin", "Atlantis")
        .replace('"24h"', '"soon"')
        .replace('why = "Everybody."', "")
    )
    assert [line for line, _ in mistakes(tmp_path, text)] == [2, 10, 19]


def test_the_line_of_an_element_in_a_long_list_is_its_own(tmp_path: Path) -> None:
    text = GOOD.replace(
        'closed = ["2026-12-22", ',
        'closed = [ # holidays ["]\n  "2026-12-22",\n  "tomorrow", # not yet\n  ',
    )
    assert [line for line, _ in mistakes(tmp_path, text)] == [6]


def test_a_calendar_that_never_opens_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace(GOOD.splitlines()[2], "week = { mon = [] }").replace(
        'open = ["2026-12-27 10:00-14:00"]', ""
    )
    ((line, sentence),) = mistakes(tmp_path, text)
    assert line == 1
    assert "[calendars.office]" in sentence


def test_a_calendar_whose_last_opening_has_passed_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace(GOOD.splitlines()[2], "").replace("2026-12-27 10:00", "2025-12-27 10:00")
    ((_, sentence),) = mistakes(tmp_path, text)
    assert "[calendars.office]" in sentence


def test_an_entitlement_below_one_for_all_is_refused(tmp_path: Path) -> None:
    text = GOOD + '\n[[entitlements]]\nlevel = "commercial"\nwhy = "Never."\n'
    assert [line for line, _ in mistakes(tmp_path, text)] == [19]


def test_a_level_promises_nothing_only_on_purpose(tmp_path: Path) -> None:
    text = GOOD.replace('next_response = "3bd"', "")
    level = read(tmp_path, text.replace('"24h"', '""')).levels["commercial"]
    assert [level.budgets[goal] for goal in Goal] == [None, None, None]
    text = text.replace('first_response = "24h"', "").replace('resolution = ""', "")
    ((_, sentence),) = mistakes(tmp_path, text)
    assert "[levels.commercial]" in sentence
    assert "first_response" in sentence


def test_an_empty_file_names_what_is_missing(tmp_path: Path) -> None:
    sentences = " ".join(sentence for _, sentence in mistakes(tmp_path, ""))
    for section in ("calendars", "levels", "severities", "[[entitlements]]"):
        assert section in sentences


def test_broken_toml_is_reported_with_its_line(tmp_path: Path) -> None:
    ((line, _),) = mistakes(tmp_path, GOOD.replace('"24h"', '"24h'))
    assert line == 10
    assert mistakes(tmp_path, GOOD + "[levels.commercial]\n")[0][0] > 19


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(Misconfigured, match=re.escape(str(path))):
            load_policy(path)
    (tmp_path / "latin.toml").write_bytes(b"# one\n# caf\xe9\n")
    with pytest.raises(Misconfigured, match=r"latin\.toml:2: "):
        load_policy(tmp_path / "latin.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(Misconfigured, match=r"huge\.toml:1: "):
        load_policy(tmp_path / "huge.toml")


def test_a_level_may_use_every_field(tmp_path: Path) -> None:
    more = (
        'resolution = "2bd"\nchange = "proportional"\ngrace = "90m"\nhandover = true\nservices '
        '= ["forum"]'
    )
    reason = (
        '[reasons.vendor]\ntitle = "Waiting"\npauses = ["next_response", '
        '"resolution"]\nuntil_reply = true\n'
    )
    policy = read(
        tmp_path,
        GOOD.replace('resolution = ""', more).replace("[severities", reason + "[severities"),
    )
    level = policy.levels["commercial"]
    assert (level.resolution, level.change) == (
        Budget(2, Unit.BUSINESS_DAYS),
        LevelChange.PROPORTIONAL,
    )
    assert (level.grace, level.handover, level.services) == (5400, True, ("forum",))
    assert policy.reasons["vendor"].pauses == {Goal.NEXT, Goal.RESOLUTION}


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("24h", Budget(86_400)),
        ("1h30m", Budget(5400)),
        ("90m 15s", Budget(5415)),
        ("3bd", Budget(3, Unit.BUSINESS_DAYS)),
        ("14d", Budget(14, Unit.CALENDAR_DAYS)),
        ("", None),
        ("-1h", None),
        ("0d", None),
        ("3651d", None),
        ("²h", None),
    ],
)
def test_a_budget_is_read_or_refused(text: str, budget: Budget | None) -> None:
    assert parse_budget(text) == budget


def test_spans_and_dates_that_look_right_but_are_not_are_refused() -> None:
    assert parse_wall_span("00:00-24:00") == (0, 86_400)
    for text in (
        "9:00-17:00",
        "09:00-09:00",
        "24:00-24:00",
        "23:00-25:00",
        "09:00",
        "٠٩:00-17:00x",
    ):
        assert parse_wall_span(text) is None
    for text in (
        "2026-13-01",
        "2026/12/25",
        "yearly",
        "25 December",
        "2026-12-25 12:00-11:00",
        "0000-01-01",
    ):
        assert parse_special_hours(text) is None


ALPHABET = "abz09 -_.=[]{}\",\n#'\\:%\t"


@settings(max_examples=150, deadline=None)
@given(
    position=st.integers(0, len(GOOD)), text=st.text(ALPHABET, max_size=12), cut=st.integers(0, 20)
)
def test_no_damage_to_a_file_gives_anything_but_a_policy_or_sentences(
    tmp_path_factory: pytest.TempPathFactory, position: int, text: str, cut: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    damaged = GOOD[:position] + text + GOOD[position + cut :]
    try:
        policy = read(folder, damaged)
    except Misconfigured as error:
        lines = damaged.count("\n") + 1
        for row in error.sentence.splitlines():
            assert 1 <= int(row.removeprefix(f"{folder}/").split(":")[1]) <= lines, row
    else:
        assert policy.choose({}).level.key in policy.levels
