"""Settings: everything that an operator can configure, in one table.

Each setting is read from the environment variable ``KB_<NAME>``, or from the file that
``KB_<NAME>_FILE`` names (for secrets). An unknown ``KB_`` variable or a value that is not accepted
raises Misconfigured at start. Policies, catalogue and curations are content, not settings: they are
files beside the articles.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from kb.errors import Misconfigured

#: In the data folder: the folder of the site.
OWNER_FILE = "site"

_INDEX_PREFIX = re.compile(r"(?:[a-z0-9][a-z0-9-]{0,63})?")
_PORTAL_PATH = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class Setting:
    """``read`` converts the text or raises ValueError; ``form`` describes what is accepted."""

    name: str
    default: str
    read: Callable[[str], Any]
    form: str
    help: str
    secret: bool = False


# --- converters from text, which raise ValueError or KeyError


def _integer(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return read


def _choice(*choices: str) -> Callable[[str], str]:
    by_text = {choice.lower(): choice for choice in choices}
    return lambda text: by_text[text.lower()]


def _yes_no(text: str) -> bool:
    return {"yes": True, "no": False}[text.lower()]


def _optional_yes_no(text: str) -> bool | None:
    return _yes_no(text) if text else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _split_url(text: str) -> SplitResult:
    """Raises ValueError for anything but http or https with a host, a valid port and no blank."""
    parts = urlsplit(text)
    if not text.startswith(("http://", "https://")) or not parts.hostname or parts.port == 0:
        raise ValueError(text)
    if not text.isprintable() or " " in text or "\\" in text:
        raise ValueError(text)
    return parts


def _url(text: str) -> str:
    _split_url(text)
    return text.rstrip("/")


def _portal_url(text: str) -> str:
    """Its path, if it has one, is what each address of the portal begins with."""
    url = _url(text)
    parts = _split_url(url)
    if parts.query or parts.fragment or not _PORTAL_PATH.fullmatch(parts.path):
        raise ValueError(text)
    return url


def _optional_url(text: str) -> str:
    if text:
        _split_url(text)
    return text


def _urls(text: str) -> tuple[str, ...]:
    return tuple(_url(word) for word in text.split())


def _origins(text: str) -> tuple[str, ...]:
    """Scheme, host and port as browsers send them in ``Origin``: lower case, without a path."""
    origins = tuple(text.split())
    for origin in origins:
        parts = _split_url(origin)
        if origin != f"{parts.scheme}://{parts.netloc}".lower() or "@" in parts.netloc:
            raise ValueError(origin)
    return origins


def _site_folder(text: str) -> str:
    if text and not Path(text).is_dir():
        raise ValueError(text)
    return text


def _database(text: str) -> str:
    if text == "sqlite":
        return text
    parts = urlsplit(text)
    is_postgresql = parts.scheme in ("postgresql", "postgres") and parts.path.strip("/")
    if not is_postgresql or not text.isprintable() or " " in text:
        raise ValueError(text)
    return f"postgresql:{text.partition(':')[2]}"


def _opensearch(text: str) -> str:
    """Addresses with users and passwords of one cluster: the first one's path is the prefix."""
    paths = [_split_url(word).path.strip("/") for word in text.split()]
    if not paths or not _INDEX_PREFIX.fullmatch(paths[0]) or any(paths[1:]):
        raise ValueError(text)
    return " ".join(text.split())


def _blobs(text: str) -> str:
    bucket = urlsplit(text).netloc if text.startswith("s3://") else ""
    if text != "folder" and not bucket and not Path(text).is_absolute():
        raise ValueError(text)
    return text


def _secret_key(text: str) -> str:
    if text and len(text) < 32:
        raise ValueError(text)
    return text


def _secret_keys(text: str) -> tuple[str, ...]:
    return tuple(_secret_key(key) for key in text.split())


def _mail_address(text: str) -> str:
    name, at, domain = text.rpartition("@")
    if text and not (name and at and domain and text.isprintable() and " " not in text):
        raise ValueError(text)
    return text


def _mail_addresses(text: str) -> tuple[str, ...]:
    return tuple(_mail_address(word) for word in text.split())


def _webhook_secrets(text: str) -> tuple[str, ...]:
    """Secrets of Standard Webhooks: ``whsec_`` and at least 24 bytes in Base64."""
    secrets = tuple(text.split())
    for secret in secrets:
        encoded = secret.removeprefix("whsec_")
        if encoded == secret or len(base64.b64decode(encoded, validate=True)) < 24:
            raise ValueError(secret)
    return secrets


