"""The table of ASVS 5.0: every requirement has its evidence, and each test that it names exists."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STATUSES = ("met", "not met", "operator", "not applicable")
_TEST = re.compile(r"\btest_\w+")


def rows() -> list[dict[str, str]]:
    with (ROOT / "security" / "asvs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_requirement_of_levels_1_and_2_has_one_row() -> None:
    numbers = [row["requirement"] for row in rows()]
    assert len(numbers) == len(set(numbers)) == 253
    assert Counter(row["level"] for row in rows()) == {"1": 70, "2": 183}
    assert numbers == sorted(numbers, key=lambda number: [int(part) for part in number.split(".")])


def test_no_cell_is_blank_and_no_status_is_new() -> None:
    for row in rows():
        assert all(cell and cell.strip() == cell for cell in row.values()), row
        assert row["status"] in STATUSES, row


def test_every_test_that_the_table_names_exists() -> None:
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    named = {name for row in rows() for name in _TEST.findall(row["evidence"])}
    assert named - written == set()


def test_every_file_and_section_that_the_table_names_exists() -> None:
    for row in rows():
        for path in re.findall(r"\b(?:content|deploy|kb|webapp)/[\w./-]+\.\w+", row["evidence"]):
            assert (ROOT / path).is_file(), (row["requirement"], path)


def test_what_is_claimed_without_a_test_says_why() -> None:
    for row in rows():
        words = _TEST.sub("", row["evidence"]).strip("; ")
        assert _TEST.search(row["evidence"]) or len(words) > 10, row


@pytest.mark.parametrize("status", STATUSES)
def test_the_security_policy_counts_as_the_table_does(status: str) -> None:
    count = sum(row["status"] == status for row in rows())
    policy = (ROOT / "SECURITY.md").read_text("utf-8")
    assert f"| {status} | {count} |" in policy
    if status == "not met":
        for row in rows():
            assert row["status"] != status or f"`{row['requirement']}`" in policy, row
