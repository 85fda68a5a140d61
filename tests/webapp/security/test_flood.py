"""Nobody is flooded: copies that never agreed, and everybody else by caps."""

from __future__ import annotations

from pathlib import Path

from tests.webapp.flood import STRANGERS, Flood, file_with_strangers, flood_of, ping_pong
from tests.webapp.world import Browser, data_values


def link_of(flood: Flood, address: str) -> str:
    (header,) = {str(mail["List-Unsubscribe"]) for mail in flood.mailbox.to(address)}
    return header.strip("<>").removeprefix("http://localhost")


def test_a_guest_cannot_mail_strangers(folder: Path) -> None:
    with flood_of(folder) as flood:
        gina = flood.portal.browser()
        ping_pong(gina, file_with_strangers(gina))
        flood.send(hours=3)
        assert flood.worst() == 1
        for stranger in STRANGERS:
            (question,) = flood.mailbox.to(stranger)
            text = question.as_string()
            assert "/copies/" in text
            for typed in ("gina", "Gina", "eats", "?key="):
                assert typed not in text


def test_a_copy_that_confirms_is_mailed_and_can_stop(folder: Path) -> None:
    with flood_of(folder) as flood:
        gina, bob, stranger = flood.portal.browser(), flood.portal.browser("bob"), STRANGERS[0]
        number = file_with_strangers(gina)
        flood.send()
        anyone, path = flood.portal.browser(), link_of(flood, stranger)
        for _ in range(2):  # a scanner of links
            page = anyone.page(path)
        assert data_values(page, "copy") == [""]
        assert "gina@example.org" in page

        def mails_after_a_reply() -> int:
            before = len(flood.mailbox.to(stranger))
            bob.post(f"/desk/{number}/replies", {"body": "Yes."})
            flood.send()
            return len(flood.mailbox.to(stranger)) - before

        assert mails_after_a_reply() == 0
        for choice, mails in (("confirmed", 1), ("left", 0), ("confirmed", 1), ("refused", 0)):
            assert anyone.client.post(path, data={"choice": choice}).status_code == 200
            assert data_values(anyone.page(path), "copy") == [choice]
            assert mails_after_a_reply() == mails
        assert len(flood.mailbox.to(STRANGERS[1])) == 1


def test_who_refuses_is_not_asked_again_however_the_address_is_spelt(folder: Path) -> None:
    with flood_of(folder) as flood:
        gina = flood.portal.browser()
        file_with_strangers(gina)
        flood.send()
        gina.client.post(link_of(flood, STRANGERS[0]), data={"choice": "refused"})
        again = {"copy_to": "stranger0+x@example.net, new@example.net"}
        number = file_with_strangers(flood.portal.browser())
        gina.post(f"/tickets/{number}/copies", again)
        flood.send()
        assert len(flood.mailbox.to(STRANGERS[0])) == 1
        assert flood.mailbox.to("stranger0+x@example.net") == []


def test_a_customers_copy_unsubscribes_with_one_click(folder: Path) -> None:
    with flood_of(folder) as flood:
        alice, stranger = flood.portal.browser("alice"), STRANGERS[0]
        number = file_with_strangers(alice)
        flood.send()
        (receipt,) = flood.mailbox.to(stranger)
        assert number in receipt["Subject"]
        assert receipt["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        program = Browser(flood.portal.app.test_client())  # a mail program: no cookie, no token
        alice.post(f"/tickets/{number}/solve")  # its mail is withdrawn
        answer = program.client.post(
            link_of(flood, stranger), data={"List-Unsubscribe": "One-Click"}
        )
        assert answer.status_code == 200
        flood.send()
        assert len(flood.mailbox.to(stranger)) == 1
        assert len(flood.mailbox.to(STRANGERS[1])) == 2


def test_a_link_of_a_copy_that_is_cut_off_or_asks_for_nothing_changes_nothing(
    folder: Path,
) -> None:
    with flood_of(folder) as flood:
        gina = flood.portal.browser()
        file_with_strangers(gina)
        flood.send()
        path = link_of(flood, STRANGERS[0])
        assert gina.get(path[:-1]).status_code == 404
        assert gina.client.post(path[:-1], data={"choice": "confirmed"}).status_code == 404
        assert gina.client.post(path, data={"choice": "everything"}).status_code == 422
        assert data_values(gina.page(path), "copy") == [""]
