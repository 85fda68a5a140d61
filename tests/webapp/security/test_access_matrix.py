"""Who gets which bytes: every route of the URL map, asked by everybody, about things that are not
everybody's; and every secret, tried at every door.

The routes are those that the application serves, so that a new one (an export, a feed) is asked
from its first day. ``test_guard`` has the matrix of roles.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from ipaddress import ip_network
from pathlib import Path

import pytest
from werkzeug.routing import Rule

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from kb import ids
from kb.gaps.proposals import GapProposal
from kb.gaps.waiting_proposals import WaitingProposals
from kb.mail.envelope import Became
from kb.mail.repository import ReceivedMail
from kb.people.person import OPERATOR
from kb.tickets.copies import Copies
from kb.tickets.guest_links import GuestLinks
from kb.tickets.repository.repository import TicketRepository
from tests.indexing import run_index
from tests.webapp.world import (
    MONDAY,
    Portal,
    build,
    data_values,
    guest,
    number_of,
    settings_of,
    ticket,
)

#: A word or some bytes of each thing, and the people who may see it.
ADA, BOB, ERIN = "ada", "bob", "erin"
SEEN_BY: Mapping[str, frozenset[str]] = {
    "canary-of-the-ticket": frozenset({"alice", BOB, ADA}),
    "canary-of-the-file": frozenset({"alice", BOB, ADA}),
    "canary-of-the-note": frozenset({BOB, ADA}),
    "canary-of-the-guest": frozenset({BOB, ADA}),
    "canary-of-the-phone": frozenset({"alice", BOB, ADA}),
    "canary-of-the-draft": frozenset({BOB}),
    "canary-of-the-licence": frozenset({"alice", ADA}),
    "canary-of-the-article": frozenset({BOB, ERIN, ADA}),
    "canary-of-the-title": frozenset({BOB, ERIN, ADA}),
    "canary-of-the-picture": frozenset({BOB, ERIN, ADA}),
    "canary-of-the-alias": frozenset({ERIN, ADA}),
    "canary-of-the-problem": frozenset({"alice", "charlie", BOB, ERIN, ADA}),
}
PEOPLE = ("", "alice", "charlie", BOB, ERIN, ADA)
PUBLIC_PAGE = (
    "# Open page\n\nSee <xref:closed> and [the page](closed.md). ![closed](open.png) Canaries sing."
)
CLOSED_PAGE = (
    "---\nuid: closed\naudience: staff\n---\n# The canary-of-the-title\n\n"
    "The canary-of-the-article sings. ![closed](closed.png)"
)
HOSTS = iter(ip_network("10.1.0.0/16").hosts())
PNG = b"\x89PNG\r\n\x1a\n"


class World:
    """One of each thing, and the arguments with which routes lead to it."""

    def __init__(self, folder: Path) -> None:
        docs = folder / "canaries"
        docs.mkdir()
        (docs / "open.md").write_text(PUBLIC_PAGE)
        (docs / "closed.md").write_text(CLOSED_PAGE)
        (docs / "open.png").write_bytes(PNG + b"open")
        (docs / "closed.png").write_bytes(PNG + b"canary-of-the-picture")
        run_index(IndexOptions(walk.parse_sources([f"doc={docs}"]), folder / "data", MONDAY.date()))
        media = folder / "data" / "media"
        [picture] = [file.name for file in media.iterdir() if b"canary" in file.read_bytes()]

        self.portal = build(settings_of(folder, suggest_per_minute="100000"))
        self.browsers = {name: self.portal.browser(name) for name in PEOPLE}
        alice, bob = self.browsers["alice"], self.browsers[BOB]
        form = ticket(
            title="The canary-of-the-ticket",
            attachments=(io.BytesIO(b"canary-of-the-file\n"), "log.txt"),
        )
        self.number = number_of(alice.upload("/tickets", form))
        bob.post(f"/desk/{self.number}/notes", {"body": "canary-of-the-note", "key": "n"})
        accounts = self.portal.centre.accounts
        self.alice = accounts.administration.account("alice@example.com")
        accounts.contacts.set_roles(OPERATOR, self.alice.id, ["administrator", "support"])
        acme = self.alice.organisation_id
        accounts.set_profile(self.alice, name="Alice", phone="canary-of-the-phone", location="")
        accounts.contacts.set_licence(OPERATOR, acme or 0, "canary-of-the-licence")
        draft = {"form": "reply", "body": "canary-of-the-draft"}
        assert bob.post(f"/desk/{self.number}/draft", draft).status_code == 204
        self.gina = self.portal.browser()
        self.guests_number = number_of(
            self.gina.post("/tickets", guest(title="The canary-of-the-guest", key="g"))
        )
        problem = {
            "title": "The canary-of-the-problem",
            "status": "identified",
            "audience": "customers",
            "confirmed": "yes",
            "ticket": self.number,
        }
        published = bob.post("/desk/problems", problem)
        self.problem = published.headers["Location"].rpartition("/")[2]
        aliases = GapProposal("doc/closed", ("The canary-of-the-alias",))
        self.proposal = WaitingProposals(self.portal.centre.database).order(aliases, MONDAY)
        file = re.search(r'href="/attachments/([^/"]+)/', alice.page(f"/tickets/{self.number}"))
        assert file
        self.arguments = {
            "document_id": "doc/closed",
            "place": "faq",
            "path": "nowhere",
            "number": self.number,
            "ref": unescape(file[1]),
            "filename": "shared/site.css",
            "purpose": "reset",
            "secret": "none",
            "token": "none",
            "person_id": self.alice.id,
            "organisation_id": self.alice.organisation_id,
            "form_name": "void",
            "table": "tickets",
            "episode": "none",
            "gap_id": 1,
            "proposal_id": self.proposal,
            "problem_id": self.problem,
            "mail_id": 1,
            "release_id": 1,
            "run_id": 1,
            "endpoint_id": 1,
            "form": "json",
            "part": 1,
        }
        self.names = {"tickets.attachment": "log.txt", "help_centre.media": picture}

    def readings(self) -> list[Rule]:
        return [rule for rule in self.portal.app.url_map.iter_rules() if "GET" in rule.methods]  # type: ignore[operator]  # a set, once it is bound

    def path_of(self, rule: Rule, number: str) -> str:
        values = {**self.arguments, "number": number, "name": self.names.get(rule.endpoint, "x")}
        built = self.portal.app.url_map.bind("localhost").build(
            rule.endpoint,
            {name: values[name] for name in rule.arguments} | dict(rule.defaults or {}),
        )
        return str(built)


@pytest.fixture
def world(folder: Path) -> World:
    return World(folder)


def test_nobody_is_shown_what_is_not_theirs_on_any_route(world: World) -> None:
    for name, browser in world.browsers.items():
        shown: set[str] = set()
        for rule in world.readings():
            numbers = (world.number, world.guests_number)[: 1 + ("number" in rule.arguments)]
            for path in (world.path_of(rule, number) for number in numbers):
                for address in (path, f"{path}?q=canary&limit=9", f"{path}?q=sings&view=all"):
                    answer = browser.get(address)
                    assert answer.status_code != 429, address
                    body = _unmarked(answer.get_data())
                    visible = {word for word in SEEN_BY if word.encode() in body}
                    assert all(name in SEEN_BY[word] for word in visible), (address, visible)
                    shown |= visible
        # And it does show what is theirs: an empty answer would pass the above.
        assert shown == {word for word, people in SEEN_BY.items() if name in people}, name


def _unmarked(body: bytes) -> bytes:
    return body.replace(b"<mark>", b"").replace(b"</mark>", b"")


def test_a_public_page_shows_nothing_of_the_page_that_it_refers_to(world: World) -> None:
    for name in ("", "alice"):
        page = world.browsers[name].page("/help/doc/open")
        assert "/help/doc/closed" not in page
        assert "canary" not in page


def test_a_half_typed_title_shows_an_open_ticket_to_those_who_can_read_it(world: World) -> None:
    portal, acme = world.portal, world.alice.organisation_id or 0
    for name, organisation in (("carol", "Acme"), ("gina", "")):
        portal.centre.accounts.add(
            f"{name}@example.com",
            name.title(),
            f"{name}-demo",
            role="customer",
            organisation=organisation,
            now=portal.clock.now,
        )
        world.browsers[name] = portal.browser(name)
    world.browsers["the guest"] = world.gina
    own = {"alice": [world.number]}
    assert _reminded(world, "private") == own
    portal.centre.accounts.contacts.set_organisation(OPERATOR, acme, shared_view=True)
    assert _reminded(world, "shared") == {**own, "carol": [world.number]}
    portal.centre.accounts.contacts.set_organisation(OPERATOR, acme, shared_view=False)
    assert _reminded(world, "private again") == own


def _reminded(world: World, key: str) -> Mapping[str, list[str]]:
    """The open tickets that the form shows to each person, with and without JavaScript, if the
    title is that of somebody's ticket.
    """
    reminded: dict[str, list[str]] = {}
    for title, number in (
        ("The canary-of-the-ticket", world.number),
        ("The canary-of-the-guest", world.guests_number),
    ):
        for name, browser in world.browsers.items():
            answer = browser.get(f"/api/v1/tickets/alike?q={title}").get_json()
            with_script = {each["number"] for each in answer["tickets"]} & {number}
            fill = guest if name in ("", "the guest") else ticket
            page = browser.post("/tickets/review", fill(title=title, key=f"{key} {name} {number}"))
            without = set(data_values(page.get_data(as_text=True), "own-ticket")) & {number}
            assert with_script == without, name
            if with_script:
                reminded.setdefault(name, []).append(number)
    return reminded


# --- secrets


class Secrets:
    """One secret of each kind, by the door that it opens."""

    def __init__(self, world: World) -> None:
        portal, now = world.portal, world.portal.clock.now
        tickets, links = TicketRepository(portal.centre.database), portal.centre.accounts.links
        self.guests_number, self.number = world.guests_number, world.number
        serial = ids.ticket_serial(world.guests_number)
        assert serial
        gina = tickets.people.by_email("gina@example.org", guest=True)
        assert gina
        profile = {"name": "Nora", "zone": "UTC", "organisation": "Acme"}
        self.of = {
            f"/tickets/{world.guests_number}?key=": GuestLinks(tickets).create(
                serial, gina.id, now=now
            ),
            "/copies/": Copies(tickets).token(serial, "copy@example.org", now=now),
        }
        began = ReceivedMail("c", Became.TICKET, "", now, sender=gina.email)
        portal.centre.inbox.mails.add(replace(began, ticket=world.guests_number))
        bob = portal.centre.accounts.administration.account("bob@example.com")
        for path in (
            portal.centre.mail_links.solved_path(serial, gina.id, now=now),
            portal.centre.mail_links.confirm_path(serial, gina.id, now=now),
            portal.centre.mail_links.stop_path(bob.id, 0, now=now),
        ):
            door, slash, secret = path.rpartition("/")
            self.of[door + slash] = secret
        profile = {"name": "Nora", "zone": "UTC", "organisation": "Acme", "role": "member"}
        for purpose, email in (
            ("register", "nora@example.org"),
            ("reset", "alice@example.com"),
            ("invite", "ivy@example.org"),
            ("join", "charlie@example.com"),
        ):
            self.of[f"/account/{purpose}/"] = links.issue(purpose, email, profile, now=now)

    def doors(self, portal: Portal) -> set[str]:
        """Each address to which a secret can be appended, from the URL map."""
        doors = set()
        for rule in portal.app.url_map.iter_rules():
            if {"secret", "token"} & rule.arguments and "GET" in (rule.methods or ()):
                purposes = re.search(r"<any\(([^)]*)\)", rule.rule)
                names = [name.strip() for name in purposes[1].split(",")] if purposes else [""]
                start = rule.rule.split("<")[0]
                doors |= {f"{start}{name}/" if name else start for name in names}
            elif "<number>" in rule.rule and "GET" in (rule.methods or ()):
                for number in (self.number, self.guests_number):
                    doors.add(rule.rule.replace("<number>", number) + "?key=")
        return doors


def test_every_secret_opens_its_own_door_and_no_other(world: World) -> None:
    secrets = Secrets(world)
    doors = secrets.doors(world.portal)
    assert doors >= secrets.of.keys()
    for opened, secret in secrets.of.items():
        for door in sorted(doors):
            assert _opens(world, "", door + secret) is (door == opened), (door, opened)
        assert _opens(world, "charlie", opened + secret)
        for changed in (secret[:-1], f"{secret}x", secret.swapcase(), ""):
            for name in ("", "charlie"):
                assert not _opens(world, name, opened + changed), opened


def _opens(world: World, name: str, address: str) -> bool:
    """Whether an address led somewhere: to a page, or with a guest's link to one without the key.

    Each is asked by a browser and a host of its own, so that no limit answers instead.
    """
    browser = world.portal.browser()
    browser.client.environ_base["REMOTE_ADDR"] = str(next(HOSTS))
    if name:
        browser.sign_in(name)
    answer = browser.get(address)
    assert answer.status_code in (200, 303, 401, 403, 404), address
    if answer.status_code == 303:
        target = answer.headers["Location"]
        return "/sign-in" not in target and browser.get(target).status_code == 200
    return answer.status_code == 200
