"""The MCP server, driven by the client of the official SDK, over a portal that listens."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import anyio
import pytest
from sqlalchemy import select
from werkzeug.serving import make_server

from kb.analytics.tables import EPISODES
from kb.programs.scopes import Scope
from tests.webapp.assistants.tasks import TASKS, Task
from tests.webapp.world import MONDAY, Portal, build, settings_of

pytest.importorskip("mcp")
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

Result = TypeVar("Result")


def run_aside(work: Callable[..., Awaitable[Result]], *arguments: object) -> Result:
    """``work`` in a thread of its own: tests in a browser leave a loop in that of all tests."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, work, *arguments).result()


@pytest.fixture
def portal(folder: Path) -> Portal:
    built = build(settings_of(folder, suggest_per_minute="100000"))
    built.browser().get("/api/v1/suggest?q=paper")  # opens the index
    return built


@contextmanager
def listening(portal: Portal) -> Iterator[str]:
    """The address of the portal, served by a thread."""
    server = make_server("127.0.0.1", 0, portal.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def text_of(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


async def check(client: Client, task: Task) -> None:
    result = await client.call_tool(task.tool, task.arguments)
    assert (result.is_error or False) is task.fails, (task, text_of(result))
    assert task.expected in text_of(result), task


def started_by_an_assistant(address: str, key: str = "") -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "kb", "mcp", "--portal", address],
        env={"PATH": os.environ["PATH"], "ASKFIRST_KEY": key},
    )


def tickets(portal: Portal) -> list[str]:
    return re.findall(r"KB-\d+", portal.browser("bob").page("/desk?view=all"))


def test_a_weak_assistant_does_fifty_tasks_and_files_nothing(portal: Portal) -> None:
    assert len(TASKS) == 50

    async def work(address: str) -> None:
        async with Client(stdio_client(started_by_an_assistant(address))) as client:
            listed = await client.list_tools()
            assert {tool.name for tool in listed.tools} >= {
                task.tool for task in TASKS if task.tool != "file_ticket"
            }
            assert all(
                tool.annotations and tool.annotations.read_only_hint for tool in listed.tools
            )
            for task in TASKS:
                await check(client, task)

    with listening(portal) as address:
        run_aside(work, address)
    assert tickets(portal) == []
    with portal.centre.database.read() as connection:
        rows = connection.execute(select(EPISODES.c.form, EPISODES.c.apart)).all()
    # One visit of the process, which no report counts among those of people.
    assert [tuple(row) for row in rows] == [("assistant", True)]


def test_a_key_opens_what_its_scopes_say(portal: Portal) -> None:
    keys = portal.centre.api_keys
    scopes = [Scope.CONTENT_READ, Scope.CONTENT_STAFF]
    secret = keys.create("assistant", scopes, None, days=1, now=MONDAY).secret

    async def read(address: str, key: str) -> CallToolResult:
        async with Client(stdio_client(started_by_an_assistant(address, key))) as client:
            result = await client.call_tool("article", {"id": "doc/secret"})
            assert isinstance(result, CallToolResult)
            return result

    with listening(portal) as address:
        shown = run_aside(read, address, secret)
        refused = run_aside(read, address, "askfirst_wrong")
    assert "Restart zephyrion" in text_of(shown)
    assert refused.is_error
    assert "zephyrion" not in text_of(refused).lower()


@contextmanager
def served_over_http(address: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kb", "mcp", "--portal", address]
    with subprocess.Popen([*command, "--http", f"127.0.0.1:{port}"]) as process:
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), 30).close()
                    break
                except ConnectionRefusedError:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(0.05)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


def test_over_http_each_request_brings_its_own_key(portal: Portal) -> None:
    async def work(address: str) -> None:
        async with Client(streamable_http_client(address)) as client:
            for task in TASKS[::9]:
                await check(client, task)
            hidden = await client.call_tool("article", {"id": "doc/secret"})
            assert hidden.is_error

    with listening(portal) as address, served_over_http(address) as served:
        run_aside(work, served)
        with socket.create_connection(("127.0.0.1", urlsplit(served).port or 0)) as connection:
            # A page of another site, by a name of its own for this machine.
            body = b"{}"
            connection.sendall(
                b"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n"
                b"Accept: application/json, text/event-stream\r\nContent-Length: 2\r\n\r\n" + body
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 421")


def test_without_a_portal_the_assistant_is_told(portal: Portal) -> None:
    async def work(address: str) -> None:
        async with Client(stdio_client(started_by_an_assistant(address))) as client:
            await check(client, Task("known_problems", {}, "does not respond", fails=True))

    with listening(portal) as address:
        pass
    run_aside(work, address)
