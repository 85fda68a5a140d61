"""What a release consists of: a wheel that can be built again, its bill of materials, a container
file that holds its rules, and no secret in any file.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EPOCH = "1796000000"  # seconds


def tracked_files() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout
    if not listing:
        pytest.skip("This is no checkout.")
    paths = [ROOT / name.decode() for name in listing.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def wheel_of(folder: Path, *, zone: str, umask: int, hours_old: int) -> bytes:
    """A wheel built in a copy of the checkout, as another machine would have it."""
    for path in tracked_files():
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        os.utime(copy, (int(EPOCH) - hours_old * 3600,) * 2)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"],
        cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "TZ": zone, "PYTHONHASHSEED": str(umask)},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel.read_bytes()


def test_two_builds_of_the_wheel_are_the_same_bytes(tmp_path: Path) -> None:
    first = wheel_of(tmp_path / "a", zone="Asia/Tokyo", umask=0o077, hours_old=1)
    second = wheel_of(tmp_path / "elsewhere" / "b", zone="UTC", umask=0o022, hours_old=99)
    assert first == second
    (tmp_path / "wheel").write_bytes(first)
    with zipfile.ZipFile(tmp_path / "wheel") as wheel:
        roots = {name.split("/")[0] for name in wheel.namelist()}
    assert {root for root in roots if "dist-info" not in root} == {
        "kb", "indexer", "webapp", "askfirst_content"
    }  # fmt: skip


def test_the_sbom_names_every_locked_package() -> None:
    command = [sys.executable, str(ROOT / ".ci" / "sbom"), "1.2.3", str(ROOT / "requirements.lock")]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    texts = {
        subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    }
    [text] = texts
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    locked = re.findall(r"^(\S+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    components = {(one["name"], one["version"]): one for one in document["components"]}
    assert set(components) == set(locked)
    assert all(component["externalReferences"] for component in components.values())
    [dependencies] = document["dependencies"]
    assert len(dependencies["dependsOn"]) == len(locked)


# --- the container


def test_the_container_file_holds_its_rules() -> None:
    """The rules of hadolint that matter here, which is a binary of its own, and some of ours."""
    text = (ROOT / "deploy" / "Containerfile").read_text()
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    commands = [line.split(maxsplit=1) for line in lines if not line.startswith("#")]
    values = {name: value for name, value in commands}  # the last of each
    last_stage = commands[[name for name, _ in commands].index("FROM", 3) :]

    assert re.fullmatch(r"PYTHON=docker\.io/library/python:3\.\d+-slim", values["ARG"])  # no latest
    users = [value for name, value in last_stage if name == "USER"]
    assert users
    assert all(re.fullmatch(r"[1-9]\d*", user) for user in users)
    assert "HEALTHCHECK" in values
    assert values["ENTRYPOINT"].startswith("[")  # no shell, which would swallow SIGTERM
    assert values["CMD"].startswith("[")
    assert "ADD" not in values
    for name, value in commands:
        assert name != "RUN" or not re.search(r"\b(curl|wget|sudo|apt-get)\b", value), value
        assert name != "RUN" or "pip install" not in value or "--no-cache-dir" in value
    assert "--require-hashes" in text

    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    assert "read_only: true" in compose
    assert "cap_drop: [ALL]" in compose
    assert "no-new-privileges:true" in compose
    assert '"127.0.0.1:8000:8000"' in compose


# --- secrets, and findings of the linter

#: The shapes of well-known secrets, and assignments of anything random to a name that sounds so.
SECRET_SHAPES = (
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}"),
    re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\."),
    re.compile(r"\bpypi-[A-Za-z0-9_-]{40,}"),
)
ASSIGNED = re.compile(
    r"(?:password|passwd|secret|token|api_?key|private_?key)\w*[\"']?\s*[:=]\s*"
    r"[\"']?([A-Za-z0-9+/=_-]{20,})",
    re.IGNORECASE,
)
#: What stands beside a line that only looks like a secret, with the reason.
ACCEPTED = re.compile(r"not a secret: \w.+")
BITS = 4.0  # of entropy for each character: words have fewer, random text in Base64 has more


def entropy(text: str) -> float:
    """Bits for each character (Shannon), by the text's own frequencies.

    >>> round(entropy("aaaa"), 1), round(entropy("abcd"), 1)
    (0.0, 2.0)
    """
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def looks_like_a_secret(line: str) -> bool:
    if any(shape.search(line) for shape in SECRET_SHAPES):
        return True
    return any(entropy(match[1]) > BITS for match in ASSIGNED.finditer(line))


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("key = AKIA" + "IOSFODNN7EXAMPLE", True),
        ("SECRET_KEY = '" + "q8Zr5vXw2LkT9mBn4YpA7sDf" + "'", True),
        ("token = secrets.token_urlsafe(32)", False),
        ("password = the_password_of_the_person", False),
    ],
)
def test_the_scan_knows_a_secret_from_code(line: str, is_one: bool) -> None:
    assert looks_like_a_secret(line) is is_one


def test_no_secret_is_in_the_repository() -> None:
    suspects = []
    for path in tracked_files():
        if path.suffix in (".lock", ".gz", ".png"):
            continue
        lines = path.read_text("utf-8", errors="replace").splitlines()
        suspects += [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(lines, 1)
            if looks_like_a_secret(line) and not ACCEPTED.search(line)
        ]
    assert suspects == []


def test_every_accepted_finding_of_the_security_rules_has_its_reason() -> None:
    """Ruff's rules S are those of bandit; ``make test`` runs them over all of the product."""
    configuration = (ROOT / "pyproject.toml").read_text()
    assert '"S"' in configuration.split("[tool.ruff.lint]")[1].split("]")[0]
    accepted = re.compile(r"# noqa: [A-Z0-9, ]*\bS\d{3}")
    for path in tracked_files():
        parts = path.relative_to(ROOT).parts
        # Migrations that were released are never changed; their statements have no user's text.
        if path.suffix != ".py" or parts[0] in ("tests", "bench") or "migrations" in parts:
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if accepted.search(line):
                assert re.search(r"# noqa: [A-Z0-9, ]+ - \w", line), f"{path}:{number}"