def _mail_hook_secrets(text: str) -> tuple[str, ...]:
    """Also the key by which Mailgun signs, behind its name."""
    secrets = text.split()
    for secret in secrets:
        if secret.startswith("mailgun:"):
            if len(secret) < len("mailgun:") + 20:
                raise ValueError(secret)
        else:
            _webhook_secrets(secret)
    return tuple(secrets)


def _name_server(text: str) -> str:
    return text if text in ("", "system") else str(ipaddress.ip_address(text))


def _embed_keys(text: str) -> tuple[str, ...]:
    """Named keys, each with its algorithm: RFC 7518, section 3.2, and RFC 8037."""
    words = tuple(text.split())
    for word in words:
        name, algorithm, key = word.split(":", 2)
        is_secret = algorithm == "HS256" and len(key) >= 32
        is_public_key = algorithm == "EdDSA" and len(base64.b64decode(key, validate=True)) == 32
        if not name or not (is_secret or is_public_key):
            raise ValueError(name)
    if len({word.split(":", 1)[0] for word in words}) < len(words):
        raise ValueError(text)
    return words


def _private_address(text: str) -> tuple[str, int] | None:
    """Host and port. Metrics tell what a portal is used for, so its host is no public address."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    if address.is_unspecified or not (address.is_private or address.is_loopback):
        raise ValueError(text)
    return str(address), _integer(1, 65535)(port)


_PORT = "a whole number from 1 to 65535"
_YES_NO = "yes or no"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "site",
        "",
        _site_folder,
        "the folder of a support site, or empty for the one in KB_CONTENT",
        "The support site: one folder with its articles, policies, catalogue and look. It is used "
        "in place of `KB_CONTENT`, and its data is in a folder named `data-` and the folder's "
        "name, unless `KB_DATA` names another one.",
    ),
    Setting(
        "data", "data", Path, "a folder", "The folder for the index, the tickets and attachments."
    ),
    Setting(
        "database",
        "sqlite",
        _database,
        "sqlite, or postgresql:// and the address of a database",
        "Where tickets, accounts and figures are kept: a SQLite file in `KB_DATA`, or a database "
        "on a PostgreSQL server, which portals on several machines can share. PostgreSQL requires "
        "the extra `postgres`.",
        secret=True,
    ),
    Setting(
        "search",
        "embedded",
        _choice("embedded", "opensearch"),
        "embedded or opensearch",
        "The engine that finds documents: the embedded search engine, or an OpenSearch cluster "
        "(2.19 or 3.x), which requires the extra `opensearch`.",
    ),
    Setting(
        "opensearch",
        "http://127.0.0.1:9200",
        _opensearch,
        "http or https addresses of one cluster, separated by spaces; the path of the first is "
        "the prefix of all indexes",
        "The address of OpenSearch, with user and password: "
        "`https://user:password@host:9200/askfirst`. The names of indexes and aliases begin with "
        "the path, by default `askfirst`. `?ca=FILE` names the certificate of your own authority.",
        secret=True,
    ),
    Setting(
        "blobs",
        "folder",
        _blobs,
        "folder, an absolute path, or s3:// with a bucket and a prefix",
        "The store through which machines share attached files and the published index (`kb index "
        "push` and `kb index pull`). With folder, attached files stay in `KB_DATA`, and the index "
        "goes to its subfolder `store`. S3 requires the extra `s3`.",
    ),
    Setting(
        "content", "content", Path, "a folder", "The folder for articles, policies and catalogue."
    ),
    Setting(
        "sources",
        "",
        _words,
        "KIND=PATH or KIND@AUDIENCE=PATH words, KIND doc, faq or forum",
        "What `kb index` reads by default. If empty, it reads docs, faq and forum in the content "
        "folder.",
    ),
    Setting(
        "policies",
        "",
        str,
        "a file, or empty for policies.toml in the content folder",
        "The policy file: business calendars, support levels and severities.",
    ),
    Setting(
        "portal_name",
        "",
        str,
        "text, or empty for the name in site.toml",
        "The name at the top of every page.",
    ),
    Setting(
        "base_url",
        "http://127.0.0.1:8000",
        _portal_url,
        "an http or https address, which may have a path of letters, digits, `.`, `-` and `_`",
        "The public address of the portal. Links in e-mails begin with it. With a path, the portal "
        "is served under that path.",
    ),
    Setting("host", "127.0.0.1", str, "an address", "The address on which `kb serve` listens."),
    Setting("port", "8000", _integer(1, 65535), _PORT, "The port on which `kb serve` listens."),
    Setting(
        "workers",
        "2",
        _integer(1, 64),
        "a whole number from 1 to 64",
        "The number of server processes.",
    ),
    Setting(
        "secret_key",
        "",
        _secret_key,
        "at least 32 characters, or empty",
        "The key that signs sessions and forms. If empty, one is created in the data folder.",
        secret=True,
    ),
    Setting(
        "secret_key_fallbacks",
        "",
        _secret_keys,
        "keys of at least 32 characters, separated by spaces",
        "Earlier signing keys. They are still accepted, so that a new key signs nobody out.",
        secret=True,
    ),
    Setting(
        "field_key",
        "",
        _secret_keys,
        "keys of at least 32 characters, separated by spaces; the first is in use",
        "The key that encrypts what customers enter into secret fields of the ticket form. If "
        "empty, the form takes no secrets.",
        secret=True,
    ),
    Setting(
        "secure_cookies",
        "",
        _optional_yes_no,
        "yes, no, or empty for yes when `KB_BASE_URL` begins with https",
        "Sends cookies over HTTPS only. A portal with an https address requires it.",
    ),
    Setting(
        "trusted_proxies",
        "0",
        _integer(0, 5),
        "a whole number from 0 to 5",
        "The number of reverse proxies whose X-Forwarded-For headers are trusted.",
    ),
    Setting(
        "embed_origins",
        "",
        _origins,
        "web origins such as https://www.example.com (lower case, nothing after the host or "
        "port), separated by spaces",
        "The websites whose pages may call suggest and search.",
    ),
    Setting(
        "embed_keys",
        "",
        _embed_keys,
        "words NAME:HS256:SECRET (at least 32 characters) or NAME:EdDSA:PUBLIC-KEY (32 bytes in "
        "Base64), separated by spaces",
        "The keys with which these websites sign tokens for people who are signed in there. If "
        "empty, everybody on their pages counts as the public.",
        secret=True,
    ),
    Setting(
        "embed_pack",
        "no",
        _yes_no,
        "yes or no",
        "Publishes the titles and headings of public documents in one file, so that embedded "
        "suggestion boxes can answer at once.",
    ),
    Setting(
        "session_hours",
        "12",
        _integer(1, 720),
        "a whole number from 1 to 720",
        "The number of hours after which a person must sign in again.",
    ),
    Setting(
        "remember_days",
        "30",
        _integer(0, 400),
        "a whole number from 0 to 400",
        "The number of days that customers can choose to stay signed in. 0: they cannot choose.",
    ),
    Setting(
        "second_factor",
        "optional",
        _choice("off", "optional", "staff"),
        "off, optional or staff",
        "The second factor of agents, editors and administrators: not asked for, asked of those "
        "who have set one up, or required of all of them.",
    ),
    Setting(
        "suggest_per_minute",
        "600",
        _integer(1, 100000),
        "a whole number from 1 to 100000",
        "The number of suggest and search requests that one address may send per minute.",
    ),
    Setting(
        "embed_per_minute",
        "6000",
        _integer(1, 1000000),
        "a whole number from 1 to 1000000",
        "The number of such requests per minute for all visitors who share one address and are on "
        "websites of `KB_EMBED_ORIGINS`. Each visitor also has the limit of one address.",
    ),
    Setting(
        "tickets_per_hour",
        "30",
        _integer(1, 10000),
        "a whole number from 1 to 10000",
        "The number of tickets, comments and other actions on tickets that one requester may send "
        "per hour.",
    ),
    Setting(
        "attachment_megabytes",
        "10",
        _integer(1, 1024),
        "a whole number from 1 to 1024",
        "The maximum size of an attachment. A ticket may have 20 attachments.",
    ),
    Setting(
        "upload_megabytes",
        "2000",
        _integer(0, 1_000_000),
        "a whole number from 0 to 1000000",
        "The maximum size of a file that is uploaded through the upload link of a ticket; 0 turns "
        "these links off.",
    ),
    Setting(
        "suggest_budget_ms",
        "250",
        _integer(10, 5000),
        "a whole number from 10 to 5000",
        "The time limit for suggestions, in milliseconds. After it, none are shown.",
    ),
    Setting(
        "handling_minutes",
        "15",
        _integer(1, 10_000),
        "a whole number from 1 to 10000",
        "How many minutes an average ticket takes, to price the gaps in the content.",
    ),
    Setting(
        "meaning",
        "yes",
        _yes_no,
        _YES_NO,
        "Also finds pages that answer a question in different words.",
    ),
    Setting(
        "generations",
        "3",
        _integer(1, 50),
        "a whole number from 1 to 50",
        "The number of published generations to keep.",
    ),
    Setting(
        "publish_gate",
        "warn",
        _choice("off", "warn", "refuse"),
        "off, warn or refuse",
        "What happens when a golden query fails: nothing, an issue is reported, or publishing "
        "is refused.",
    ),
    Setting(
        "publish_drop",
        "50",
        _integer(0, 100),
        "a whole number from 0 to 100",
        "The maximum percentage of documents that a publish may remove. Above it, publishing is "
        "refused.",
    ),
    Setting(
        "newly_public",
        "report",
        _choice("report", "ask"),
        "report or ask",
        "What happens when pages become public for the first time: the report lists them, or "
        "publishing also requires consent.",
    ),
    Setting(
        "vote_customers",
        "3",
        _integer(3, 1000),
        "a whole number from 3 to 1000",
        "The number of different customers whose similar tickets were resolved with an article "
        "before search learns from them.",
    ),
    Setting(
        "false_suggestions",
        "10",
        _integer(0, 50),
        "a whole number from 0 to 50",
        "Of 100 questions that no page answers, the number that may get suggestions. A higher "
        "number leaves fewer answerable questions without any. Used when the index is built.",
    ),
    Setting(
        "holdout",
        "0",
        _integer(0, 50),
        "a whole number from 0 to 50",
        "The percentage of visitors who see no suggestions while typing a title, so that the "
        "effect of suggestions can be measured. 0: nobody.",
    ),
    Setting(
        "ticket_cost",
        "0",
        _integer(0, 100000),
        "a whole number from 0 to 100000",
        "What handling one ticket costs, in your currency. The Insights page multiplies measured "
        "savings by it. 0: no amounts are shown.",
    ),
    Setting(
        "insights_mail",
        "",
        _mail_addresses,
        "e-mail addresses, separated by spaces",
        "The addresses that receive last week's figures every Monday.",
    ),
    Setting(
        "smtp_host",
        "",
        str,
        "a host name, or empty",
        "The mail server for `kb worker`. If empty, no e-mail is sent.",
    ),
    Setting("smtp_port", "587", _integer(1, 65535), _PORT, "The port of the mail server."),
    Setting(
        "smtp_user",
        "",
        str,
        "a name, or empty",
        "The user name for the mail server. If empty, the worker does not sign in.",
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
        _choice("starttls", "tls", "no"),
        "starttls, tls or no",
        "The encryption of the connection to the mail server.",
    ),
    Setting(
        "mail_from",
        "",
        _mail_address,
        "an e-mail address, or empty for noreply at the host of `KB_BASE_URL`",
        "The sender address of e-mails that do not come from a mailbox of `policies.toml`. "
        "Replies to it are not read.",
    ),
    Setting(
        "mail_authority",
        "",
        str,
        "the name that a mail server uses in Authentication-Results, or empty",
        "The mail server whose checks of senders (SPF, DKIM, DMARC) are trusted. It must remove "
        "headers with this name that others have written.",
    ),
    Setting(
        "mail_sealers",
        "",
        _words,
        "domain names, separated by spaces",
        "The domains whose ARC seals are trusted: mailing lists and forwarders of your customers.",
    ),
    Setting(
        "mail_dns",
        "",
        _name_server,
        "the IP address of a name server, `system`, or empty",
        "The name server for checking DKIM signatures, if no mail server checks them. Requires the "
        "extra `mail`. If empty, none are checked.",
    ),
    Setting(
        "mail_megabytes",
        "25",
        _integer(1, 200),
        "a whole number from 1 to 200",
        "The maximum size of an e-mail that is accepted.",
    ),
    Setting(
        "mail_hook_secret",
        "",
        _mail_hook_secrets,
        "whsec_ and at least 24 bytes in Base64, or mailgun: and the signing key of Mailgun; "
        "several, separated by spaces",
        "The secret with which a provider signs the e-mails that it posts to `/api/v1/mail`. If "
        "empty, none are accepted there.",
        secret=True,
    ),
    Setting(
        "imap_host",
        "",
        str,
        "a host name, or empty",
        "The IMAP server from which `kb mail poll` fetches e-mails. Requires the extra `mail`.",
    ),
    Setting("imap_port", "993", _integer(1, 65535), _PORT, "The port of the IMAP server."),
    Setting("imap_user", "", str, "a name", "The user name for the IMAP server."),
    Setting(
        "imap_password",
        "",
        str,
        "a password",
        "The password for `KB_IMAP_USER`.",
        secret=True,
    ),
    Setting(
        "imap_tls",
        "tls",
        _choice("starttls", "tls", "no"),
        "starttls, tls or no",
        "The encryption of the connection to the IMAP server.",
    ),
    Setting("imap_folder", "INBOX", str, "a name", "The folder from which e-mails are fetched."),
    Setting(
        "maildir",
        "",
        str,
        "a folder, or empty",
        "The Maildir from which `kb mail poll` fetches e-mails.",
    ),
    Setting(
        "mails_per_recipient",
        "6",
        _integer(1, 1000),
        "a whole number from 1 to 1000",
        "The maximum number of e-mails about tickets per hour to one address outside your staff. "
        "Further ones are combined into one e-mail.",
    ),
    Setting(
        "mails_per_sender",
        "60",
        _integer(1, 100000),
        "a whole number from 1 to 100000",
        "The maximum number of e-mails to others that one requester can cause per hour. Further "
        "ones wait.",
    ),
    Setting(
        "mails_per_hour",
        "1000",
        _integer(1, 1000000),
        "a whole number from 1 to 1000000",
        "The maximum number of e-mails that all requesters together can cause per hour. Further "
        "ones wait; e-mails that agents cause are not counted.",
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
        _webhook_secrets,
        "whsec_ and at least 24 bytes in Base64; several, separated by spaces, while keys rotate",
        "The secret that signs webhooks according to Standard Webhooks 1.0.0.",
        secret=True,
    ),
    Setting(
        "webhook_private",
        "no",
        _yes_no,
        _YES_NO,
        "Allows webhooks to addresses in your own network.",
    ),
    Setting(
        "oidc_issuer",
        "",
        _optional_url,
        "an http or https address exactly as the provider names itself, or empty",
        "The OpenID Connect provider for signing in. Requires the extra `oidc`. If empty, people "
        "sign in with a password only.",
    ),
    Setting(
        "oidc_client_id",
        "",
        str,
        "a name, or empty",
        "The client ID of this portal at the OpenID Connect provider.",
    ),
    Setting(
        "oidc_client_secret",
        "",
        str,
        "a secret, or empty for a public client",
        "The client secret for `KB_OIDC_CLIENT_ID`.",
        secret=True,
    ),
    Setting(
        "oidc_name",
        "your organisation",
        str,
        "text",
        "The name of the provider on the button “Sign in with …”.",
    ),
    Setting(
        "log_level",
        "INFO",
        _choice("DEBUG", "INFO", "WARNING", "ERROR"),
        "DEBUG, INFO, WARNING or ERROR",
        "The minimum level of log messages.",
    ),
    Setting(
        "log_format",
        "text",
        _choice("text", "json"),
        "text or json",
        "The format of log messages: text, or one JSON object per line.",
    ),
    Setting(
        "metrics",
        "",
        _private_address,
        "host:port with a loopback or private host address, or empty",
        "The address for `GET /metrics` in Prometheus' format. If empty, nothing is counted.",
    ),
    Setting(
        "audit_days",
        "365",
        _integer(7, 3650),
        "a whole number from 7 to 3650",
        "The number of days for which the audit log is kept. The worker deletes older entries.",
    ),
    Setting(
        "ticket_days",
        "0",
        _integer(0, 36500),
        "a whole number from 0 to 36500",
        "The number of days after which the texts and attachments of a closed ticket are erased. "
        "0: never.",
    ),
    Setting(
        "orphan_days",
        "1",
        _integer(1, 30),
        "a whole number from 1 to 30",
        "The number of days after which uploaded files that belong to no ticket are deleted.",
    ),
    Setting(
        "episode_days",
        "365",
        _integer(1, 3650),
        "a whole number from 1 to 3650",
        "The number of days for which visits to the ticket form are kept, with what was searched "
        "for.",
    ),
    Setting(
        "mail_days",
        "90",
        _integer(1, 3650),
        "a whole number from 1 to 3650",
        "The number of days for which e-mails and webhooks are kept after they were sent, "
        "abandoned or received. Those of a ticket that is not closed are kept.",
    ),
    Setting(
        "copy_days",
        "30",
        _integer(1, 3650),
        "a whole number from 1 to 3650",
        "The number of days for which the address of somebody who was asked about copies is kept "
        "without an answer.",
    ),
    Setting(
        "device_days",
        "365",
        _integer(1, 400),
        "a whole number from 1 to 400",
        "The number of days for which the sign-in page recognises a browser by a cookie.",
    ),
    Setting(
        "backup_passphrase",
        "",
        str,
        "text",
        "The passphrase that encrypts the secrets in backups. If empty, backups hold no secrets.",
        secret=True,
    ),
    Setting(
        "backup_folder",
        "",
        str,
        "a folder, or empty",
        "The folder into which the worker writes backups. If empty, it writes none.",
    ),
    Setting(
        "backup_hours",
        "24",
        _integer(1, 720),
        "a whole number from 1 to 720",
        "The number of hours between two backups.",
    ),
    Setting(
        "backup_keep",
        "7",
        _integer(1, 1000),
        "a whole number from 1 to 1000",
        "The number of backups to keep. The worker removes older ones.",
    ),
    Setting(
        "demo",
        "no",
        _yes_no,
        _YES_NO,
        "Creates demo accounts and shows them on the sign-in page. Works on this machine only.",
    ),
)
_BY_NAME: Mapping[str, Setting] = MappingProxyType({setting.name: setting for setting in SETTINGS})


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of all settings."""

    site: str
    data: Path
    database: str
    search: str
    opensearch: str
    blobs: str
    content: Path
    sources: tuple[str, ...]
    policies: str
    portal_name: str
    base_url: str
    host: str
    port: int
    workers: int
    secret_key: str
    secret_key_fallbacks: tuple[str, ...]
    field_key: tuple[str, ...]
    secure_cookies: bool
    trusted_proxies: int
    embed_origins: tuple[str, ...]
    embed_pack: bool
    embed_keys: tuple[str, ...]
    session_hours: int
    remember_days: int
    second_factor: str
    suggest_per_minute: int
    embed_per_minute: int
    tickets_per_hour: int
    attachment_megabytes: int
    upload_megabytes: int
    suggest_budget_ms: int
    handling_minutes: int
    generations: int
    publish_gate: str
    publish_drop: int
    newly_public: str
    vote_customers: int
    meaning: bool
    false_suggestions: int
    holdout: int
    ticket_cost: int
    insights_mail: tuple[str, ...]
    smtp_host: str
    smtp_port: int
    smtp_user: str
    smtp_password: str
    smtp_tls: str
    mail_from: str
    mail_authority: str
    mail_sealers: tuple[str, ...]
    mail_dns: str
    mail_megabytes: int
    mail_hook_secret: tuple[str, ...]
    imap_host: str
    imap_port: int
    imap_user: str
    imap_password: str
    imap_tls: str
    imap_folder: str
    maildir: str
    mails_per_recipient: int
    mails_per_sender: int
    mails_per_hour: int
    webhook_urls: tuple[str, ...]
    webhook_secret: tuple[str, ...]
    webhook_private: bool
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    log_level: str
    log_format: str
    metrics: tuple[str, int] | None
    audit_days: int
    ticket_days: int
    orphan_days: int
    episode_days: int
    mail_days: int
    copy_days: int
    device_days: int
    backup_passphrase: str
    backup_folder: str
    backup_hours: int
    backup_keep: int
    demo: bool

    @property
    def database_location(self) -> Path | str:
        """For ``kb.database``: the data folder for SQLite, else the address of the database."""
        return self.data if self.database == "sqlite" else self.database

    @property
    def shares_database(self) -> bool:
        """Whether portals on other machines can use the database."""
        return self.database != "sqlite"

    @property
    def shares_blobs(self) -> bool:
        """Whether other machines can read the store, which then has the attached files too."""
        return self.blobs != "folder"

    @property
    def search_cluster(self) -> str:
        """For ``kb.search.installation``: the address of OpenSearch, "" without it."""
        return self.opensearch if self.search == "opensearch" else ""

    @property
    def blob_address(self) -> str:
        """For ``kb.blobs.open_store``."""
        return str(self.data / "store") if self.blobs == "folder" else self.blobs

    @property
    def policies_file(self) -> Path:
        return Path(self.policies) if self.policies else self.content / "policies.toml"

    @property
    def base_path(self) -> str:
        """The path of the public address, which every page's address begins with; mostly ""."""
        return urlsplit(self.base_url).path

    @property
    def origin(self) -> str:
        """The public address without its path, as browsers send it in ``Origin``."""
        return self.base_url.removesuffix(self.base_path)

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https:")

    @property
    def is_local(self) -> bool:
        """Whether the portal's address is one of this machine only."""
        return not self.is_https and is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def allows_demo(self) -> bool:
        """Whether demo people, whose passwords are public, may sign in."""
        return self.demo and self.is_local


