"""The webhook channel: events as signed POST requests to the operator's URLs.

Signed according to Standard Webhooks 1.0.0. A webhook never reaches into the operator's own network
unless a setting allows it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from kb.notifications.channels import DELIVERY_TIMEOUT, DeliveryFailed
from kb.notifications.outbox import WEBHOOK_QUEUE, ClaimedMessage

#: IPv6 networks whose addresses contain an IPv4 address, and how far it is from the right end.
_TRANSLATED = (
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)
#: RFC 5214: the last but one group of 32 bits says that an IPv4 address follows.
_ISATAP = (0x00005EFE, 0x02005EFE)
#: Not on the internet, or ways around it, whatever the standard library of a Python version says.
_NEVER_PUBLIC = (
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, RFC 4291; also :: and ::1
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # NAT64 within one network, RFC 8215
    ipaddress.IPv6Network("2001::/32"),  # Teredo, RFC 4380
    ipaddress.IPv6Network("fec0::/10"),  # site-local, RFC 3879
)


class WebhookChannel:
    """``secrets`` sign what goes to the URLs of the settings, and ``secrets_of`` an endpoint gives
    its own, None once nothing is to be sent to it any longer. ``complete`` adds to a body what is
    only known when it is sent. ``allow_private`` permits addresses inside the operator's network.
    """

    queue = WEBHOOK_QUEUE

    def __init__(
        self,
        secrets: Sequence[str] = (),
        *,
        secrets_of: Callable[[int], Sequence[str] | None] = lambda _: None,
        complete: Callable[[Mapping[str, Any], dt.datetime], Mapping[str, Any]] = lambda body, _: (
            body
        ),
        allow_private: bool = False,
    ) -> None:
        self._secrets = tuple(secrets)
        self._secrets_of = secrets_of
        self._complete = complete
        self._allow_private = allow_private

    def deliver(self, batch: Sequence[ClaimedMessage], now: dt.datetime) -> None:
        (job,) = batch
        secrets: Sequence[str] | None = self._secrets
        if job.endpoint_id is not None:
            secrets = self._secrets_of(job.endpoint_id)
        if secrets is None:
            raise DeliveryFailed("The endpoint is paused or was removed.", permanent=True)
        body = self._complete(job.facts["body"], now)
        self.post(job.facts["url"], job.facts["id"], body, secrets=secrets, now=now)

    def post(
        self,
        url: str,
        message_id: str,
        body: Mapping[str, Any],
        *,
        secrets: Sequence[str] | None = None,
        now: dt.datetime,
    ) -> None:
        """Raises DeliveryFailed; a redirect is a failure, because it may lead anywhere."""
        secrets = self._secrets if secrets is None else secrets
        data = json.dumps(body, separators=(",", ":")).encode()
        timestamp = int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        if secrets:
            headers["webhook-signature"] = sign_webhook(secrets, message_id, timestamp, data)

        try:
            status = self._send(url, data, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeliveryFailed(f"{url} cannot be reached: {error}", permanent=False) from None
        if not 200 <= status < 300:
            # Gone is how a receiver unsubscribes.
            raise DeliveryFailed(f"{url} answered {status}", permanent=status == http.client.GONE)

    def _send(self, url: str, data: bytes, headers: Mapping[str, str]) -> int:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_secure = parts.scheme == "https"
        port = parts.port or (443 if is_secure else 80)
        connection = http.client.HTTPConnection(host, port, timeout=DELIVERY_TIMEOUT)
        # Connects to the very address that was checked: a name that resolves to another one in
        # between gains nothing.
        connection.sock = _connect(self._resolve(url, host, port), host, is_secure=is_secure)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {**headers, "host": parts.netloc.rpartition("@")[2]}
            connection.request("POST", path, body=data, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _resolve(self, url: str, host: str, port: int) -> tuple[str, int]:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]).split("%")[0] for entry in entries]
        if not self._allow_private and not all(is_public_address(each) for each in addresses):
            raise DeliveryFailed(
                f"{url} is in a private network. Set KB_WEBHOOK_PRIVATE to yes to allow this.",
                permanent=True,
            )
        return addresses[0], port


def sign_webhook(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """One ``v1,`` signature for each secret, so that keys can be rotated without a gap.

    >>> sign_webhook(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek",
    ...              1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, content, hashlib.sha256).digest()
        signatures.append("v1," + base64.b64encode(digest).decode())
    return " ".join(signatures)


def is_public_address(address: str) -> bool:
    """Whether an IP address, and each IPv4 address inside it, belongs to the public internet.

    >>> [is_public_address(each) for each in ("127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1")]
    [False, False, False]
    >>> [is_public_address(each) for each in ("1.1.1.1", "64:ff9b::101:101")]
    [True, True]
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast
    if parsed.ipv4_mapped is not None:  # the IPv4 address itself, in another spelling
        return is_public_address(str(parsed.ipv4_mapped))
    if any(parsed in network for network in _NEVER_PUBLIC):
        return False
    return (
        parsed.is_global
        and not parsed.is_multicast
        and all(is_public_address(str(inner)) for inner in _embedded(parsed))
    )


def _embedded(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses to which a translator or a tunnel would carry a connection."""
    bits = int(address)
    for network, shift in _TRANSLATED:
        if address in network:
            yield ipaddress.IPv4Address(bits >> shift & 0xFFFFFFFF)
    if bits >> 32 & 0xFFFFFFFF in _ISATAP:
        yield ipaddress.IPv4Address(bits & 0xFFFFFFFF)


def _connect(address: tuple[str, int], host: str, *, is_secure: bool) -> socket.socket:
    plain = socket.create_connection(address, timeout=DELIVERY_TIMEOUT)
    if not is_secure:
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise
