"""`kb serve`: starts the portal.

Checks first what can be checked (settings, port, data folder, policies), so that a mistake is one
sentence and not a log; then hands over to the server. It does not index: that is `kb index`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import resource_tracker
from pathlib import Path

import click
from flask import Flask

from kb.centre import HelpCentre
from kb.errors import KbError, Misconfigured, Unavailable
from kb.people.demo import DemoSignIn, add_demo_accounts
from kb.settings import Settings, load_settings
from webapp.context import utc_now
from webapp.security.guard import kept_key

WORKER_ENDS = 15.0  # seconds in which the worker beside the portal may end what it does
THREADS = 4  # requests at once in each server process


@click.command()
@click.option(
    "--demo",
    is_flag=True,
    help="Create demo accounts and show their sign-ins; never on a real portal.",
)
@click.option("--host", help="The address to listen on (KB_HOST).")
@click.option("--port", help="The port to listen on (KB_PORT).")
@click.option("--workers", help="Server processes (KB_WORKERS).")
@click.option("--data", help="The data folder (KB_DATA).")
@click.option(
    "--with-worker",
    is_flag=True,
    help="Run one `kb worker` beside it, for as long as the portal runs.",
)
def serve(
    demo: bool,
    host: str | None,
    port: str | None,
    workers: str | None,
    data: str | None,
    with_worker: bool,
) -> None:
    """Serve the portal until Ctrl-C."""
    os.umask(0o077)  # whatever the server writes is for its own user only
    chosen = "yes" if demo else None
    settings = load_settings(host=host, port=port, workers=workers, data=data, demo=chosen)
    settings = replace(settings, base_url=_address(settings))
    check_port(settings.host, settings.port)
    sign_ins = prepare(settings)
    _hand_over(settings)
    _greet(settings, sign_ins)
    with _beside() if with_worker else contextlib.nullcontext():
        _run(settings)


def _address(settings: Settings) -> str:
    """Where people reach a portal that nobody gave a public address: at the port it really listens
    on.
    """
    if "KB_BASE_URL" in os.environ or "KB_BASE_URL_FILE" in os.environ:
        return settings.base_url
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def check_port(host: str, port: int) -> None:
    """Raises Unavailable or Misconfigured, saying what to change, when the address cannot be
    listened on.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except socket.gaierror as error:
        raise Misconfigured(
            f"KB_HOST: {host} is no address of this machine; 127.0.0.1 always works."
        ) from error
    except OSError as error:
        raise _port_problem(host, port, error) from error


def _port_problem(host: str, port: int, error: OSError) -> Misconfigured | Unavailable:
    if error.errno == errno.EADDRINUSE:
        return Unavailable(
            f"Port {port} on {host} is taken by another program; stop that, or choose another: "
            f"KB_PORT={port + 1}."
        )
    if error.errno == errno.EACCES:
        return Misconfigured(
            f"Port {port} needs more rights than this user has; choose one from 1024 on: "
            f"KB_PORT=8000."
        )
    return Misconfigured(
        f"{host}:{port} cannot be listened on ({error.strerror}); check KB_HOST and KB_PORT."
    )


def prepare(settings: Settings) -> tuple[DemoSignIn, ...]:
    """The data folder, the signing key, the ticket store at its newest form and, for a demo, its
    people.
    """
    make_folder(settings.data)
    kept_key(settings.data)
    centre = HelpCentre.open(settings)
    try:
        centre.searcher.loops()  # before the workers start, which share what is compiled
        return add_demo_accounts(centre.accounts, utc_now()) if settings.demo else ()
    finally:
        centre.close()


def make_folder(data: Path) -> None:
    """Readable by the owner only: tickets are nobody else's business. Raises Misconfigured."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Misconfigured(
            f"KB_DATA: {data} cannot be written ({error.strerror}); give a folder that can."
        ) from error


def _hand_over(settings: Settings) -> None:
    """The workers read the environment; give them what the options said, and absolute folders."""
    told = {
        "KB_HOST": settings.host,
        "KB_PORT": str(settings.port),
        "KB_WORKERS": str(settings.workers),
        "KB_DATA": str(settings.data.resolve()),
        "KB_BASE_URL": settings.base_url,
        "KB_DEMO": "yes" if settings.demo else "no",
    }
    for name, text in told.items():
        os.environ.pop(f"{name}_FILE", None)
        os.environ[name] = text


@contextlib.contextmanager
def _beside() -> Iterator[None]:
    """A worker that ends when its standard input does: with us, however we end."""
    command = [sys.executable, "-P", "-m", "kb", "worker", "--attached"]
    # A Ctrl-C in the terminal is for the server alone, which then ends its worker in order.
    worker = subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        if worker.stdin is not None:
            worker.stdin.close()
        try:
            worker.wait(WORKER_ENDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _greet(settings: Settings, sign_ins: tuple[DemoSignIn, ...]) -> None:
    click.echo(
        f"\n  {settings.portal_name} is at  {click.style(settings.base_url, bold=True)}\n", err=True
    )
    if sign_ins:
        width = max(len(one.email) for one in sign_ins)
        secret = max(len(one.password) for one in sign_ins)
        click.echo("  Demo sign-ins (address, password, who that is):", err=True)
        for one in sign_ins:
            click.echo(f"    {one.email:<{width}}  {one.password:<{secret}}  {one.what}", err=True)
        click.echo("", err=True)
    click.echo("  Ctrl-C stops it.\n", err=True)


def _run(settings: Settings) -> None:
    """The server; it drains what is under way when told to stop. Exit 0 after Ctrl-C, 1 when a
    worker died.
    """
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    server = Granian(
        "webapp.wsgi:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=THREADS,
        backpressure=64,
        workers_kill_timeout=10,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
        websockets=False,
    )
    _only_here(signal.SIGINT, server.signal_handler_interrupt)
    server.serve(target_loader=_load)


def _load(target: str) -> Flask:
    """The application, in a worker. A forked worker keeps our handlers while it starts: it would
    swallow the word to stop, and hang until it is killed; so until it serves, that word ends it."""
    del target
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    said = ""
    while True:
        try:
            from webapp.wsgi import app
        # as when a file is half saved just now; a worker that ended would end the server
        except KbError as error:
            if error.sentence != said:
                said = error.sentence
                click.echo(
                    f"A server process cannot start, and tries again every second: {said}", err=True
                )
            time.sleep(1)
        else:
            if said:
                click.echo("The server process has started.", err=True)
            return app


def _only_here(number: signal.Signals, handle: Callable[[], None]) -> None:
    """Take a signal in this process alone, from now on.

    Ctrl-C in a terminal reaches every process at once, and a worker that is told to stop twice, or
    while it starts, hangs until it is killed. A blocked signal stays blocked in the processes that
    are started later; here a thread waits for it, and the workers are told once, by us.
    """

    def wait() -> None:
        while True:
            signal.sigwait({number})
            handle()

    # multiprocessing starts this helper before its first worker, and unblocks SIGINT and SIGTERM
    # when it has: so now.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    threading.Thread(target=wait, daemon=True).start()
