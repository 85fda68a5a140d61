"""A whole portal over a temporary folder: a small published index, the people of the tests, and
their browsers.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from dataclasses import dataclass, field, replace
from functools import partial
from html import unescape
from pathlib import Path
from types import CodeType
from typing import Any, ClassVar

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.datastructures import FileStorage
from werkzeug.routing import Rule
from werkzeug.test import TestResponse, encode_multipart

from kb.centre import HelpCentre
from kb.operations.signing_key import signing_keys
from kb.people.accounts import Accounts
from kb.people.demo import add_demo_accounts, load_demo_cast
from kb.people.second_factor.passkeys import relying_party
from kb.people.second_factor.steps import FactorRule
from kb.programs.api_keys import ApiKeys
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, DocumentKind, Section
from kb.settings import Settings, load_settings
from webapp import create_app

HERE = Path(__file__).parent
#: A Monday at 11:00 in Berlin: eight open hours later is Tuesday at 11:00.
MONDAY = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
CATALOGUE = """
[[products]]
key = "press"
title = "Press"
modules = ["print", "fold"]
versions = [
  { name = "2.0", support_ends = 2027-12-31 },
  { name = "1.0", support_ends = 2025-12-31 },
]

[[products]]
key = "still"
title = "Still"
versions = [{ name = "7" }]
"""


def document(
    name: str,
    title: str,
    *sections: tuple[str, str, str],
    kind: DocumentKind = DocumentKind.DOC,
    **more: Any,
) -> Document:
    """Sections are (anchor, heading, text); the HTML is made from them, as a reader would."""
    html = "".join(
        (f'<h2 id="{anchor}">{heading}</h2>' if heading else "") + f"<p>{text}</p>"
        for anchor, heading, text in sections
    )
    parts = tuple(
        Section(anchor, (heading,) if heading else (), text) for anchor, heading, text in sections
    )
    return Document(
        f"{kind}/{name}", kind, title, parts, html=html, updated=dt.date(2026, 11, 1), **more
    )


DOCUMENTS = (
    document(
        "jam",
        "Clear a paper jam",
        ("open", "Open the cover", "Switch the press off and open the front cover."),
        ("pull", "Pull the paper", "Pull the jammed paper slowly, never backwards."),
        ("close", "Close the cover", "Close the cover and print a test page."),
        product="press",
        versions=("2.0",),
        summary="What to do when paper is stuck.",
    ),
    document(
        "ink",
        "Change the ink",
        ("ink", "Ink", "Open the drawer, change the ink cartridge."),
        product="press",
    ),
    document(
        "still",
        "Clean the still",
        ("s", "Clean", "Rinse the still with warm water."),
        product="still",
    ),
    document(
        "password",
        "How do I reset my password?",
        ("", "", "Ask for a link on the page."),
        kind=DocumentKind.FAQ,
    ),
    document(
        "noisy",
        "The press is noisy when folding",
        ("", "", "Oil the cartridge."),
        kind=DocumentKind.FORUM,
        solved=True,
    ),
    document(
        "secret",
        "Runbook for zephyrion",
        ("z", "Zephyrion", "Restart zephyrion."),
        audience="staff",
    ),
)
#: A thread with an accepted answer; not among the documents above.
THREAD = document(
    "answered",
    "It smells",
    ("", "", "It smells of smoke."),
    ("a", "Reply by Ann", "Which one?"),
    ("b", "Accepted answer by Ben", "Switch it off."),
    kind=DocumentKind.FORUM,
    solved=True,
    answer=2,
)


def publish(data: Path, documents: tuple[Document, ...] = DOCUMENTS) -> None:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with IndexBuilder(data) as builder:
        for one in documents:
            builder.add(one)
            if one.id == "doc/jam":
                builder.alias("doc/paper-jam", one.id)
        builder.publish(ledger={"sources": {}}, settings={})


def settings_of(folder: Path, **more: str) -> Settings:
    """Over ``folder``/data and ``folder``/content; suggestions never end early because the machine
    is busy.
    """
    content = folder / "content"
    content.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("policies.toml", (HERE / "policies.toml").read_text("utf-8")),
        ("catalogue.toml", CATALOGUE),
    ):
        if not (content / name).exists():  # a server may be reading it
            (content / name).write_text(text, "utf-8")
    given = {
        "workers": "1",
        "session_hours": "720",
        "suggest_budget_ms": "5000",
        "base_url": "http://localhost",
        **more,
    }
    return load_settings({}, data=str(folder / "data"), content=str(content), **given)


def open_centre(settings: Settings) -> HelpCentre:
    """As it is served, but for passwords that are cheap to check."""
    centre = HelpCentre.open(settings)
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(
        centre.database,
        session_hours=settings.session_hours,
        remember_days=settings.remember_days,
        demo=True,
        second_factor=FactorRule(settings.second_factor),
        party=relying_party(centre.site.name, settings.base_url),
        signing_keys=partial(signing_keys, settings),
        hasher=hasher,
    )
    add_demo_accounts(accounts, MONDAY, load_demo_cast(settings.content))
    return replace(centre, accounts=accounts, api_keys=ApiKeys(centre.database, demo=True))


@dataclass(slots=True)
class Clock:
    now: dt.datetime = MONDAY

    def __call__(self) -> dt.datetime:
        return self.now


@dataclass(slots=True)
class Browser:
    """A client that carries form tokens as a browser does."""

    client: FlaskClient

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, buffered=True, **more)  # buffered: files are closed

    def page(self, path: str) -> str:
        response = self.client.get(path)
        assert response.status_code == 200, (path, response.status_code)
        return response.get_data(as_text=True)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        return self.client.post(
            path, data={"csrf_token": self.form_token(), **(data or {})}, **more
        )

    def upload(self, path: str, data: dict[str, Any]) -> TestResponse:
        """As ``post``, with a body made in memory: the client's own would leave a temporary file
        open.
        """
        files = {
            name: FileStorage(*value) if isinstance(value, tuple) else value
            for name, value in data.items()
        }
        boundary, body = encode_multipart({"csrf_token": self.form_token(), **files})
        return self.client.post(
            path, data=body, content_type=f'multipart/form-data; boundary="{boundary}"'
        )

    def form_token(self) -> str:
        """What the forms of this session carry, without a page: Flask-WTF signs what the session
        keeps.
        """
        with self.client.session_transaction() as session:
            kept = session.setdefault("csrf_token", secrets.token_hex())
        keys = self.client.application.config["WTF_CSRF_SECRET_KEY"]
        return URLSafeTimedSerializer(keys, salt="wtf-csrf-token").dumps(kept)

    def sign_in(self, name: str) -> Browser:
        response = self.post(
            "/sign-in", {"email": f"{name}@example.com", "password": f"{name}-demo"}
        )
        assert response.status_code == 303, response.get_data(as_text=True)
        return self


def data_values(page: str, name: str) -> list[str]:
    """The values of ``data-<name>`` in a page, in order; "" for an attribute without a value."""
    values = re.findall(rf'\sdata-{name}(?:="([^"]*)")?(?=[\s>])', page)
    return [unescape(value) for value in values]


def part_of(page: str, name: str, value: str) -> str:
    """The page from the element with ``data-<name>="value"`` to the next one with that name."""
    parts = re.split(rf'(?=\sdata-{name}=")', page)
    return next(part for part in parts if part.startswith(f' data-{name}="{value}"'))


def same_for(response: TestResponse, name: str) -> str:
    """What a page says, whatever ``name`` it is about and in whichever second it was signed."""
    page = re.sub(r'(name="csrf_token" value=")[^"]+', r"\1", response.get_data(as_text=True))
    return page.replace(name, "...")


@dataclass(slots=True)
class Portal:
    app: Flask
    centre: HelpCentre
    clock: Clock = field(default_factory=Clock)

    def browser(self, name: str = "") -> Browser:
        browser = Browser(self.app.test_client())
        return browser.sign_in(name) if name else browser


class CompiledTemplates(BytecodeCache):
    """Compiled templates for every portal of a test session.

    Each portal has a Jinja environment of its own: compiling its templates was half of the cost of
    a test.
    """

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


TEMPLATES = CompiledTemplates()


class SharedRule(Rule):
    """A URL rule that is compiled once for every portal of a test session.

    Werkzeug writes Python code for each rule of an application, and there are more than two
    hundred: that was half of the cost of a portal.
    """

    _compiled: ClassVar[dict[object, Rule]] = {}

    def compile(self) -> None:
        defaults = frozenset((self.defaults or {}).items())
        key = (self.rule, self.endpoint, frozenset(self.methods or ()), defaults)
        compiled = self._compiled.get(key)
        if compiled is None:
            super().compile()
            self._compiled[key] = self
        else:
            vars(self).update({**vars(compiled), "map": self.map})


Flask.url_rule_class = SharedRule

#: What was opened and is to be closed when the test ends (see conftest).
OPEN: list[HelpCentre] = []


def build(settings: Settings) -> Portal:
    clock, centre = Clock(), open_centre(settings)
    OPEN.append(centre)
    app = create_app(settings, centre, clock=clock)
    app.jinja_env.bytecode_cache = TEMPLATES
    app.testing = False  # failures are shown as people see them
    return Portal(app, centre, clock)


def ticket(**more: Any) -> dict[str, Any]:
    """A form that can be filed by somebody who is signed in."""
    about = {
        "title": "The press eats paper",
        "type": "problem",
        "severity": "question",
        "description": "Since Monday it eats every second sheet.",
        "product": "press",
        "module": "print",
        "version": "2.0",
        "key": "key-1",
        "episode": "episode-1",
    }
    return {**about, **more}


def guest(**more: Any) -> dict[str, Any]:
    return ticket(name="Gina Guest", email="gina@example.org", zone="Europe/Berlin", **more)


def number_of(response: TestResponse) -> str:
    """The ticket that a 303 leads to."""
    assert response.status_code == 303, response.get_data(as_text=True)
    found = re.search(r"KB-\d+", response.headers["Location"])
    assert found
    return found[0]
