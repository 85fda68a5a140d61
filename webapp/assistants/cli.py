"""`kb mcp`: the help centre as tools for AI assistants."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import click

from kb.errors import Misconfigured
from kb.settings import load_settings

#: The API key of an assistant that runs on one's own machine.
KEY_VARIABLE = "ASKFIRST_KEY"


@click.command()
@click.option(
    "--portal", default="", help="The address of the portal. Default: KB_BASE_URL.", metavar="URL"
)
@click.option(
    "--http",
    "listen",
    default="",
    metavar="HOST:PORT",
    help="Serve streamable HTTP at /mcp of this address instead of stdin and stdout.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="With --http: a host name for which a proxy forwards requests.",
)
def mcp(portal: str, listen: str, hosts: tuple[str, ...]) -> None:
    """Serve the help centre to AI assistants (Model Context Protocol).

    Without --http, an assistant starts this command itself and talks to it over stdin and stdout;
    ASKFIRST_KEY can contain an API key. With --http, each request brings its own key.
    """
    address = portal or load_settings().base_url
    if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).netloc:
        raise Misconfigured(f"--portal: {address!r} is not an http or https address.")
    try:
        from webapp.assistants import mcp_server
    except ImportError:
        raise Misconfigured(
            "kb mcp needs the extra mcp. Install it with: pip install 'askfirst[mcp]'"
        ) from None
    if not listen:
        mcp_server.serve_stdio(address, os.environ.get(KEY_VARIABLE, ""))
        return
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise Misconfigured(f"--http: {listen!r} is not HOST:PORT, such as 127.0.0.1:8100.")
    mcp_server.serve_http(address, host.strip("[]"), int(port), [host, "localhost", *hosts])
