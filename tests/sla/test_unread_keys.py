"""`kb sla check`: one line for each key of a valid policy file that nothing reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.sla.cli import sla

CONTENT = Path(__file__).parents[2] / "content"
GOOD = """\
[calendars.office]
zone = "Europe/Berlin"
week = { mon = ["09:00-17:00"] }
[levels.all]
calendar = "office"
first_response = "8h"
[severities.down]
title = "Down"
definition = "Nothing works."
[[entitlements]]
when = { category = ["gold"] }
level = "all"
why = "Gold."
"""
LAST = """
[[entitlements]]
level = "all"
why = "Everybody."
"""


def check(folder: Path, more: str) -> tuple[int, list[str]]:
    path = folder / "policies.toml"
    path.write_text(GOOD + more + LAST, "utf-8")
    done = CliRunner().invoke(sla, ["check", str(path)])
    return done.exit_code, done.output.splitlines()


def test_a_file_whose_keys_are_all_read_is_sound(tmp_path: Path) -> None:
    assert check(tmp_path, "")[0] == 0


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ('[calendars.spare]\nzone = "UTC"\nweek = { mon = ["09:00-17:00"] }', 1),
        ('[levels.none]\ncalendar = "office"\nfirst_response = ""\nwarn = ["50%"]', 4),
        ('[[entitlements]]\nwhen = { topic = ["x"] }\nlevel = "all"\nwhy = "X."', 2),
        ('[[entitlements]]\nwhen = { group = ["x"] }\nlevel = "all"\nwhy = "X."', 2),
        ('[[entitlements]]\nwhen = { channel = ["fax"] }\nlevel = "all"\nwhy = "X."', 2),
        (
            '[[entitlements]]\nwhen = { category = ["gold"], type = ["problem"] }\n'
            'level = "all"\nwhy = "X."',
            1,
        ),
        ('[coupons.vip]\nlevel = "all"\nper_year = { gold = 1 }', 1),
        ('[groups.a]\ntitle = "A"\ndomains = ["a.example"]', 1),
        ('[reasons.a]\ntitle = "A"\ncloses = true\nuntil_reply = true', 4),
    ],
)
def test_a_key_that_nothing_reads_is_one_line(tmp_path: Path, more: str, line: int) -> None:
    code, lines = check(tmp_path, more)
    assert code == 1
    (told,) = lines
    assert told.startswith(f"{tmp_path / 'policies.toml'}:{GOOD.count(chr(10)) + line}: ")


def test_products_are_those_of_the_catalogue_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "catalogue.toml").write_text('[[products]]\nkey = "Anvil"\ntitle = "A"\n', "utf-8")
    row = '[[entitlements]]\nwhen = {{ product = ["{}"] }}\nlevel = "all"\nwhy = "X."'
    assert check(tmp_path, row.format("anvil"))[0] == 0
    assert check(tmp_path, row.format("hammer"))[0] == 1


@pytest.mark.parametrize(
    "folder",
    ["", "examples/process-automation", "examples/data-warehouse", "examples/site-manager"],
)
def test_the_policies_that_ship_have_no_dead_key(folder: str) -> None:
    done = CliRunner().invoke(sla, ["check", str(CONTENT / folder / "policies.toml")])
    assert done.exit_code == 0, done.output


def test_a_level_that_only_agents_can_choose_is_named_and_is_no_error(tmp_path: Path) -> None:
    more = '[levels.rare]\ncalendar = "office"\nfirst_response = "1h"\n'
    code, lines = check(tmp_path, more)
    assert code == 0
    assert "'rare'" in lines[0]
    handed_over, _ = check(tmp_path, more + "handover = true\n")
    assert handed_over == 0
    assert "'rare'" not in check(tmp_path, more + "handover = true\n")[1][0]
