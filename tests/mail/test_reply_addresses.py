"""Reply addresses: what they carry, which of them hold, and what a stranger can do with one."""

from __future__ import annotations

import datetime as dt
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.mail.reply_addresses import (
    NO_PERSON,
    REPLY_TOKEN_LIFETIME,
    ReplyAddresses,
    ReplyToken,
    split_reply_address,
)

NOW = dt.datetime(2026, 11, 25, 9, 30, tzinfo=dt.UTC)
KEY, EARLIER_KEY = "k" * 48, "e" * 48
MAILBOX = "support@example.com"
ADDRESSES = ReplyAddresses([KEY])
TOKEN = ReplyToken(1042, 7)


@given(st.integers(1, 10**12), st.integers(NO_PERSON, 10**9))
def test_an_address_leads_back_to_its_ticket_and_person(serial: int, person: int) -> None:
    token = ReplyToken(serial, person)

    address = ADDRESSES.mint(MAILBOX, token, now=NOW)

    assert ADDRESSES.verify(address, now=NOW) == token
    assert len(address.partition("@")[0]) <= 64
    assert split_reply_address(address)[0] == MAILBOX


def test_a_mail_server_may_change_the_case_of_an_address() -> None:
    address = ADDRESSES.mint(MAILBOX, TOKEN, now=NOW)

    assert set(address) <= {*string.ascii_lowercase, *string.digits, *"+@."}
    assert ADDRESSES.verify(address.upper(), now=NOW) == TOKEN
    assert ADDRESSES.verify(f" {address.title()} ", now=NOW) == TOKEN


def test_every_changed_character_makes_a_token_invalid() -> None:
    address = ADDRESSES.mint(MAILBOX, TOKEN, now=NOW)
    start, end = address.index("+") + 1, address.index("@")

    changed = {
        address[:position] + letter + address[position + 1 :]
        for position in range(start, end)
        for letter in "abcdefghijklmnopqrstuvwxyz234567"
        if letter != address[position]
    }

    assert len(changed) == 31 * (end - start)
    assert not any(ADDRESSES.verify(each, now=NOW) for each in changed)


@given(st.text(max_size=80))
def test_no_text_is_mistaken_for_a_token(text: str) -> None:
    assert ADDRESSES.verify(f"support+{text}@example.com", now=NOW) is None
    assert ADDRESSES.verify(text, now=NOW) is None


@pytest.mark.parametrize("address", ["", "@", "+@", "support@example.com", "support+@example.com"])
def test_an_address_without_a_token_names_nothing(address: str) -> None:
    assert ADDRESSES.verify(address, now=NOW) is None


def test_a_token_is_valid_for_half_a_year() -> None:
    address = ADDRESSES.mint(MAILBOX, TOKEN, now=NOW)

    assert ADDRESSES.verify(address, now=NOW + REPLY_TOKEN_LIFETIME) == TOKEN
    late = NOW + REPLY_TOKEN_LIFETIME + dt.timedelta(weeks=2)
    assert ADDRESSES.verify(address, now=late) is None
    assert ADDRESSES.verify(address, now=dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) is None


def test_an_earlier_key_is_accepted_and_makes_no_new_tokens() -> None:
    earlier, rotated = ReplyAddresses([EARLIER_KEY]), ReplyAddresses([KEY, EARLIER_KEY])

    assert rotated.verify(earlier.mint(MAILBOX, TOKEN, now=NOW), now=NOW) == TOKEN
    assert earlier.verify(rotated.mint(MAILBOX, TOKEN, now=NOW), now=NOW) is None
    assert ADDRESSES.verify(earlier.mint(MAILBOX, TOKEN, now=NOW), now=NOW) is None


def test_a_mailbox_may_have_a_plus_of_its_own() -> None:
    address = ADDRESSES.mint("support+de@example.com", TOKEN, now=NOW)

    assert ADDRESSES.verify(address, now=NOW) == TOKEN
    assert split_reply_address(address)[0] == "support+de@example.com"


def test_a_mailbox_too_long_for_a_token_is_its_own_reply_address() -> None:
    mailbox = "s" * 40 + "@example.com"

    assert ADDRESSES.mint(mailbox, TOKEN, now=NOW) == mailbox
