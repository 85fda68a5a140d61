"""Mail that a provider posts: signed according to Standard Webhooks 1.0.0, or as Mailgun signs.

A provider that signs in neither way posts through a small program of its own, which signs. Pure.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from kb.errors import Forbidden, Invalid
from kb.mail.envelope import Envelope
from kb.notifications.channels.webhook import sign_webhook

MAILGUN_PREFIX = "mailgun:"
#: Somebody may have recorded an older message to send it again.
_WINDOW = dt.timedelta(minutes=5)


def signed_mail(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: dt.datetime
) -> tuple[bytes, Envelope]:
    """The mail in a request whose body is the mail itself. Raises Forbidden for a wrong signature.

    The optional headers ``mail-from`` and ``mail-to`` are its envelope.
    """
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    own = [secret for secret in secrets if not secret.startswith(MAILGUN_PREFIX)]
    _check_time(timestamp, now)
    expected = sign_webhook(own, message_id, int(timestamp), body).split()
    given = headers.get("webhook-signature", "").split()
    if not message_id or not _any_equal(expected, given):
        raise _wrong()
    recipients = tuple(filter(None, headers.get("mail-to", "").replace(",", " ").split()))
    return body, Envelope(headers.get("mail-from"), recipients, "hook")


def mailgun_mail(
    form: Mapping[str, str], secrets: Sequence[str], *, now: dt.datetime
) -> tuple[bytes, Envelope]:
    """The mail in a form of Mailgun's route. Raises Forbidden, and Invalid without a whole mail."""
    timestamp, token = form.get("timestamp", ""), form.get("token", "")
    keys = [
        secret.removeprefix(MAILGUN_PREFIX)
        for secret in secrets
        if secret.startswith(MAILGUN_PREFIX)
    ]
    _check_time(timestamp, now)
    signed = f"{timestamp}{token}".encode()
    expected = [hmac.new(key.encode(), signed, hashlib.sha256).hexdigest() for key in keys]
    if not token or not _any_equal(expected, [form.get("signature", "")]):
        raise _wrong()
    raw = form.get("body-mime", "")
    if not raw:
        raise Invalid("Use a route that ends in /mime, so that it sends whole e-mails.")
    recipients = tuple(filter(None, form.get("recipient", "").replace(",", " ").split()))
    return raw.encode("utf-8", "surrogateescape"), Envelope(form.get("sender"), recipients, "hook")


def _check_time(timestamp: str, now: dt.datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise _wrong()
    if abs(now.timestamp() - int(timestamp)) > _WINDOW.total_seconds():
        raise _wrong()


def _any_equal(expected: Sequence[str], given: Sequence[str]) -> bool:
    """All pairs are compared, so that the time taken does not tell which one is right."""
    matches = [
        hmac.compare_digest(each.encode(), other.encode("utf-8", "replace"))
        for each in expected
        for other in given[:10]
    ]
    return any(matches)


def _wrong() -> Forbidden:
    return Forbidden("The signature of this e-mail is missing, wrong, or older than 5 minutes.")
