"""How does a mail or a webhook leave the house?

Two ways out, each with one error that says whether trying again can help. Webhooks are signed as
Standard Webhooks
1.0.0 says and never reach into the operator's own network unless a setting allows it. What is sent
  is decided before.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import http.client
import ipaddress
import json
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 20.0  # seconds


class DeliveryFailed(Exception):
    """``sentence`` says what went wrong; ``permanent``: trying again will not help."""

    def __init__(self, sentence: str, *, permanent: bool) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Mailer:
    """A mail server. ``tls`` is starttls, tls or no."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: str = "starttls"

    def send(self, message: EmailMessage, *, bounces_to: str) -> None:
        """``bounces_to`` empty: nowhere, as answers of robots must not be answered (RFC 3834).
        Raises Undelivered.
        """
        recipient = str(message["To"])
        try:
            with self._connected() as server:
                server.send_message(message, from_addr=bounces_to or "<>", to_addrs=[recipient])
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()), (550, b""))
            raise DeliveryFailed(
                f"{recipient} was refused: {code} {_text(said)}", permanent=code >= 500
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            sentence = f"{self.host} does not accept the user and password: {error.smtp_code}"
            raise DeliveryFailed(
                sentence, permanent=False
            ) from None  # a setting, which will be mended
        except smtplib.SMTPResponseException as error:
            sentence = f"{self.host}: {error.smtp_code} {_text(error.smtp_error)}"
            raise DeliveryFailed(sentence, permanent=error.smtp_code >= 500) from None
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(
                f"{self.host}:{self.port} cannot be reached: {error}", permanent=False
            ) from None

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=TIMEOUT, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
        try:
            if self.tls == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


def _text(said: bytes | str) -> str:
    return (said.decode("utf-8", "replace") if isinstance(said, bytes) else said)[:200]


def signature(secrets: Sequence[str], message_id: str, at: int, body: bytes) -> str:
    """One ``v1,`` signature for each secret, so that keys can change without a gap (Standard
    Webhooks 1.0.0).

    >>> signature(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1614265330, ...           b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    signed = f"{message_id}.{at}.".encode() + body
    made = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        made.append(
            "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        )
    return " ".join(made)


@dataclass(frozen=True, slots=True)
class Webhooks:
    secrets: tuple[str, ...] = ()
    private: bool = False  # whether addresses inside one's own network are allowed

    def post(self, url: str, message_id: str, body: Mapping[str, Any], *, now: dt.datetime) -> None:
        """Raises Undelivered; a redirect is a failure, since it may lead anywhere."""
        data = json.dumps(body, separators=(",", ":")).encode()
        at = int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(at),
        }
        if self.secrets:
            headers["webhook-signature"] = signature(self.secrets, message_id, at, data)
        try:
            status = self._posted(url, data, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeliveryFailed(f"{url} cannot be reached: {error}", permanent=False) from None
        if not 200 <= status < 300:
            raise DeliveryFailed(f"{url} answered {status}", permanent=status == http.client.GONE)

    def _posted(self, url: str, data: bytes, headers: Mapping[str, str]) -> int:
        parts = urlsplit(url)
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        # Connected to the very address that was examined: a name that changes its mind in between
        # gains nothing.
        connection.sock = _socket(self._address(url, host, port), host, secure=secure)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(
                "POST",
                path,
                body=data,
                headers={**headers, "host": parts.netloc.rpartition("@")[2]},
            )
            return connection.getresponse().status
        finally:
            connection.close()

    def _address(self, url: str, host: str, port: int) -> tuple[str, int]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]).split("%")[0] for entry in found]
        if not self.private and not all(reachable(address) for address in addresses):
            sentence = (
                f"{url} leads into a private network; set KB_WEBHOOK_PRIVATE to yes when "
                f"that is meant"
            )
            raise DeliveryFailed(sentence, permanent=True)
        return addresses[0], port


def reachable(address: str) -> bool:
    """Whether it is an address of the open internet.

    >>> reachable("127.0.0.1"), reachable("::ffff:10.0.0.1"), reachable("169.254.169.254"),
    reachable("1.1.1.1") (False, False, False, True)
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed.sixtofour or parsed
    return parsed.is_global and not parsed.is_multicast


def _socket(address: tuple[str, int], host: str, *, secure: bool) -> socket.socket:
    plain = socket.create_connection(address, timeout=TIMEOUT)
    if not secure:
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise
