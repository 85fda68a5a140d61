"""The first days of an operator who has only the wheel: from `kb init` to a restored portal."""

from __future__ import annotations

import re
from pathlib import Path

from tests.notifications.servers import smtp_server
from tests.packaging.installed import Installation, Visitor, install, kill, until

EMAIL, PASSWORD = "olga@example.com", "seven-lamps-over-the-harbour"
TICKET = {
    "title": "The boiler in the north tower hums at night",
    "type": "problem",
    "severity": "normal",
    "description": "It began on Monday and wakes everybody up.",
    "name": "Gus",
    "email": "gus@example.org",
}


def file_ticket(address: str) -> str:
    """Its number."""
    url, page = Visitor(address).send("/tickets/new", "/tickets", **TICKET)
    found = re.search(r"/tickets/(KB-\d+)", url)
    assert found, page
    return found[1]


def test_an_operator_installs_serves_backs_up_and_restores_outside_a_checkout(
    tmp_path: Path,
) -> None:
    with smtp_server() as (mailbox, mail):
        told = {
            "KB_CONTENT": "site",
            "KB_SMTP_HOST": mail.host,
            "KB_SMTP_PORT": str(mail.port),
            "KB_SMTP_TLS": mail.tls,
            "KB_BACKUP_PASSPHRASE": "correct horse battery staple",
            "KB_WORKERS": "1",
        }
        folder = tmp_path / "home"
        folder.mkdir()
        house = Installation(install(tmp_path), folder, told)

        assert house.kb("--version").startswith("kb, version ")
        # Without content of the operator's own, it is that of the wheel.
        told_nothing = Installation(house.environment, folder, {}).kb("settings")
        assert f"KB_CONTENT={house.environment}" in told_nothing
        house.kb("init", "site")
        house.kb("index")
        words = ("--name", "Olga", "--role", "agent", "--password-stdin")
        house.kb("accounts", "add", EMAIL, *words, typed=PASSWORD)

        with house.serving() as (address, server):
            assert "Welcome" in Visitor(address).get("/")
            number = file_ticket(address)
            until(lambda: mailbox.to("gus@example.org"), server)
            assert number in mailbox.to("gus@example.org")[0]["Subject"]
            staff = Visitor(address)
            assert "Olga" in staff.sign_in(EMAIL, PASSWORD)

            house.kb("backup", "house.backup")
            later = file_ticket(address)
            kill(server)
        assert len(house.generations()) == 1  # serving has published no other

        house.kb("restore", "house.backup", "--data", "restored")
        assert not (folder / "restored" / "index").exists()  # a backup has none: it is made first
        with house.serving(KB_DATA="restored") as (address, server):
            assert len(house.generations(KB_DATA="restored")) == 1
            assert "Welcome" in Visitor(address).get("/")
            # Whoever was signed in still is, since the signing key came back, too.
            staff.address = address
            assert TICKET["title"] in staff.get(f"/tickets/{number}")
            assert TICKET["title"] in Visitor(address).sign_in(EMAIL, PASSWORD)
            assert _serial(file_ticket(address)) > _serial(later)


def _serial(number: str) -> int:
    return int(number.removeprefix("KB-"))
