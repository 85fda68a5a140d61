"""An installation as an operator has it: the wheel in an environment of its own, and a visitor."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from time import monotonic
from typing import TypeVar

from tests.webapp.test_cli import PATIENCE, free_port, wait_for

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
#: Seconds for an installation's first search, too: it compiles the innermost loops.
DEADLINE = 5 * PATIENCE


def install(folder: Path) -> Path:
    """Builds the wheel, installs it into a new environment in ``folder``, and gives that.

    The packages that it depends on are those of the tests' own environment, so that nothing is
    downloaded.
    """
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    wheels, environment = folder / "wheels", folder / "environment"
    _run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(wheels), ".")
    _run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    python = str(environment / "bin" / "python")
    wheel = next(wheels.glob("askfirst-*.whl"))
    _run(*pip[:3], "--python", python, *pip[3:], "install", "--no-deps", "--no-index", str(wheel))

    [packages] = environment.glob("lib/python*/site-packages")
    # Only a folder named on the command line has its .pth files read: the checkout, which is
    # installed in the tests' environment by such a file, is not on the path here.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return environment


def _run(*command: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True, slots=True)
class Installation:
    """`kb` of an environment, run in ``folder`` with the settings in ``told``."""

    environment: Path
    folder: Path
    told: Mapping[str, str]

    def variables(self, **more: str) -> dict[str, str]:
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("KB_", "PYTHON", "VIRTUAL_ENV"))
        }
        return {**kept, **self.told, **more}

    def kb(self, *arguments: str, typed: str = "", **more: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            [str(self.environment / "bin" / "kb"), *arguments],
            cwd=self.folder,
            env=self.variables(**more),
            input=typed,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def generations(self, **more: str) -> list[dict[str, object]]:
        """The published indexes that are kept."""
        listed: list[dict[str, object]] = json.loads(
            self.kb("index", "generations", "--json", **more)
        )
        return listed

    @contextmanager
    def serving(self, **more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
        """`kb serve` in a process group of its own, which is killed at the end if it still runs.

        Gives its address once it answers.
        """
        port = str(free_port())
        with (self.folder / "serve.log").open("a") as log:
            server = subprocess.Popen(
                [str(self.environment / "bin" / "kb"), "serve"],
                cwd=self.folder,
                env=self.variables(KB_PORT=port, **more),
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/healthz", server).close()
            yield address, server
        finally:
            kill(server)

    def log(self) -> str:
        return (self.folder / "serve.log").read_text("utf-8")


def kill(server: subprocess.Popen[str]) -> None:
    """Kills the portal and its server processes at once; its worker ends with them."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(PATIENCE)


def until(find: Callable[[], T], server: subprocess.Popen[str]) -> T:
    """What ``find`` gives as soon as it gives something; fails when the server ends before."""
    deadline = monotonic() + DEADLINE
    while monotonic() < deadline:
        if found := find():
            return found
        assert server.poll() is None, "the server ended"
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.1)  # not asked in a circle, which would only take the processor from it
    raise AssertionError("it did not come about")


class Visitor:
    """A browser without scripts: it keeps cookies, follows redirects and fills in forms."""

    def __init__(self, address: str) -> None:
        self.address = address
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def get(self, path: str) -> str:
        with self._opener.open(self.address + path, timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
            return text

    def send(self, page: str, path: str, **fields: str) -> tuple[str, str]:
        """Sends the form of ``page`` to ``path``: the address that this leads to, and its page."""
        hidden = {
            _attribute(tag, "name"): _attribute(tag, "value")
            for tag in re.findall(r'<input type="hidden"[^>]*>', self.get(page))
        }
        request = urllib.request.Request(
            self.address + path,
            urllib.parse.urlencode({**hidden, **fields}).encode(),
            {"Origin": self.address, "Referer": self.address + page},
        )
        with self._opener.open(request, timeout=PATIENCE) as answer:
            return answer.url, answer.read().decode()

    def sign_in(self, email: str, password: str) -> str:
        return self.send("/sign-in", "/sign-in", email=email, password=password)[1]


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else ""
