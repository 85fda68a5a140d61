"""Tickets, people, audiences and generations, in any order."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.visibility import Visibility


def test_each_person_sees_what_the_model_says(template: Path) -> None:
    Visibility.template = template
    short = settings(
        max_examples=6,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Visibility, settings=short)
