"""``deploy/nginx.conf`` in a real nginx, in front of a real portal, as visitors reach both."""

from __future__ import annotations

import datetime as dt
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.webapp.test_cli import PATIENCE, command, environment, free_port, wait_for

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
NAME = "help.example.com"
ADDRESS = f"https://{NAME}"
#: Where the visitors are; the proxy reaches the portal from another address of this machine.
VISITOR = "127.0.0.2"


def executable() -> str:
    named = os.environ.get("NGINX", "")
    # Debian's is where only root's PATH looks.
    found = named or shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if not found:
        pytest.skip("No nginx was found; install one, or name it in NGINX.")
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        packed = self.headers["Content-Encoding"] == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()


@dataclass(frozen=True, slots=True)
class Proxied:
    """The portal behind the proxy; who speaks to it checks its certificate."""

    port: int
    certificate: Path
    log: Path
    below: str  # the path of the portal, "" at the root

    def ask(
        self,
        path: str,
        fields: Mapping[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        body = None if fields is None else urlencode(fields)
        if body is not None:
            told |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": ADDRESS,
                "Referer": f"{ADDRESS}/",
            }
        with closing(http.client.HTTPSConnection(NAME, self.port)) as connection:
            connection.sock = self._connected()
            connection.request("GET" if body is None else "POST", self.below + path, body, told)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def _connected(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE, (VISITOR, 0))
        context = ssl.create_default_context(cafile=str(self.certificate))
        return context.wrap_socket(plain, server_hostname=NAME)


@pytest.fixture(params=["", "/support"])
def proxied(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[Proxied]:
    below = str(request.param)
    nginx = executable()
    if not can_bind(VISITOR):
        pytest.skip(f"This machine has no {VISITOR}.")  # macOS has 127.0.0.1 alone
    backend, port = free_port(), free_port()
    certificate, key = write_certificate(tmp_path)
    told = {
        "KB_BASE_URL": ADDRESS + below,
        "KB_TRUSTED_PROXIES": "1",
        "KB_LOG_FORMAT": "json",
    }
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        whole_configuration(tmp_path, port, backend, certificate, key, below), "utf-8"
    )
    log = tmp_path / "portal.log"
    with log.open("w") as stream:
        portal = subprocess.Popen(
            command("--port", str(backend), "--workers", "1", "--without-worker"),
            env={**environment(folder), **told},
            stdout=stream,
            stderr=stream,
            text=True,
        )
        proxy = subprocess.Popen(
            [nginx, "-p", str(tmp_path), "-c", str(configuration)],
            stdout=stream,
            stderr=stream,
            text=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{backend}/healthz", portal).close()
        wait_until_it_listens(port, proxy)
        yield Proxied(port, certificate, log, below)
    finally:
        for process in (proxy, portal):
            process.send_signal(signal.SIGTERM)
        assert [process.wait(PATIENCE) for process in (proxy, portal)] == [0, 0], log.read_text()


def whole_configuration(
    folder: Path, port: int, backend: int, certificate: Path, key: Path, below: str
) -> str:
    """The published file with the names of this test, in what Debian's nginx.conf has around it."""
    server = CONFIGURATION.read_text("utf-8")
    for published, ours in {
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{backend};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/ssl/help.example.com.pem": str(certificate),
        "/etc/ssl/help.example.com.key": str(key),
        "    location / {": f"    location {below}/ {{",
    }.items():
        assert server.count(published) == 1, published
        server = server.replace(published, ours)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""  # others may not enter the tests' folders
    return f"""{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
access_log off;
{folders}
{server}
}}
"""


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    certificate_file, key_file = folder / "certificate.pem", folder / "certificate.key"
    certificate_file.write_bytes(built.public_bytes(pem))
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


def can_bind(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def wait_until_it_listens(port: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError("nginx ended")


def test_visitors_get_pages_files_and_tickets_through_nginx(proxied: Proxied) -> None:
    """In one test, since two servers take their time to start."""
    page = proxied.ask("/", Accept_Encoding="gzip")
    assert page.status == 200
    assert "max-age" in page.headers["Strict-Transport-Security"]
    compressed(page)
    static_files_are_compressed_and_kept_for_a_year(proxied, page.text)
    the_address_is_the_visitors_own(proxied)
    a_body_beyond_the_limit_is_refused_before_it_is_sent(proxied)
    a_ticket_is_filed(proxied)


def compressed(answer: Answer) -> None:
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "accept-encoding" in ", ".join(answer.headers.get_all("Vary", [])).lower()


def static_files_are_compressed_and_kept_for_a_year(proxied: Proxied, page: str) -> None:
    own = re.escape(proxied.below)
    addresses = set(re.findall(rf'(?:href|src)="{own}(/static/[^"]+\?v=[^"]+)"', page))
    assert any(".css?" in address for address in addresses)
    assert any(".js?" in address for address in addresses)
    for address in addresses:
        answer = proxied.ask(unescape(address), Accept_Encoding="gzip")
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        if re.search(r"\.(css|js|svg)\?", address) and len(answer.text) > 1024:
            compressed(answer)


def the_address_is_the_visitors_own(proxied: Proxied) -> None:
    """Neither the address nor the id of the request is the visitor's to give."""
    forged = "f" * 16
    answer = proxied.ask("/faq", X_Forwarded_For="203.0.113.9", X_Request_ID=forged)
    given = answer.headers["X-Request-ID"]
    assert given != forged
    records = [
        json.loads(line) for line in proxied.log.read_text().splitlines() if line.startswith("{")
    ]
    [record] = [record for record in records if given in record.values()]
    assert record["address"] == VISITOR


def a_body_beyond_the_limit_is_refused_before_it_is_sent(proxied: Proxied) -> None:
    assert proxied.ask("/tickets", Content_Length=str(211 * 1024 * 1024)).status == 413


def a_ticket_is_filed(proxied: Proxied) -> None:
    form = proxied.ask("/tickets/new")
    cookie = form.headers["Set-Cookie"]
    assert cookie.startswith("__Host-askfirst" + proxied.below.replace("/", "-") + "=")
    assert "Secure" in cookie
    hidden = {
        name[1]: unescape(value[1]) if (value := re.search(r'value="([^"]*)"', tag)) else ""
        for tag in re.findall(r'<input type="hidden"[^>]*>', form.text)
        if (name := re.search(r'name="([^"]+)"', tag))
    }
    told = {
        **hidden,
        "title": "The lamp at the gate flickers",
        "type": "problem",
        "description": "Since Monday.",
        "name": "Gus",
        "email": "gus@example.org",
    }
    severity = re.search(r'name="severity" value="([^"]+)"', form.text)
    assert severity
    told["severity"] = severity[1]
    filed = proxied.ask("/tickets", told, Cookie=cookie.partition(";")[0])
    assert filed.status == 303, filed.text
    assert re.match(rf"({ADDRESS})?{proxied.below}/tickets/KB-\d+", filed.headers["Location"])
