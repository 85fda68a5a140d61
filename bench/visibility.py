"""Who sees what, for long: the state machine of ``tests/visibility.py``.

    python -m bench.visibility [--examples 500] [--steps 40]

Prints the examples that were tried; a counterexample ends it with the steps that lead to it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.visibility import Visibility
from tests.world import build


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--steps", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Visibility.template = Path(folder) / "data"
        build(Visibility.template).database.close()
        long = settings(
            max_examples=given.examples,
            stateful_step_count=given.steps,
            deadline=None,
            derandomize=False,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        began = time.perf_counter()
        run_state_machine_as_test(Visibility, settings=long)
    seconds = time.perf_counter() - began
    print(f"{given.examples} sequences of up to {given.steps} steps in {seconds:.0f} s: all alike")


if __name__ == "__main__":
    main()
