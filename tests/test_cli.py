"""The `kb` command as a process: what its exit code says."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from kb.cli import command_summary


@pytest.mark.parametrize("argument", ["settings", "--help"])
def test_a_reader_that_leaves_early_is_not_an_error(argument: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-m", "kb", argument], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (0, b"")


def test_the_help_says_of_each_command_what_the_command_says() -> None:
    for entry in entry_points(group="kb.commands"):
        assert command_summary(entry) == entry.load().get_short_help_str(200), entry.name


def test_the_help_imports_no_command() -> None:
    program = (
        "import sys\nfrom kb.cli import kb\n"
        "kb(['--help'], standalone_mode=False)\n"
        "print([name for name in ('sqlalchemy', 'flask', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("[]\n")
