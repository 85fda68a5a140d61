"""Policy files of tests: the usual one, with something added."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.sla.policy import SlaPolicy
from kb.sla.policy_file import load_policy

POLICIES = Path(__file__).parents[1] / "policies.toml"


def policy_with(folder: Path, added: str) -> SlaPolicy:
    path = folder / "policies.toml"
    path.write_text(f"{POLICIES.read_text('utf-8')}\n{added}\n")
    return load_policy(path, today=dt.date(2026, 11, 23))


def check_mistake(folder: Path, added: str, named: str) -> None:
    """What is wrong with ``added`` is one sentence with its line, which has ``named`` in it."""
    with pytest.raises(Misconfigured) as refused:
        policy_with(folder, added)
    (line,) = str(refused.value).splitlines()
    assert named in line
    assert line.split(":")[1].isdigit()
