"""Topics, groups and fields of a policy file: read, and refused with the line of each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.sla.form_fields import SiteField, SiteFieldKind, check_field
from kb.sla.policy import SlaPolicy
from kb.sla.policy_file import load_policy

BASE = """\
[calendars.office]
zone = "Europe/Berlin"
week = { mon = ["09:00-17:00"] }
[levels.all]
calendar = "office"
first_response = "8h"
[[entitlements]]
level = "all"
why = "Everybody."
[severities.down]
title = "Down"
definition = "Nothing works."
explanation = "required"
[types.incident]
title = "Incident"
"""
LINES = BASE.count("\n")


def policy_of(folder: Path, more: str) -> SlaPolicy:
    path = folder / "policies.toml"
    path.write_text(BASE + more, "utf-8")
    return load_policy(path)


def test_fields_topics_and_groups_are_read(tmp_path: Path) -> None:
    policy = policy_of(
        tmp_path,
        """
[form]
required = ["product"]
[topics.install]
title = "Installation"
in_scope = ["Errors of the installer"]
[groups.partners]
title = "Partners"
domains = ["@partner.example"]
organisations = ["Acme"]
[fields.environment]
title = "Environment"
kind = "choice"
choices = ["Production", "Test"]
required = true
searchable = true
formerly = ["Stage"]
[fields.server]
title = "Server"
when = { environment = ["production"], type = ["incident"] }
""",
    )
    assert policy.required == {"product"}
    assert policy.topics["install"].in_scope == ("Errors of the installer",)
    assert policy.group("a@PARTNER.example", "") == "partners"
    assert policy.group("a@example.com", "acme") == "partners"
    assert policy.group("a@example.com", "") == ""
    assert policy.fields["environment"].choices == ("Production", "Test")
    assert policy.fields["server"].when["environment"] == {"production"}
    assert policy.severities["down"].explanation_required


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ('[fields.severity]\ntitle = "S"', 1),
        ('[fields."Big Name"]\ntitle = "S"', 1),
        ('[fields.a]\ntitle = "A"\n[fields.a]\ntitle = "B"', 3),
        ('[fields.a]\ntitle = "A"\nkind = "colour"', 3),
        ('[fields.a]\ntitle = "A"\nkind = "choice"', 1),
        ('[fields.a]\ntitle = "A"\nchoices = ["x"]', 1),
        ('[fields.a]\ntitle = "A"\nshown_to = []', 3),
        ('[fields.a]\ntitle = "A"\nrequired = true\nshown_to = ["agents"]', 3),
        ('[fields.a]\ntitle = "A"\nshown_to = ["bosses"]', 3),
        ('[fields.a]\ntitle = "A"\nkind = "secret"\nsearchable = true', 4),
        ('[fields.a]\ntitle = "A"\nkind = "secret"\nshown_to = ["customers"]', 4),
        ('[fields.a]\ntitle = "A"\nformerly = ["B"]', 3),
        ('[fields.a]\ntitle = "A"\nwhen = { type = ["question"] }', 3),
        ('[fields.a]\ntitle = "A"\nwhen = { b = ["x"] }', 3),
        ('[form]\nrequired = ["module"]', 2),
        ('[topics.a]\ntitle = "A"\nscope = ["x"]', 3),
        ('[groups.a]\ntitle = "A"', 1),
        (
            '[groups.a]\ntitle = "A"\ndomains = ["x.example"]\n'
            '[groups.b]\ntitle = "B"\ndomains = ["X.example"]',
            6,
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, more: str, line: int) -> None:
    with pytest.raises(Misconfigured) as refused:
        policy_of(tmp_path, more)
    (sentence,) = refused.value.sentence.splitlines()
    assert sentence.startswith(f"{tmp_path / 'policies.toml'}:{LINES + line}: ")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (SiteFieldKind.TEXT, "  two words ", "two words"),
        (SiteFieldKind.CHOICE, "test", "Test"),
        (SiteFieldKind.CHOICE, "other", ""),
        (SiteFieldKind.NUMBER, "1,5", "1.5"),
        (SiteFieldKind.NUMBER, "many", ""),
        (SiteFieldKind.DATE, "2027-01-31", "2027-01-31"),
        (SiteFieldKind.DATE, "31.1.2027", ""),
        (SiteFieldKind.VERSION, "9.1.9", "9.1.9"),
        (SiteFieldKind.VERSION, "latest", ""),
        (SiteFieldKind.URL, "www.example.com/a?b=c", "https://www.example.com/a?b=c"),
        (SiteFieldKind.URL, "javascript:alert(1)", ""),
        (SiteFieldKind.URL, "https://", ""),
        (SiteFieldKind.SECRET, "s3cret", "s3cret"),
        (SiteFieldKind.TEXT, "x" * 1001, ""),
    ],
)
def test_a_value_is_stored_or_refused(kind: SiteFieldKind, text: str, value: str) -> None:
    choices = ("Production", "Test") if kind is SiteFieldKind.CHOICE else ()
    stored, fault = check_field(SiteField("a", "A", kind, choices=choices), text)
    assert stored == value
    assert bool(fault) is not bool(value)


def test_only_a_required_field_asks_for_a_value() -> None:
    assert check_field(SiteField("a", "A"), " ") == ("", "")
    assert check_field(SiteField("a", "A", required=True), " ")[1]
