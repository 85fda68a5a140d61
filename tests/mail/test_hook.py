"""The hook of mail providers: only what is signed, and only for five minutes."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac

import pytest

from kb.errors import Forbidden, Invalid
from kb.mail.listeners.hook import mailgun_mail, signed_mail
from kb.notifications.channels.webhook import sign_webhook
from tests.mail.mails import SUPPORT, mail
from tests.world import FRIDAY

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjU" + "PD8ILPZIo2LaLaSw"
KEY = "mailgun:key-of-twenty-characters"


def headers(body: bytes, **changed: str) -> dict[str, str]:
    timestamp = int(FRIDAY.timestamp())
    signature = sign_webhook([SECRET], "m1", timestamp, body)
    values = {"webhook-id": "m1", "webhook-timestamp": str(timestamp)}
    values |= {"webhook-signature": signature, "mail-from": "a@example.com", "mail-to": SUPPORT}
    return values | {name.replace("_", "-"): value for name, value in changed.items()}


def test_a_signed_mail_is_taken_with_its_envelope() -> None:
    body = mail()
    raw, envelope = signed_mail(headers(body), body, [KEY, SECRET], now=FRIDAY)
    assert raw == body
    assert (envelope.sender, envelope.recipients) == ("a@example.com", (SUPPORT,))


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook_signature": "v1,AAAA"},
        {"webhook_signature": ""},
        {"webhook_id": "m2"},
        {"webhook_id": ""},
        {"webhook_timestamp": "1"},
        {"webhook_timestamp": "soon"},
    ],
)
def test_what_is_not_signed_is_refused(changed: dict[str, str]) -> None:
    body = mail()
    with pytest.raises(Forbidden):
        signed_mail(headers(body, **changed), body, [SECRET], now=FRIDAY)


def test_a_signature_of_yesterday_and_of_another_secret_are_refused() -> None:
    body = mail()
    for secrets, now in (
        ([SECRET], FRIDAY + dt.timedelta(minutes=6)),
        ([], FRIDAY),
        ([KEY], FRIDAY),
    ):
        with pytest.raises(Forbidden):
            signed_mail(headers(body), body, secrets, now=now)


def form(**changed: str) -> dict[str, str]:
    timestamp, token = str(int(FRIDAY.timestamp())), "t" * 50
    key = KEY.removeprefix("mailgun:").encode()
    signature = hmac.new(key, f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    values = {"timestamp": timestamp, "token": token, "signature": signature}
    values |= {"body-mime": mail().decode(), "sender": "a@example.com", "recipient": SUPPORT}
    return values | changed


def test_mailgun_signs_in_its_own_way() -> None:
    raw, envelope = mailgun_mail(form(), [SECRET, KEY], now=FRIDAY)
    assert raw == mail()
    assert envelope.recipients == (SUPPORT,)
    with pytest.raises(Forbidden):
        mailgun_mail(form(token="x"), [KEY], now=FRIDAY)
    with pytest.raises(Forbidden):
        mailgun_mail(form(), [SECRET], now=FRIDAY)
    with pytest.raises(Invalid):
        mailgun_mail(form(**{"body-mime": ""}), [KEY], now=FRIDAY)
