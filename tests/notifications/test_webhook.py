"""The webhook channel: signed requests, and none into the operator's own network."""

from __future__ import annotations

import base64

import pytest

from kb.notifications.channels import DeliveryFailed
from kb.notifications.channels.webhook import WebhookChannel, is_public_address, sign_webhook
from tests.notifications.servers import Receiver
from tests.world import FRIDAY

SECRETS = tuple("whsec_" + base64.b64encode(letter * 24).decode() for letter in (b"k", b"n"))


def test_a_request_is_signed_with_every_secret(receiver: Receiver) -> None:
    WebhookChannel(SECRETS, allow_private=True).post(receiver.url, "evt_1", {"a": 1}, now=FRIDAY)
    ((headers, body),) = receiver.requests
    timestamp = int(FRIDAY.timestamp())
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("evt_1", str(timestamp))
    assert headers["webhook-signature"] == sign_webhook(SECRETS, "evt_1", timestamp, body)
    assert len(headers["webhook-signature"].split()) == 2


@pytest.mark.parametrize(
    ("status", "permanent"), [(500, False), (404, False), (302, False), (410, True)]
)
def test_every_status_but_success_is_a_failure_and_gone_is_final(
    receiver: Receiver, status: int, permanent: bool
) -> None:
    receiver.status = status
    with pytest.raises(DeliveryFailed) as failed:
        WebhookChannel(allow_private=True).post(receiver.url, "evt_1", {}, now=FRIDAY)
    assert failed.value.permanent is permanent
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "169.254.169.254",
        "10.0.0.1",
    ],
)
def test_a_webhook_never_reaches_into_the_own_network(receiver: Receiver, host: str) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    with pytest.raises(DeliveryFailed) as refused:
        WebhookChannel().post(f"http://{host}:{port}/", "evt_1", {}, now=FRIDAY)
    assert refused.value.permanent
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("::ffff:93.184.216.34", True),
        ("::ffff:192.168.0.1", False),
        ("64:ff9b::93.184.216.34", True),  # NAT64
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::169.254.169.254", False),
        ("64:ff9b::127.0.0.1", False),
        ("64:ff9b:1::93.184.216.34", False),  # NAT64 of one network
        ("64:ff9b:1:fffe::10.0.0.1", False),
        ("2002:5db8:d822::1", True),  # 6to4 of 93.184.216.34
        ("2002:a00:1::1", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),  # Teredo
        ("2001:0:a00:1::f5ff:fffe", False),
        ("::10.0.0.1", False),  # IPv4-compatible
        ("::93.184.216.34", False),
        ("2606:4700::5efe:10.0.0.1", False),  # ISATAP
        ("2606:4700::200:5efe:93.184.216.34", True),
        ("fec0::1", False),
        ("feff::1", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("ff0e::1", False),
        ("::1", False),
        ("::", False),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
    ],
)
def test_an_address_is_public_only_if_every_address_inside_it_is(
    address: str, is_public: bool
) -> None:
    assert is_public_address(address) is is_public


@pytest.mark.parametrize("url", ["http://", "http://x.invalid/", "http://127.0.0.1:1/"])
def test_a_url_that_cannot_be_reached_is_tried_again(url: str) -> None:
    with pytest.raises(DeliveryFailed) as failed:
        WebhookChannel(allow_private=True).post(url, "evt_1", {}, now=FRIDAY)
    assert not failed.value.permanent
