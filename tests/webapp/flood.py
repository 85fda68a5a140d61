"""The mail flood: somebody files with ten copies, then resolves and reopens the ticket at will.

Everything is real: the portal, the worker as it is assembled, and an SMTP server that counts.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kb.worker.assembly import build_worker
from tests.notifications.servers import Mailbox, smtp_server
from tests.webapp.world import Browser, Portal, build, guest, number_of, settings_of

STRANGERS = tuple(f"stranger{i}@example.net" for i in range(10))
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


@dataclass
class Flood:
    portal: Portal
    mailbox: Mailbox
    hours: list[Counter[str]] = field(default_factory=list)  # recipient -> mails

    def send(self, hours: int = 1) -> None:
        """What the worker sends in the next hours, a round each minute."""
        worker = build_worker(self.portal.centre)
        for _ in range(hours):
            before = len(self.mailbox.mails)
            for _ in range(60):
                worker.round(self.portal.clock.now)
                self.portal.clock.now += MINUTE
            new = self.mailbox.mails[before:]
            self.hours.append(Counter(str(mail["To"]) for _, mail in new))

    def worst(self) -> int:
        """The most mails that one stranger received in an hour."""
        return max((hour[stranger] for hour in self.hours for stranger in STRANGERS), default=0)


@contextmanager
def flood_of(folder: Path, **settings: str) -> Iterator[Flood]:
    with smtp_server() as (mailbox, server):
        given = {"smtp_host": server.host, "smtp_port": str(server.port), "smtp_tls": "no"}
        portal = build(settings_of(folder, **{**given, **settings}))
        yield Flood(portal, mailbox)


def file_with_strangers(browser: Browser) -> str:
    """Works for guests and customers: the form takes name and address from an account."""
    form = {**guest(), "copy_to": ", ".join(STRANGERS)}
    return number_of(browser.post("/tickets", form))


def ping_pong(browser: Browser, number: str, times: int = 1000) -> int:
    """How often it was resolved and reopened before the portal refused."""
    for done in range(times):
        verb, form = ("reopen", {"reason": "Again."}) if done % 2 else ("solve", {})
        status = browser.post(f"/tickets/{number}/{verb}", form).status_code
        if status != 303:
            assert status == 429
            return done
    return times
