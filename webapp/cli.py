"""`kb serve`: starts the portal.

Settings, port, data folder and policies are checked first, so that a mistake is one sentence and
not a log. Where nothing is published yet, `kb index` runs first, as a process of its own, since the
portal knows nothing of indexing. Then the server takes over, with a worker beside it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from kb.centre import HelpCentre
from kb.cli_options import data_option, site_option
from kb.errors import KbError, Misconfigured, Unavailable
from kb.jobs.index_runner import KB_COMMAND
from kb.operations import logs
from kb.operations.signing_key import kept_key
from kb.people.demo import DemoSignIn, add_demo_accounts
from kb.search.installation import search_engine
from kb.settings import Settings, load_settings
from kb.site.data_folder import claim_data_folder
from webapp import create_app
from webapp.companions import Companion, companion_command, record_end
from webapp.context import utc_now
from webapp.security.start_checks import check_start


@click.command()
@click.option(
    "--demo",
    is_flag=True,
    help="Create demo accounts and show their passwords; never on a real portal.",
)
@site_option
@click.option("--host", help="The address to listen on (KB_HOST).")
@click.option("--port", help="The port to listen on (KB_PORT).")
@click.option("--workers", help="Server processes (KB_WORKERS).")
@data_option
@click.option(
    "--with-worker/--without-worker",
    default=True,
    show_default=True,
    help="Run one `kb worker` for as long as the portal runs, so that e-mails are sent.",
)
def serve(
    demo: bool,
    site: str | None,
    host: str | None,
    port: str | None,
    workers: str | None,
    data: str | None,
    *,
    with_worker: bool,
) -> None:
    """Serve the portal until Ctrl-C."""
    from webapp.server import run  # other commands need no server

    os.umask(0o077)  # whatever the server writes is for its own user only
    chosen = "yes" if demo else None
    settings = load_settings(
        site=site, host=host, port=port, workers=workers, data=data, demo=chosen
    )
    settings = replace(settings, base_url=_address(settings))
    logs.set_up(settings.log_level, settings.log_format)
    check_start(settings)
    check_port(settings.host, settings.port)
    name, sign_ins = prepare(settings)
    hand_over(settings)
    if settings.metrics:
        _prepare_metrics(settings.data, settings.metrics)
    if search_engine(settings.data).generations.published_name() is None:
        _publish_first()
    _greet(name, settings.base_url, sign_ins)
    with contextlib.ExitStack() as companions:
        if with_worker:
            worker_ended = partial(record_end, settings.database_location)
            command = companion_command("worker")
            companions.enter_context(Companion("worker", command, worker_ended))
        if settings.metrics:
            command = companion_command("metrics")
            companions.enter_context(Companion("metrics", command, lambda: None))
        run(settings)


def _address(settings: Settings) -> str:
    """The public address; without a configured one, the port that the server listens on."""
    if "KB_BASE_URL" in os.environ or "KB_BASE_URL_FILE" in os.environ:
        return settings.base_url
    everywhere = ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
    host = "127.0.0.1" if settings.host in everywhere else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def check_port(host: str, port: int, setting: str = "KB_PORT=") -> None:
    """Raises Unavailable or Misconfigured when the server could not listen at the address.

    ``setting`` is what stands before a port that would do.
    """
    try:
        family, _, _, _, socket_address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(socket_address)
    except socket.gaierror as error:
        raise Misconfigured(
            f"KB_HOST: {host} is not an address of this machine. 127.0.0.1 always works."
        ) from error
    except OSError as error:
        raise _port_problem(host, port, setting, error) from error


def _port_problem(
    host: str, port: int, setting: str, error: OSError
) -> Misconfigured | Unavailable:
    if error.errno == errno.EADDRINUSE:
        return Unavailable(
            f"Port {port} on {host} is in use by another program. Stop that program, or choose "
            f"another port: {setting}{port + 1}."
        )
    if error.errno == errno.EACCES:
        return Misconfigured(
            f"Port {port} needs more privileges than this user has. Choose a port from 1024: "
            f"{setting}8000."
        )
    return Misconfigured(
        f"Cannot listen on {host}:{port} ({error.strerror}). Choose another address."
    )


def prepare(settings: Settings) -> tuple[str, tuple[DemoSignIn, ...]]:
    """Creates the data folder, the signing key and the database; for a demo, its accounts.

    Returns the name of the site, and how to sign in to the demo accounts.
    """
    make_folder(settings.data)
    if settings.site:
        claim_data_folder(settings.data, Path(settings.site))
    kept_key(settings.data)
    centre = HelpCentre.open(settings)
    try:
        # Before the server processes start, which share what is compiled and loaded: also all of
        # the portal's modules.
        centre.searcher.prepare()
        create_app(replace(settings, metrics=None), centre)
        centre.accounts.second_factors.reseal()  # after this, an earlier signing key can go
        if not settings.demo:
            return centre.site.name, ()
        return centre.site.name, add_demo_accounts(centre.accounts, utc_now(), centre.cast)
    finally:
        centre.close()


def make_folder(data: Path) -> None:
    """Creates the folder for its owner only, since tickets are private. Raises Misconfigured."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Misconfigured(
            f"KB_DATA: {data} is not writable ({error.strerror}). Choose a writable folder."
        ) from error


def hand_over(settings: Settings) -> None:
    """Puts the options into the environment, which the server processes read."""
    variables = {
        "KB_SITE": str(Path(settings.site).resolve()) if settings.site else "",
        "KB_HOST": settings.host,
        "KB_PORT": str(settings.port),
        "KB_WORKERS": str(settings.workers),
        "KB_DATA": str(settings.data.resolve()),
        "KB_BASE_URL": settings.base_url,
        "KB_DEMO": "yes" if settings.demo else "no",
    }
    for name, text in variables.items():
        os.environ.pop(f"{name}_FILE", None)
        os.environ[name] = text


def _prepare_metrics(data: Path, address: tuple[str, int]) -> None:
    """Starts from zero. Raises Misconfigured when nothing could listen at the address."""
    from kb.operations.metrics import clear_metrics

    try:
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        check_port(*address, setting=f"KB_METRICS={host}:")
    except KbError as error:
        raise Misconfigured(
            f"KB_METRICS: {address[0]}:{address[1]} cannot be used. {error.sentence}",
            field="metrics",
        ) from error
    clear_metrics(data)


def _publish_first() -> None:
    """Publishes the content of a new portal. If that fails, people can still file tickets."""
    click.echo("Nothing is published yet. Running `kb index` first ...", err=True)
    # Its report goes to stderr, as all that is told here; the caller may not read stdout at all.
    done = subprocess.run(  # noqa: S603 - our own program
        [*KB_COMMAND, "index"], stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), check=False
    )
    if done.returncode:
        click.echo(
            "Nothing was published, so search finds nothing until `kb index` succeeds. Tickets can "
            "be filed.",
            err=True,
        )


def _greet(name: str, address: str, sign_ins: tuple[DemoSignIn, ...]) -> None:
    click.echo(f"\n  {name} is at  {click.style(address, bold=True)}\n", err=True)
    if sign_ins:
        emails = max(len(account.email) for account in sign_ins)
        passwords = max(len(account.password) for account in sign_ins)
        click.echo("  Demo accounts (e-mail, password, role):", err=True)
        for account in sign_ins:
            columns = f"{account.email:<{emails}}  {account.password:<{passwords}}  {account.what}"
            click.echo(f"    {columns}", err=True)
        click.echo("", err=True)
    click.echo("  Press Ctrl-C to stop.\n", err=True)
