"""Webhook endpoints for administrators: add, pause, remove, test, see deliveries and replay them.

Each endpoint has its own secret, which is shown once and stored sealed with the signing key. What
is sent names the ticket with its title and its present values; see ``message_body``.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from kb import ids
from kb.database import Database
from kb.errors import Invalid, KbError, NotFound
from kb.people.second_factor.secret_cipher import SecretCipher
from kb.webhooks.events import WEBHOOK_TEST, checked_events
from kb.webhooks.feed import webhook_job
from kb.webhooks.repository import Delivery, EndpointRepository, WebhookEndpoint

__all__ = ["Delivery", "NewEndpoint", "WebhookEndpoint", "Webhooks"]

MOST_ENDPOINTS = 20
_LONGEST_URL = 500
_SECRET_BYTES = 32
LISTED_DELIVERIES = 50


class NewEndpoint(NamedTuple):
    """An endpoint and its secret, which is never shown again."""

    endpoint: WebhookEndpoint
    secret: str


class Webhooks:
    """``base_url`` is that of the portal, for links. Without ``allow_plain``, addresses begin with
    https.
    """

    def __init__(
        self,
        database: Database,
        signing_keys: Callable[[], Sequence[str]],
        base_url: str,
        *,
        allow_plain: bool = False,
    ) -> None:
        self._repository = EndpointRepository(database)
        self._sealer = SecretCipher(signing_keys)
        self._base_url = base_url
        self._allow_plain = allow_plain

    # --- for administrators

    def add(self, url: str, events: Collection[str], *, now: dt.datetime) -> NewEndpoint:
        """Raises Invalid by field."""
        url, chosen = self._checked_url(url), checked_events(events)
        if len(self._repository.all()) >= MOST_ENDPOINTS:
            raise Invalid(f"There can be up to {MOST_ENDPOINTS} endpoints.", field="url")
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        endpoint_id = self._repository.add(url, chosen, now)
        sealed = self._sealer.seal(_purpose(endpoint_id), secret.encode())
        self._repository.change(endpoint_id, sealed_secret=sealed, active=True)
        return NewEndpoint(self.get(endpoint_id), secret)

    def all(self) -> tuple[WebhookEndpoint, ...]:
        return self._repository.all()

    def get(self, endpoint_id: int) -> WebhookEndpoint:
        """Raises NotFound."""
        endpoint = self._repository.get(endpoint_id)
        if endpoint is None:
            raise _no_such_endpoint()
        return endpoint

    def choose(self, endpoint_id: int, events: Collection[str]) -> None:
        """Other types of events, from now on. Raises Invalid, NotFound."""
        if not self._repository.change(endpoint_id, events=checked_events(events)):
            raise _no_such_endpoint()

    def switch(self, endpoint_id: int, *, on: bool) -> None:
        """Pauses or resumes an endpoint. Raises NotFound."""
        if not self._repository.change(endpoint_id, active=on):
            raise _no_such_endpoint()

    def remove(self, endpoint_id: int) -> None:
        """Raises NotFound."""
        if not self._repository.remove(endpoint_id):
            raise _no_such_endpoint()

    def test(self, endpoint_id: int, *, now: dt.datetime) -> None:
        """Sends a message that says that it is a test. Raises NotFound."""
        endpoint = self.get(endpoint_id)
        payload = {
            "id": f"tst_{secrets.token_hex(8)}",
            "type": WEBHOOK_TEST,
            "timestamp": now.isoformat(),
            "data": {"endpoint": endpoint_id},
        }
        job = webhook_job(payload, endpoint.url, now, endpoint_id=endpoint_id)
        self._repository.add_job(job)

    def deliveries(self, endpoint_id: int) -> tuple[Delivery, ...]:
        """The latest ones. Raises NotFound."""
        self.get(endpoint_id)
        return self._repository.deliveries(endpoint_id, LISTED_DELIVERIES)

    def replay(self, endpoint_id: int, delivery_id: int, *, now: dt.datetime) -> None:
        """Sends a delivery again, with the same id. Raises NotFound for one that waits."""
        if not self._repository.replay(endpoint_id, delivery_id, now):
            raise NotFound("This delivery does not exist, or is still being sent.")

    def _checked_url(self, url: str) -> str:
        url = url.strip()
        try:
            parts = urlsplit(url)
            is_address = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        schemes = ("https", "http") if self._allow_plain else ("https",)
        if not is_address or parts.scheme not in schemes or len(url) > _LONGEST_URL:
            raise Invalid(
                "Enter an address that begins with https://, such as "
                "https://www.example.com/hooks/askfirst.",
                field="url",
            )
        if not url.isprintable() or " " in url or "@" in parts.netloc:
            raise Invalid(
                "The address must not contain spaces, a user name or a password.", field="url"
            )
        return url

    # --- for the worker

    def secrets_of(self, endpoint_id: int) -> tuple[str, ...] | None:
        """The secret with which to sign; None for an endpoint that is paused or gone."""
        endpoint = self._repository.get(endpoint_id)
        if endpoint is None or not endpoint.active:
            return None
        try:
            opened = self._sealer.open(_purpose(endpoint_id), endpoint.sealed_secret)
        except KbError:
            return None  # the signing key is another one: the endpoint has to be added again
        return (opened.decode(),)

    def message_body(self, body: Mapping[str, Any], *, now: dt.datetime) -> dict[str, Any]:
        """What is sent: with a link, and for a ticket its title and its values as they are now."""
        data = dict(body["data"])
        if "path" in data:
            data["url"] = self._base_url + data.pop("path")
        serial = ids.ticket_serial(data.get("number", ""))
        ticket = self._repository.ticket(serial, now) if serial is not None else None
        if ticket is not None:
            due = ticket.due.due if ticket.due else None
            data |= {
                "title": ticket.title,
                "url": f"{self._base_url}/tickets/{ticket.number}",
                "ticket": {
                    "status": ticket.status,
                    "severity": ticket.severity,
                    "level": ticket.level,
                    "product": ticket.product,
                    "requester": ticket.customer,
                    "organisation": ticket.organisation,
                    "assignee": ticket.assignee,
                    "due": due.isoformat() if due else None,
                },
            }
        return {**body, "data": data}


def _purpose(endpoint_id: int) -> str:
    return f"webhook endpoint {endpoint_id}"


def _no_such_endpoint() -> NotFound:
    return NotFound("There is no such endpoint. It may have been removed.")
