"""Mutation score of the SLA arithmetic and of the access rules.

    pip install mutmut        # 3.x, in an environment of its own with the same Python
    python -m bench.mutants [--mutmut PATH] [--processes 2] [--keep FOLDER]

Copies the checkout, lets mutmut change one operator, number or name at a time, and runs the tests
that reach the change. Prints for each module how many changes a test noticed, then those that none
did; ``mutmut show NAME`` in the kept folder shows one. About 40 minutes of CPU.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path

MUTATED = (
    "kb/sla/calendar.py",
    "kb/sla/clock.py",
    "kb/sla/open_time.py",
    "kb/sla/policy.py",
    "kb/sla/target.py",
    "kb/people/permissions.py",
    "kb/tickets/permissions.py",
)
TESTS = ("tests/sla", "tests/tickets/test_permissions.py", "tests/people/test_contacts.py")
COPIED = ("indexer", "webapp", "content", "bench", "tests", "pyproject.toml")
_ROOT = Path(__file__).parent.parent
_RESULT = re.compile(r"^\s*(\S+)__mutmut_\d+: (\w[\w ]*)$")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutmut", default="mutmut", help="the command")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a new folder for the copy")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = given.keep or Path(folder) / "checkout"
        _copy_checkout(copy)
        environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
        command = [given.mutmut, "run", "--max-children", str(given.processes)]
        subprocess.run(command, cwd=copy, env=environment, check=True)
        command = [given.mutmut, "results", "--all", "true"]
        results = subprocess.run(
            command, cwd=copy, env=environment, check=True, capture_output=True, text=True
        )
    _report(results.stdout)


def _copy_checkout(copy: Path) -> None:
    copy.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", "HEAD"], cwd=_ROOT, check=True, capture_output=True
    ).stdout
    subprocess.run(["tar", "x"], cwd=copy, input=archive, check=True)
    lists = {
        "source_paths": ("kb",),
        "only_mutate": MUTATED,
        "also_copy": COPIED,
        "pytest_add_cli_args_test_selection": TESTS,
        "pytest_add_cli_args": ("-p", "no:cacheprovider", "-q"),
    }
    lines = [f"{name}=\n" + "".join(f"    {value}\n" for value in lists[name]) for name in lists]
    (copy / "setup.cfg").write_text("[mutmut]\n" + "".join(lines))
    # A change that leaves a file open is not noticed for that.
    settings = copy / "pyproject.toml"
    settings.write_text(settings.read_text().replace('    "error",\n', '    "default",\n'))


def _report(results: str) -> None:
    verdicts: dict[str, Counter[str]] = {}
    survivors = []
    for line in results.splitlines():
        match = _RESULT.match(line)
        if match:
            module = ".".join(match[1].split(".")[:3])
            verdicts.setdefault(module, Counter())[match[2]] += 1
            if match[2] not in ("killed", "timeout"):
                survivors.append(line.strip())
    print(f"{'module':32} changed noticed")
    total = Counter[str]()
    for module, counts in sorted(verdicts.items()):
        print(_row(module, counts))
        total += counts
    print(_row("all", total))
    print("\nNot noticed:", *survivors, sep="\n  ")
    sys.exit(_share(total) < 0.8)


def _row(name: str, counts: Counter[str]) -> str:
    return f"{name:32} {counts.total():7} {_share(counts):7.1%}"


def _share(counts: Counter[str]) -> float:
    return (counts["killed"] + counts["timeout"]) / max(1, counts.total())


if __name__ == "__main__":
    main()