def load_settings(
    environment: Mapping[str, str] | None = None, **overrides: str | None
) -> Settings:
    """Settings from ``environment`` (default: that of the process), then ``overrides`` by name.

    An override of None has no effect. Without a site, it is the one whose data the data folder
    holds. Raises Misconfigured, which names the variable and what it
    accepts.
    """
    texts = {setting.name: setting.default for setting in SETTINGS}
    texts["content"] = _default_content(texts["content"])
    given = _from_environment(os.environ if environment is None else environment)
    given |= {name: text for name, text in overrides.items() if text is not None}
    if given.get("data") and not given.get("site") and "content" not in given:
        given["site"] = site_of_data_folder(Path(given["data"]))
    texts |= _of_site(given.get("site", ""), texts) | given
    _check_one_site(texts)
    values = {name: _convert(_BY_NAME[name], text) for name, text in texts.items()}
    if values["secure_cookies"] is None:
        values["secure_cookies"] = values["base_url"].startswith("https:")
    return Settings(**values)


def site_of_data_folder(data: Path) -> str:
    """The folder of the site whose data this is; "" if nobody has said, or if it is gone."""
    try:
        folder = (data / OWNER_FILE).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return folder if folder and Path(folder).is_dir() else ""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _default_content(folder: str) -> str:
    """``folder`` of the working directory if it holds a help centre, else the built-in one.

    The built-in help centre is a package of its own beside this one in an installed wheel, and a
    folder of the checkout otherwise.
    """
    if (Path(folder) / "policies.toml").is_file():
        return folder
    root = Path(__file__).parent.parent
    built_in = (root / "askfirst_content", root / "content")
    return next((str(path) for path in built_in if path.is_dir()), folder)


