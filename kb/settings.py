"""What can an operator set, and how?

One table. Each setting is read from the environment variable ``KB_<NAME>``, or from the file named
by ``KB_<NAME>_FILE`` (for secrets); an unknown ``KB_`` variable or a malformed value refuses to
start with a sentence. Not for content: policies, catalogue and curations are files beside the
articles.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from kb.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: ``read`` turns the text into a value or raises ValueError; ``form`` says what is
    accepted.
    """

    name: str
    default: str
    read: Callable[[str], Any]
    form: str
    help: str
    secret: bool = False


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return read


def _flag(text: str) -> bool:
    return {"yes": True, "no": False}[text.lower()]


def _url(text: str) -> str:
    _web(text)
    return text.rstrip("/")


def _optional_url(text: str) -> str:
    if text:
        _web(text)
    return text


def _web(text: str) -> SplitResult:
    """Raises ValueError for anything but http or https with a host, a sound port and no blank."""
    parts = urlsplit(text)
    if not text.startswith(("http://", "https://")) or not parts.hostname or parts.port == 0:
        raise ValueError(text)
    if not text.isprintable() or " " in text or "\\" in text:
        raise ValueError(text)
    return parts


def _origins(text: str) -> tuple[str, ...]:
    """Scheme, host and port as a browser says them in ``Origin``: small letters, no path."""
    found = tuple(text.split())
    for word in found:
        parts = _web(word)
        if word != f"{parts.scheme}://{parts.netloc}".lower() or "@" in parts.netloc:
            raise ValueError(word)
    return found


def _level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError(text)
    return text.upper()


def _gate(text: str) -> str:
    if text.lower() not in ("off", "warn", "refuse"):
        raise ValueError(text)
    return text.lower()


def _secret(text: str) -> str:
    if text and len(text) < 32:
        raise ValueError(text)
    return text


def _tls(text: str) -> str:
    return {"starttls": "starttls", "tls": "tls", "no": "no"}[text.lower()]


def _address(text: str) -> str:
    name, at, domain = text.rpartition("@")
    if text and not (name and at and domain and text.isprintable() and " " not in text):
        raise ValueError(text)
    return text


def _urls(text: str) -> tuple[str, ...]:
    return tuple(_url(word) for word in text.split())


