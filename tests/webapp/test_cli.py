"""`kb serve`: what goes wrong is one sentence; what goes right stops cleanly."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.cli import kb
from kb.errors import Misconfigured, Unavailable
from kb.search.generations.generation import Generations
from tests.webapp.world import settings_of
from webapp.cli import check_port, make_folder

PATIENCE = 120  # seconds for what takes one: the machine may be busy


@contextmanager
def taken_port() -> Iterator[int]:
    with _listening() as listener:
        yield int(listener.getsockname()[1])


def free_port() -> int:
    """A port that nobody else is given meanwhile: a connection on it has just ended.

    For a minute the system then gives it only to who asks for it by number and may reuse addresses,
    as servers do.
    """
    with _listening() as listener, socket.create_connection(listener.getsockname()):
        listener.accept()[0].close()  # who closes first is the one that waits
        return int(listener.getsockname()[1])


def _listening() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def environment(folder: Path) -> dict[str, str]:
    settings = settings_of(folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    told = {name: str(getattr(settings, name)) for name in ("data", "content", "suggest_budget_ms")}
    told["port"] = str(free_port())  # the default one may be in use by the portal of whoever tests
    return {**kept, **{f"KB_{name.upper()}": text for name, text in told.items()}}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from kb.cli import main; main()", "serve", *arguments]


def test_the_list_of_commands_cuts_no_sentence_short() -> None:
    shown = CliRunner().invoke(kb, ["--help"]).output.partition("Commands:")[2]
    assert "Serve the portal until Ctrl-C." in shown
    assert "..." not in shown


def test_a_port_in_use_is_named_with_the_setting_that_changes_it() -> None:
    with taken_port() as port, pytest.raises(Unavailable, match=rf"{port}.*KB_PORT={port + 1}"):
        check_port("127.0.0.1", port)


def test_a_free_port_is_fine_and_an_address_of_nobody_is_told() -> None:
    check_port("127.0.0.1", free_port())
    with pytest.raises(Misconfigured, match="KB_HOST"):
        check_port("nobody.invalid", free_port())


def test_the_data_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    make_folder(tmp_path / "deep" / "data")
    assert stat.S_IMODE((tmp_path / "deep" / "data").stat().st_mode) == 0o700
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured, match="KB_DATA"):
        make_folder(tmp_path / "file")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"KB_PORT": "many"}, "KB_PORT"),
        ({"KB_ROCKET": "1"}, "KB_ROCKET"),
        ({"KB_CONTENT": "/nowhere"}, "policies.toml"),
        ({"KB_DEMO": "yes", "KB_BASE_URL": "https://help.example.com"}, "KB_BASE_URL"),
        ({"KB_DEMO": "yes", "KB_HOST": "0.0.0.0"}, "KB_HOST"),
        ({"KB_BASE_URL": "https://x.example", "KB_SECURE_COOKIES": "no"}, "KB_SECURE_COOKIES"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(
    folder: Path, change: dict[str, str], words: str
) -> None:
    done = subprocess.run(
        command(),
        env={**environment(folder), **change},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("policies.toml", None, "policies.toml:1: "),
        ("catalogue.toml", None, "catalogue.toml:1: "),
        ("site.toml", 'name = "A"\nlogo = "none.svg"', "site.toml:2: "),
        ("demo.toml", '[[people]]\nname = "A"', "demo.toml:1: "),
        ("policies.toml", "[levels", "policies.toml:1: "),
    ],
)
def test_a_site_with_a_fault_is_one_sentence_with_file_and_line(
    folder: Path, name: str, text: str | None, place: str
) -> None:
    told = environment(folder)
    site = Path(told.pop("KB_CONTENT"))
    if text is None:
        (site / name).unlink()
    else:
        (site / name).write_text(text, "utf-8")
    done = subprocess.run(
        command("--site", str(site)),
        env=told,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert place in sentence


def test_it_serves_greets_and_stops_cleanly_when_a_terminal_tells_all_its_processes_to_stop(
    folder: Path,
) -> None:
    port = free_port()
    arguments = command("--demo", "--port", str(port), "--workers", "2")
    server = subprocess.Popen(
        arguments,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stderr
        greeting = []
        for line in server.stderr:
            greeting.append(line)
            if "Ctrl-C" in line:
                break
        with wait_for(f"http://127.0.0.1:{port}/healthz", server) as answer:
            assert answer.status == 200
    finally:
        os.killpg(server.pid, signal.SIGINT)
        # The worker holds the same pipes: when this returns, that has ended too.
        rest = server.communicate(timeout=PATIENCE)
    said = "".join(greeting)
    assert f"http://127.0.0.1:{port}" in said
    assert "alice@example.com" in said
    assert "alice-demo" in said
    assert server.returncode == 0
    assert "Traceback" not in "".join(rest)
    assert "Killing" not in "".join(
        rest
    )  # what the server says when a worker did not stop by itself


def test_metrics_of_all_server_processes_are_added_up_and_end_with_the_portal(
    folder: Path,
) -> None:
    port, metrics_port = free_port(), free_port()
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command("--port", str(port), "--workers", "2", "--without-worker"),
            env={**environment(folder), "KB_METRICS": f"127.0.0.1:{metrics_port}"},
            stdout=log,
            stderr=log,
            text=True,
        )
    site = f"http://127.0.0.1:{port}"
    try:
        for query in [*["paper+jam"] * 6, "xqzzy"]:  # each on a connection of its own
            wait_for(f"{site}/api/v1/suggest?q={query}", server).close()
        for _ in range(3):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{site}/nowhere", timeout=PATIENCE)
        with wait_for(f"http://127.0.0.1:{metrics_port}/metrics", server) as answer:
            lines = answer.read().decode().splitlines()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{site}/metrics", timeout=PATIENCE)
    finally:
        server.terminate()
        assert server.wait(PATIENCE) == 0
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(samples['askfirst_suggestions_total{outcome="answered"}']) == 6
    assert float(samples['askfirst_suggestions_total{outcome="abstained"}']) == 1
    labels = 'method="GET",route="-",status="4xx"'
    assert float(samples[f"askfirst_request_seconds_count{{{labels}}}"]) == 3
    assert float(samples["askfirst_index_age_seconds"]) > 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=PATIENCE)


def test_a_portal_whose_content_cannot_be_published_serves_all_the_same(folder: Path) -> None:
    shutil.rmtree(settings_of(folder).data / "index")
    port = free_port()
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command("--port", str(port), "--workers", "1", "--without-worker"),
            env={**environment(folder), "KB_SOURCES": "doc=/nowhere"},
            stdout=log,
            stderr=log,
            text=True,
        )
    try:
        with wait_for(f"http://127.0.0.1:{port}/tickets/new", server) as answer:
            assert answer.status == 200
    finally:
        server.terminate()
        assert server.wait(PATIENCE) == 0
    assert "/nowhere" in (folder / "log").read_text()
    assert Generations(settings_of(folder).data).current() is None


def test_a_server_process_waits_for_a_half_saved_file_to_be_whole_again(folder: Path) -> None:
    policies = settings_of(folder).policies_file
    whole = policies.read_text("utf-8")
    policies.write_text(whole + "\n[[[", "utf-8")
    starting = subprocess.Popen(
        [sys.executable, "-c", "import os, multiprocessing; from webapp.server import load; "
                               "print(callable(load(multiprocessing.RawValue('b'), '')), "
                               "flush=True); os._exit(0)"],
        env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert starting.stderr
    said = starting.stderr.readline()
    assert "policies.toml" in said
    policies.write_text(whole, "utf-8")
    out, rest = starting.communicate(timeout=PATIENCE)
    assert out == "True\n"
    assert rest.strip()  # it says that it has started
    assert "Traceback" not in rest


def wait_for(address: str, server: subprocess.Popen[str]):  # type: ignore[no-untyped-def]  # what urlopen gives
    """The first answer; gives up when the server does."""
    while server.poll() is None:
        try:
            return urllib.request.urlopen(address, timeout=PATIENCE)
        except ConnectionError:
            pass
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.05)  # not asked in a circle, which would only take the processor from it
    raise AssertionError("the server ended")