def _of_site(folder: str, defaults: Mapping[str, str]) -> dict[str, str]:
    """What a site's folder sets: its content, and data of its own, so that sites do not mix."""
    if not folder:
        return {}
    is_default = Path(folder).resolve() == Path(defaults["content"]).resolve()
    data = defaults["data"] if is_default else f"data-{Path(folder).resolve().name}"
    return {"content": folder, "data": data}


def _check_one_site(texts: Mapping[str, str]) -> None:
    site, content = texts["site"], texts["content"]
    if site and Path(site).resolve() != Path(content).resolve():
        raise Misconfigured(
            f"KB_SITE is {site} and KB_CONTENT is {content}: set only KB_SITE.", field="site"
        )


def environment_values(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The texts that the environment (default: the process's) gives, by setting name."""
    return _from_environment(os.environ if environment is None else environment)


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    texts = {}
    for variable, text in environment.items():
        if not variable.startswith("KB_") or variable.startswith("KB_BENCH_"):
            continue
        name = variable.removeprefix("KB_").lower()
        if name in _BY_NAME:
            texts[name] = text
        elif name.endswith("_file") and name.removesuffix("_file") in _BY_NAME:
            texts[name.removesuffix("_file")] = _read_file(variable, text)
        else:
            raise Misconfigured(f"{variable} is not a setting; `kb settings` lists them all.")
    return texts


def _read_file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{variable}: cannot read {path}: {error}.") from error


def _convert(setting: Setting, text: str) -> Any:
    try:
        return setting.read(text)
    except (ValueError, KeyError):
        value = "the value" if setting.secret else repr(text)
        message = f"KB_{setting.name.upper()}: {value} is not accepted; give {setting.form}."
        raise Misconfigured(message, field=setting.name) from None