def _signers(text: str) -> tuple[str, ...]:
    """Secrets of Standard Webhooks: ``whsec_`` and at least 24 bytes in Base64."""
    found = tuple(text.split())
    for word in found:
        if (
            not word.startswith("whsec_")
            or len(base64.b64decode(word.removeprefix("whsec_"), validate=True)) < 24
        ):
            raise ValueError(word)
    return found


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_PORT = "a whole number from 1 to 65535"
_YES_NO = "yes or no"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "data",
        "data",
        Path,
        "a folder",
        "The folder for the index, the tickets and the attachments.",
    ),
    Setting(
        "content",
        "content",
        Path,
        "a folder",
        "The folder with the articles, the policies and the catalogue.",
    ),
    Setting(
        "sources",
        "",
        _words,
        "KIND=PATH, separated by spaces; KIND is doc, faq or forum",
        "The sources that `kb index` reads if you name none; empty: docs, faq and forum in the "
        "content folder.",
    ),
    Setting(
        "policies",
        "",
        str,
        "a file, or empty for policies.toml in the content folder",
        "The SLA policies: calendars, levels, severities.",
    ),
    Setting("portal_name", "Askfirst", str, "text", "The name at the top of every page."),
    Setting(
        "base_url",
        "http://127.0.0.1:8000",
        _url,
        "an http or https address",
        "The public address of the portal; links in mails are built from it, never from a request.",
    ),
    Setting("host", "127.0.0.1", str, "an address", "The address that `kb serve` listens on."),
    Setting("port", "8000", _whole(1, 65535), _PORT, "The port that `kb serve` listens on."),
    Setting(
        "workers",
        "2",
        _whole(1, 64),
        "a whole number from 1 to 64",
        "The number of server processes.",
    ),
    Setting(
        "secret_key",
        "",
        _secret,
        "at least 32 characters, or empty",
        "The key that signs sessions and forms; empty: one is created in the data folder.",
        secret=True,
    ),
    Setting(
        "secure_cookies",
        "no",
        _flag,
        _YES_NO,
        "Set this to yes if the portal is served over https.",
    ),
    Setting(
        "trusted_proxies",
        "0",
        _whole(0, 5),
        "a whole number from 0 to 5",
        "The number of proxies in front whose X-Forwarded-For is trusted.",
    ),
    Setting(
        "embed_origins",
        "",
        _origins,
        "web origins such as https://www.example.com (lower case, no path), separated by spaces",
        "The sites whose pages can call suggest and search.",
    ),
    Setting(
        "session_hours",
        "12",
        _whole(1, 720),
        "a whole number from 1 to 720",
        "How long a sign-in is valid.",
    ),
    Setting(
        "suggest_per_minute",
        "600",
        _whole(1, 100000),
        "a whole number from 1 to 100000",
        "Suggest and search requests that one network address can make each minute.",
    ),
    Setting(
        "tickets_per_hour",
        "30",
        _whole(1, 10000),
        "a whole number from 1 to 10000",
        "Tickets and comments that one person can send each hour.",
    ),
    Setting(
        "attachment_megabytes",
        "10",
        _whole(1, 1024),
        "a whole number from 1 to 1024",
        "The maximum size of an attachment; a ticket can have 20.",
    ),
    Setting(
        "suggest_budget_ms",
        "250",
        _whole(10, 5000),
        "a whole number from 10 to 5000",
        "The time limit of a suggestion; after it, the response contains the results so far.",
    ),
    Setting(
        "semantic",
        "no",
        _flag,
        _YES_NO,
        "Whether search also compares meanings with a pretrained model; needs the extra "
        "`semantic`.",
    ),
    Setting(
        "generations",
        "3",
        _whole(1, 50),
        "a whole number from 1 to 50",
        "The number of published generations to keep.",
    ),
    Setting(
        "publish_gate",
        "warn",
        _gate,
        "off, warn or refuse",
        "What happens if a golden query fails: nothing, an issue in the report, or no publish.",
    ),
    Setting(
        "publish_drop",
        "50",
        _whole(0, 100),
        "a whole number from 0 to 100",
        "The percentage of documents that a publish can remove; if more would be removed, nothing "
        "is published.",
    ),
    Setting(
        "smtp_host",
        "",
        str,
        "a host name, or empty",
        "The mail server that `kb worker` uses; empty: no mail is sent.",
    ),
    Setting("smtp_port", "587", _whole(1, 65535), _PORT, "The port of the mail server."),
    Setting(
        "smtp_user",
        "",
        str,
        "a name, or empty",
        "The user name on the mail server; empty: no sign-in.",
    ),
    Setting(
        "smtp_password",
        "",
        str,
        "a password, or empty",
        "The password for `KB_SMTP_USER`.",
        secret=True,
    ),
    Setting(
        "smtp_tls",
        "starttls",
        _tls,
        "starttls, tls or no",
        "The encryption of the connection to the mail server.",
    ),
    Setting(
        "mail_from",
        "",
        _address,
        "an e-mail address, or empty for noreply at the host of `KB_BASE_URL`",
        "The sender of mails; replies to it are not read.",
    ),
    Setting(
        "webhook_urls",
        "",
        _urls,
        "http or https addresses, separated by spaces",
        "The addresses that receive every event as a POST request.",
    ),
    Setting(
        "webhook_secret",
        "",
        _signers,
        "whsec_ and at least 24 bytes in Base64; several, separated by spaces, while you change keys",
        "The secret that signs webhooks according to Standard Webhooks 1.0.0.",
        secret=True,
    ),
    Setting(
        "webhook_private",
        "no",
        _flag,
        _YES_NO,
        "Whether webhooks can go to addresses in your own network.",
    ),
    Setting(
        "oidc_issuer",
        "",
        _optional_url,
        "an http or https address, exactly the issuer of the provider, or empty",
        "The OpenID Connect provider that people can also sign in with; needs the extra `oidc`; "
        "empty: none.",
    ),
    Setting(
        "oidc_client_id",
        "",
        str,
        "a name, or empty",
        "The client id of this portal at the provider.",
    ),
    Setting(
        "oidc_client_secret",
        "",
        str,
        "a secret, or empty for a public client",
        "The client secret that belongs to `KB_OIDC_CLIENT_ID`.",
        secret=True,
    ),
    Setting(
        "oidc_name",
        "your organisation",
        str,
        "text",
        "The name on the button after “Sign in with”.",
    ),
    Setting(
        "log_level",
        "INFO",
        _level,
        "DEBUG, INFO, WARNING or ERROR",
        "The level of the server's log.",
    ),
    Setting(
        "demo",
        "no",
        _flag,
        _YES_NO,
        "Whether the sign-in page shows the demo accounts; never use it on a production portal.",
    ),
)
_BY_NAME: Mapping[str, Setting] = MappingProxyType({setting.name: setting for setting in SETTINGS})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, read and checked."""

    data: Path
    content: Path
    sources: tuple[str, ...]
    policies: str
    portal_name: str
    base_url: str
    host: str
    port: int
    workers: int
    secret_key: str
    secure_cookies: bool
    trusted_proxies: int
    embed_origins: tuple[str, ...]
    session_hours: int
    suggest_per_minute: int
    tickets_per_hour: int
    attachment_megabytes: int
    suggest_budget_ms: int
    generations: int
    publish_gate: str
    publish_drop: int
    semantic: bool
    smtp_host: str
    smtp_port: int
    smtp_user: str
    smtp_password: str
    smtp_tls: str
    mail_from: str
    webhook_urls: tuple[str, ...]
    webhook_secret: tuple[str, ...]
    webhook_private: bool
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    log_level: str
    demo: bool

    @property
    def policies_file(self) -> Path:
        return Path(self.policies) if self.policies else self.content / "policies.toml"


def load(environ: Mapping[str, str] | None = None, **overrides: str | None) -> Settings:
    """Settings from ``environ`` (default: the process's), then ``overrides`` by name; None
    overrides nothing.

    Raises Misconfigured, naming the variable and the accepted form.
    """
    texts = {setting.name: setting.default for setting in SETTINGS}
    texts |= _from_environment(os.environ if environ is None else environ)
    texts |= {name: text for name, text in overrides.items() if text is not None}
    return Settings(**{name: _read(_BY_NAME[name], text) for name, text in texts.items()})


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    texts = {}
    for variable, text in environ.items():
        if not variable.startswith("KB_") or variable.startswith("KB_BENCH_"):
            continue
        name = variable.removeprefix("KB_").lower()
        if name in _BY_NAME:
            texts[name] = text
        elif name.removesuffix("_file") in _BY_NAME and name.endswith("_file"):
            texts[name.removesuffix("_file")] = _file(variable, text)
        else:
            raise Misconfigured(f"{variable} is not a setting; `kb settings` lists them all.")
    return texts


def _file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{variable}: cannot read {path}: {error}.") from error


def _read(setting: Setting, text: str) -> Any:
    try:
        return setting.read(text)
    except (ValueError, KeyError):
        shown = "the value" if setting.secret else repr(text)
        sentence = f"KB_{setting.name.upper()}: {shown} is not accepted; give {setting.form}."
        raise Misconfigured(sentence, field=setting.name) from None
