"""Nobody is flooded: copies that never agreed, and everybody else by caps."""

from __future__ import annotations

from pathlib import Path

from kb.notifications.outbox import Outbox
from tests.notifications.servers import text_of
from tests.webapp.flood import STRANGERS, Flood, file_with_strangers, flood_of, ping_pong
from tests.webapp.world import Browser, data_values, guest, number_of


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


def test_a_ping_pong_of_a_customer_becomes_one_mail(folder: Path) -> None:
    with flood_of(folder) as flood:
        alice = flood.portal.browser("alice")
        number = file_with_strangers(alice)
        turns = ping_pong(alice, number)
        assert turns > 20
        flood.send(hours=4)
        assert [hour[STRANGERS[0]] for hour in flood.hours] == [3, 1, 0, 0]
        digest = flood.mailbox.to(STRANGERS[0])[-1]
        assert f"({(turns - 2) // 2} times)" in text_of(digest)
        assert "/copies/" in digest["List-Unsubscribe"]
        assert Outbox(flood.portal.centre.database).pending()["mail"] == 0
        assert Outbox(flood.portal.centre.database).failures() == ()


def test_what_exceeds_the_cap_of_a_recipient_follows_as_one_mail(folder: Path) -> None:
    with flood_of(folder, mails_per_recipient="4") as flood:
        gina, bob = flood.portal.browser(), flood.portal.browser("bob")
        numbers = [number_of(gina.post("/tickets", guest(key=f"k{i}"))) for i in range(2)]
        for number in numbers * 4:
            bob.post(f"/desk/{number}/replies", {"body": "More."})
        flood.send(hours=3)
        assert [hour["gina@example.org"] for hour in flood.hours] == [4, 1, 0]
        text = text_of(flood.mailbox.to("gina@example.org")[-1])
        assert text.count("?key=") == 2
        assert all(number in text for number in numbers)
        link = text.split("?key=")[0].rsplit("/tickets/")[-1]
        assert link in numbers


def test_a_sender_and_all_requesters_together_have_caps_and_agents_are_not_held(
    folder: Path,
) -> None:
    caps = {"mails_per_sender": "5", "mails_per_hour": "7"}
    with flood_of(folder, **caps) as flood:
        gina, bob = flood.portal.browser(), flood.portal.browser("bob")
        number = file_with_strangers(gina)
        gina.post("/tickets", {**guest(key="k2"), "email": "other@example.org"})
        third = flood.portal.browser()
        for i in range(2):
            third.post("/tickets", {**guest(key=f"k{i}"), "email": "third@example.org"})
        flood.send()
        assert flood.hours[0].pop("bob@example.com") == 4, "agents are told of each ticket"
        assert sum(flood.hours[0].values()) == 7
        bob.post(f"/desk/{number}/replies", {"body": "Yes."})
        flood.send(hours=4)
        assert sum(flood.hours[1].values()) <= 7 + 1
        assert len(flood.mailbox.to("gina@example.org")) == 2
        assert all(len(flood.mailbox.to(stranger)) == 1 for stranger in STRANGERS)
        assert Outbox(flood.portal.centre.database).pending()["mail"] == 0


def test_many_guests_ask_a_stranger_three_times_a_day_and_then_once_for_all(
    folder: Path,
) -> None:
    with flood_of(folder) as flood:
        for i in range(7):
            form = {**guest(key=f"k{i}"), "email": f"guest{i}@example.org", "copy_to": STRANGERS[0]}
            number_of(flood.portal.browser().post("/tickets", form))
        flood.send(hours=25)
        assert flood.worst() == 3
        questions = flood.mailbox.to(STRANGERS[0])
        assert len(questions) == 4
        assert text_of(questions[-1]).count("/copies/") == 4


def test_the_mail_of_a_merge_opens_the_ticket_that_goes_on_and_that_of_a_duplicate_none(
    folder: Path,
) -> None:
    with flood_of(folder) as flood:
        gina, bob = flood.portal.browser(), flood.portal.browser("bob")
        a, b, c = (number_of(gina.post("/tickets", guest(key=f"k{i}"))) for i in range(3))
        flood.send()
        assert bob.post(f"/desk/{a}/merge", {"into": b}).status_code == 303
        assert bob.post(f"/desk/{c}/void", {"why": "duplicate"}).status_code == 303
        flood.send()
        *_, merged, duplicate = (text_of(mail) for mail in flood.mailbox.to("gina@example.org"))
        assert f"/tickets/{b}?key=" in merged
        key = merged.split(f"/tickets/{b}?key=")[1].split()[0]
        assert flood.portal.browser().get(f"/tickets/{b}?key={key}").status_code == 303
        assert "?key=" not in duplicate
        assert gina.get(f"/tickets/{c}").status_code == 404
