"""Mail in: what is understood, what is threaded where, how fast, and whether any mail is lost.

    python -m bench.mail [--parts threads replies bounces odd speed kills loop]
        [--tickets 1000000] [--kills 20] [--messages 10000]

Real mails come from the folder ``mail`` in ``KB_BENCH_DATA``. ``threads``: three mailing lists as
the customers of a help desk, whose answers are found by references, by reply address and by number,
while strangers try each of these, too. ``replies``: the answer apart from what it quotes.
``bounces`` and ``odd``: none answered, none lost. ``speed``: 20 mails a second by LMTP into a large
desk. ``kills``: kill -9 at random while mails arrive by LMTP. ``loop``: an autoresponder.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import mailbox
import os
import random
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import func, select

from bench.corpora import data as bench_data
from bench.tickets import CONTENT, NOW, _fill, _fsyncs
from kb.database import open_database
from kb.mail.envelope import Became, Envelope, MailOutcome
from kb.mail.inbox import Inbox, MailSite, SenderTrust
from kb.mail.parsing.html_text import html_text
from kb.mail.parsing.message import decoded_header, parse_message
from kb.mail.parsing.reply_text import split_reply
from kb.mail.reply_addresses import ReplyAddresses, ReplyToken
from kb.mail.repository import MailRepository
from kb.mail.spool import Spool
from kb.notifications.tables import NOTICES
from kb.people.accounts import Accounts
from kb.people.demo import add_demo_accounts
from kb.people.person import OPERATOR, Person, Role
from kb.sla import policy_file
from kb.sla.policy import Mailbox
from kb.tickets.attachments.files import Attachments
from kb.tickets.catalogue import load_catalogue
from kb.tickets.desk import Desk
from kb.tickets.drafts import FormLimits
from kb.tickets.repository.repository import TicketRepository

SUPPORT, DOMAIN, AUTHORITY = "support@vendor.example", "vendor.example", "mx.vendor.example"
KEYS = ("bench" * 10,)
PARTS = ("threads", "replies", "bounces", "odd", "speed", "kills", "loop")
POLICIES_ADDED = f'\n[mailboxes."{SUPPORT}"]\n'


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = bench_data()
    mails = folder / "mail" if folder and (folder / "mail").is_dir() else None
    for part in given.parts:
        if part in ("threads", "replies", "bounces", "odd") and mails is None:
            print(f"{part}: skipped, KB_BENCH_DATA has no folder mail")
        elif part == "threads" and mails is not None:
            _threads(mails / "threads")
        elif part == "replies" and mails is not None:
            _replies(mails)
        elif part == "bounces" and mails is not None:
            _bounces(mails / "bounces")
        elif part == "odd" and mails is not None:
            _odd(mails / "odd")
        elif part == "speed":
            _speed(given.tickets, given.seconds)
        elif part == "kills":
            _kills(given.kills, given.messages, random.Random(given.seed))
        elif part == "loop":
            _loop()


@dataclass(slots=True)
class Site:
    """A help desk in a folder, with one mailbox."""

    data: Path
    lists: frozenset[str] = frozenset()
    accounts: Accounts = field(init=False)
    desk: Desk = field(init=False)
    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        database = open_database(self.data)
        self.accounts = Accounts(database)
        policy = policy_file.load_policy(CONTENT / "policies.toml")
        kind, severity = next(iter(policy.types)), list(policy.severities)[-1]
        box = Mailbox(SUPPORT, type=kind, severity=severity, lists=self.lists)
        policy = replace(policy, mailboxes={SUPPORT: box})
        catalogue = load_catalogue(CONTENT / "catalogue.toml")
        attachments = Attachments(self.data / "attachments")
        self.desk = Desk(TicketRepository(database), policy, attachments, catalogue)
        self.inbox = Inbox(
            Spool(self.data / "mail"),
            MailRepository(database),
            self.desk,
            self.accounts,
            attachments,
            signing_keys=lambda: KEYS,
            site=MailSite(policy, catalogue, FormLimits(), DOMAIN, frozenset({SUPPORT})),
            believed=SenderTrust(AUTHORITY),
        )

    def receive(self, raw: bytes, now: dt.datetime) -> MailOutcome:
        return self.inbox.receive(raw, Envelope(None, (SUPPORT,)), now=now)

    def notices(self) -> int:
        with self.inbox.mails.database.read() as connection:
            return connection.execute(select(func.count()).select_from(NOTICES)).scalar_one()


@contextlib.contextmanager
def _site(lists: frozenset[str] = frozenset()) -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), lists)
        yield site
        site.inbox.mails.database.close()


# --- threads


@dataclass(frozen=True, slots=True)
class Post:
    """A mail of a list: its id, the id of its parent, and its sender."""

    raw: bytes
    message_id: str
    parent: str
    sender: str


def _posts(folder: Path) -> list[Post]:
    posts: dict[str, Post] = {}
    for path in sorted(folder.glob("*.mbox")):
        for entry in mailbox.mbox(path):
            raw = entry.as_bytes()
            message = parse_message(raw)
            if message.sender is None or not message.message_id:
                continue
            parents = [each for each in message.references if each in posts]
            parent = parents[-1] if parents else ""
            posts.setdefault(
                message.message_id, Post(raw, message.message_id, parent, message.sender.address)
            )
    return list(posts.values())


def _threads(folder: Path) -> None:
    posts = _posts(folder)
    replies = sum(bool(post.parent) for post in posts)
    print(f"threads: {len(posts):,} mails, {replies:,} answers to one of them")
    for way in ("references", "reply address", "number"):
        _play(posts, way)


def _play(posts: Sequence[Post], way: str) -> None:
    """Everybody on a list is of one organisation, whose people share their tickets."""
    right = wrong = apart = intruded = tried = 0
    with _site(lists=_list_ids(posts)) as site:
        people = _people(site, {post.sender for post in posts})
        stranger = _account(site, "stranger@evil.example", "Evil")
        tickets: dict[str, str] = {}
        now = NOW
        for post in posts:
            now += dt.timedelta(minutes=10)
            expected = tickets.get(post.parent, "")
            outcome = site.receive(_proven(post, way, expected, people[post.sender], now), now)
            if outcome.outcome in (Became.TICKET, Became.COMMENT):
                tickets[post.message_id] = outcome.ticket
            if not expected:
                continue
            is_comment = outcome.outcome is Became.COMMENT
            right += is_comment and outcome.ticket == expected
            wrong += is_comment and outcome.ticket != expected
            apart += outcome.outcome is Became.TICKET
            if tried < 300:
                tried += 1
                attack = replace(post, sender=stranger.email)
                forged = _proven(attack, way, expected, people[post.sender], now)
                intruded += site.receive(forged, now).outcome is Became.COMMENT
    answers = sum(bool(post.parent) for post in posts)
    print(
        f"  by {way}: {right:,} of {answers:,} right ({100 * right / answers:.2f} %, goal 99.9), "
        f"{wrong} in another ticket, {apart} filed apart; {intruded} of {tried} strangers got in"
    )


def _list_ids(posts: Sequence[Post]) -> frozenset[str]:
    ids = {parse_message(post.raw).header("list-id").strip("<> ").lower() for post in posts}
    return frozenset(ids)


def _people(site: Site, senders: set[str]) -> dict[str, Person]:
    people = {sender: _account(site, sender, "Lists") for sender in sorted(senders)}
    company = site.accounts.contacts.named(OPERATOR, "Lists")
    site.accounts.contacts.set_organisation(OPERATOR, company.id, shared_view=True)
    return {sender: site.accounts.by_email(sender) or person for sender, person in people.items()}


def _account(site: Site, email: str, organisation: str) -> Person:
    person = Person(0, email, email.partition("@")[0], Role.CUSTOMER, organisation=organisation)
    repository = TicketRepository(site.inbox.mails.database).people
    return repository.add(person, password_hash=None, now=NOW)


def _proven(post: Post, way: str, number: str, writer: Person, now: dt.datetime) -> bytes:
    """The mail as our own mail server hands it on; without references but in the way of that name.

    What a client would quote as references stays there; a number or a reply address come by hand.
    """
    message = parse_message(post.raw)
    domain = post.sender.rpartition("@")[2]
    headers = [f"Authentication-Results: {AUTHORITY}; dmarc=pass header.from={domain}"]
    headers += [f"From: {post.sender}", f"Message-ID: {post.message_id}"]
    subject, to = message.subject or "(no subject)", SUPPORT
    if post.sender != message.senders[0].address:
        headers[-1] = f"Message-ID: <{hash(post.message_id) & 0xFFFFFF}@evil.example>"
    if way == "references":
        references = " ".join(message.references)
        headers += [f"References: {references}"] if references else []
    elif way == "number" and number:
        subject = f"Re: [#{number}] {subject}"
    elif number:
        token = ReplyToken(int(number.removeprefix("KB-")), writer.id)
        to = ReplyAddresses(KEYS).mint(SUPPORT, token, now=now)
        headers[0] = "X-Not-Proven: yes"
    encoded = decoded_header(subject).encode("ascii", "replace").decode()[:900]
    headers += [f"Subject: {encoded}", f"To: {to}"]
    headers += ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
    text = "\n\n".join((message.reply.text or "(nothing)", message.reply.folded))
    unique = f"\n\n{post.message_id}" if len(text) < 200 else ""
    return ("\n".join(headers) + "\n\n" + text + unique).encode("utf-8", "replace")


# --- replies, bounces, odd mails

#: How the answer ends, for the texts whose truth is not beside them; written down by hand.
_ENDS = {
    "email_1": "-Abhishek Kona",
    "email_3": "-Abhishek Kona",
    "email_5": "for a while.",
    "email_19": "I get proper rendering.",
    "email_20": "On Thursday.",
    "email_bullets": "- and another",
    "email_customer_quote_header_2": "Thank you very much.",
    "email_iphone": "Here is another email",
    "email_not_a_signature_2": "Thanks!",
    "email_reply_header": "Stranger",
    "email_sent_from": "in between words or paragraphs.",
    "email_thread": "in thread from bellow.",
    "email_tricky_11_double_signature": "Best regards,\nJohn",
    "email_tricky_13_timestamp_variations": "not quote headers.",
    "email_tricky_17_forward_header": "See the forwarded message below.",
    "email_tricky_19_quote_without_header": "And my final thoughts.",
    "email_tricky_20_html_entities": "symbols are handled correctly.",
    "email_tricky_3_code_block": "detected as actual signatures.",
    "email_tricky_7_multiple_dashes": "separators in my content.",
    "email_tricky_9_nested_quotes": "I agree with the points below.",
    "email_with_date_headers": "Thank you very much.",
    "email_with_regards": "CEO @ Acme !",
    "sig_no_empty_line": "with no empty line above.",
}
_LOREM = "nec nec nibh."
_OF_HTML = {"OLK_SRC_BODY_SECTION": "Reply", "reply-separated-by-hr": "Hi\nthere\nBob"}


def _replies(folder: Path) -> None:
    judged: dict[str, bool] = {}
    for path in sorted((folder / "replies").glob("*.txt")):
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            text = split_reply(file.read()).text
        judged[path.stem] = text.endswith(_ENDS.get(path.stem, _LOREM))
    for path in sorted((folder / "replies").glob("*.eml")):
        truth = path.with_name(f"{path.stem}_reply_text")
        parts = parse_message(path.read_bytes()).reply
        said = _words(f"{parts.text} {parts.signature}")
        if truth.exists():
            judged[path.stem] = said == _words(truth.read_text("utf-8"))
        else:
            judged[path.stem] = said[0] in ("Hello", "Hi") and said[-1] in ("Hello", "XXX")
    for path in sorted((folder / "html-replies").glob("*.html")):
        own, _ = html_text(path.read_text("utf-8", errors="replace"))
        whole = _OF_HTML.get(path.stem, "Hi. I am fine.\n\nThanks,\nAlex")
        judged[path.stem] = _words(split_reply(own).text) == _words(whole)
    wrong = [name for name, is_right in judged.items() if not is_right]
    share = 100 * (1 - len(wrong) / len(judged))
    print(f"replies: {len(judged)} texts, {share:.1f} % right (goal 95); wrong: {wrong or 'none'}")


def _words(text: str) -> list[str]:
    return text.split()


def _bounces(folder: Path) -> None:
    outcomes: Counter[str] = Counter()
    told = []
    with _site() as site:
        for path in sorted(folder.glob("*.eml")):
            before = site.notices()
            outcome = site.receive(path.read_bytes(), NOW)
            outcomes[outcome.outcome.value] += 1
            if outcome.outcome is Became.TICKET or site.notices() > before:
                told.append(path.name)
    total = sum(outcomes.values())
    print(f"bounces: {total}, {dict(outcomes)}; taken for mails of people: {told or 'none'}")


def _odd(folder: Path) -> None:
    outcomes: Counter[str] = Counter()
    with _site() as site:
        for path in sorted(folder.glob("*.eml")):
            raw = path.read_bytes()
            outcome = site.receive(raw, NOW)
            outcomes[outcome.outcome.value] += 1
        mails = site.inbox.mails
        files = mails.files()
        kept = sum(site.inbox.spool.has(name) for name in files)
        waiting = len(list(site.inbox.spool.waiting()))
    print(f"odd: {sum(outcomes.values())}, {dict(outcomes)}; {kept} kept, {waiting} unread")


# --- speed, kills, loop


def _mail(number: int, now: dt.datetime) -> bytes:
    return (
        f"From: Customer {number} <c{number}@c{number % 997}.example>\nTo: {SUPPORT}\n"
        f"Subject: Case {number}\nMessage-ID: <{number}@bench.example>\nDate: {now:%a, %d %b %Y}\n"
        f"\nThe printer on floor {number} does not print.\n\n-- \nCustomer {number}\n"
    ).encode()


@contextlib.contextmanager
def _server(data: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    content = data / "content"
    if not content.exists():
        content.mkdir(parents=True)
        for path in CONTENT.glob("*.toml"):
            (content / path.name).write_bytes(path.read_bytes())
        with (content / "policies.toml").open("a") as file:
            file.write(POLICIES_ADDED)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "kb", "mail", "serve", "--lmtp", f"127.0.0.1:{port}"]
    environment = {**os.environ, "KB_DATA": str(data / "data"), "KB_CONTENT": str(content)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.05)
    try:
        yield process, port
    finally:
        process.terminate()
        process.wait()


def _speed(tickets: int, seconds: int, rate: int = 20) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        database = open_database(data / "data")
        accounts = Accounts(database)
        add_demo_accounts(accounts, NOW)
        alice = accounts.by_email("alice@example.com")
        assert alice is not None
        _fill(data / "data", tickets, alice)
        database.close()
        os.sync()  # what the filling has left to write would hold up the first mails
        with _server(data) as (_, port):
            times, begun = [], time.monotonic()
            with smtplib.LMTP("127.0.0.1", port) as client:
                for number in range(rate * seconds):
                    time.sleep(max(0.0, begun + number / rate - time.monotonic()))
                    sent = time.monotonic()
                    client.sendmail("c@c.example", [SUPPORT], _mail(number, NOW))
                    times.append(time.monotonic() - sent)
            acknowledged = time.monotonic()
            read = _wait_for(data / "data", rate * seconds, 300)
            late = time.monotonic() - acknowledged
        disk, _ = _fsyncs(data, 200)
    times.sort()
    p50, p99 = (1000 * times[int(len(times) * part)] for part in (0.5, 0.99))
    slowest = disk[int(len(disk) * 0.99)]
    print(
        f"speed: {rate} mails/s for {seconds} s into {tickets:,} tickets: acknowledged p50 "
        f"{p50:.0f} ms, p99 {p99:.0f} ms (goal 250), fsync alone p99 {slowest:.0f} ms; "
        f"{read} read, the last {late:.1f} s later"
    )


def _wait_for(data: Path, count: int, seconds: float) -> int:
    read, end = 0, time.monotonic() + seconds
    while read < count and time.monotonic() < end:
        time.sleep(0.2)
        read = _count(data, "SELECT count(*) FROM received_mails")
    return read


def _count(data: Path, query: str) -> int:
    with contextlib.closing(sqlite3.connect(data / "tickets.db", timeout=30)) as connection:
        return int(connection.execute(query).fetchone()[0])


def _kills(kills: int, messages: int, dice: random.Random) -> None:
    """Each mail is sent until it is acknowledged, as a mail server does."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        acknowledged: set[int] = set()
        killed, lock = 0, threading.Lock()
        while len(acknowledged) < messages:
            with _server(data) as (process, port):
                if killed < kills:
                    delay = dice.uniform(0.1, max(0.5, messages / 100 / kills))
                    killer = threading.Timer(delay, process.send_signal, (signal.SIGKILL,))
                    killer.start()
                _send_all(port, messages, acknowledged, lock)
                if killed < kills and process.poll() is not None:
                    killed += 1
                elif len(acknowledged) == messages:
                    break
        with _server(data):
            read = _wait_for(data / "data", messages, 600)
        tickets = _count(data / "data", "SELECT count(*) FROM tickets")
        titles = _count(data / "data", "SELECT count(DISTINCT title) FROM tickets")
        aside = _count(
            data / "data", "SELECT count(*) FROM received_mails WHERE outcome <> 'ticket'"
        )
    print(
        f"kills: {killed} kill -9 while {messages:,} mails arrived by LMTP: {read:,} read, "
        f"{tickets:,} tickets of {titles:,} mails, {aside} without one (goal: each exactly once)"
    )


def _send_all(port: int, messages: int, acknowledged: set[int], lock: threading.Lock) -> None:
    left = [number for number in range(messages) if number not in acknowledged]

    def send(numbers: Sequence[int]) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            client = smtplib.LMTP("127.0.0.1", port)
            for number in numbers:
                client.sendmail(f"c{number}@c.example", [SUPPORT], _mail(number, NOW))
                with lock:
                    acknowledged.add(number)
            client.quit()

    threads = [threading.Thread(target=send, args=(left[part::4],)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _loop(rounds: int = 1_000) -> None:
    """A program that answers each mail by a new one, and says nothing of itself."""
    with _site() as site:
        answered = last = 0
        for number in range(rounds):
            before = site.notices()
            now = NOW + dt.timedelta(seconds=number)
            raw = (
                f"From: robot@robot.example\nTo: {SUPPORT}\nSubject: Your mail {number}\n"
                f"Message-ID: <{number}@robot.example>\n\nI got mail number {number}.\n"
            )
            site.receive(raw.encode(), now)
            if site.notices() > before:
                answered, last = answered + 1, number + 1
    print(
        f"loop: {answered} of {rounds} mails of an autoresponder answered, the last in round {last}"
    )


if __name__ == "__main__":
    main()
