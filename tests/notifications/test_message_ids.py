"""Message-IDs: what comes back in References leads to the ticket."""

from __future__ import annotations

from kb.notifications.message_ids import message_id, reply_tokens_in, serials_in, thread_id

DOMAIN = "help.example.com"


def test_an_id_of_ours_leads_to_its_ticket_and_the_nearest_one_comes_first() -> None:
    first = message_id("opened/1001/1/alice@example.com", "KB-1001", DOMAIN)
    second = message_id("replied/1042/7/alice@example.com", "KB-1042", DOMAIN)

    assert serials_in(f"{thread_id('KB-1001', DOMAIN)}\r\n {first} {second}", DOMAIN) == (
        1042,
        1001,
    )
    assert serials_in(second.upper(), DOMAIN) == (1042,)


def test_an_id_may_hold_the_token_that_an_address_has_no_room_for() -> None:
    held = message_id("replied/1042/7", "KB-1042", DOMAIN, token="abcdefghij234567")

    assert serials_in(held, DOMAIN) == (1042,)
    assert reply_tokens_in(f"{thread_id('KB-1042', DOMAIN)} {held.upper()}", DOMAIN) == (
        "abcdefghij234567",
    )
    assert reply_tokens_in(held, "elsewhere.example") == ()
    assert reply_tokens_in(message_id("replied/1042/7", "KB-1042", DOMAIN), DOMAIN) == ()


def test_ids_of_others_lead_nowhere() -> None:
    assert serials_in("", DOMAIN) == ()
    assert serials_in("<KB-1001@example.com> <x-KB-1001@help.example.com>", DOMAIN) == ()
    assert serials_in(message_id("reset/0/1/a@example.com", "", DOMAIN), DOMAIN) == ()


def test_the_same_key_has_the_same_id_and_another_key_another() -> None:
    assert message_id("a", "KB-1", DOMAIN) == message_id("a", "KB-1", DOMAIN)
    assert message_id("a", "KB-1", DOMAIN) != message_id("b", "KB-1", DOMAIN)
