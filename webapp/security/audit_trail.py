"""Which requests leave an entry in the audit log, as a table, and the hooks that write it.

Views know nothing of it: an entry follows from the route, from who asked, and from how it was
answered. ``kb.operations.audit`` is the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from flask import Flask, Response, g, request

from kb.errors import KbError, NotFound
from kb.operations.audit import Action, AuditEntry, AuditLog
from kb.people.person import Person
from webapp.context import asker, centre, half_sign_in, now, person
from webapp.security.access_policy import by_route
from webapp.security.rate_limits import address

LOG = logging.getLogger("askfirst.audit")


def _contact() -> str:
    return f"person:{(request.view_args or {})['contact']}"


def _account() -> str:
    return f"person:{(request.view_args or {})['person_id']}"


def _organisation() -> str:
    return f"organisation:{(request.view_args or {})['organisation_id']}"


def _typed_account() -> str:
    """The account that somebody tried to sign in to, by id; nothing that was typed."""
    account = centre().accounts.by_email(request.form.get("email", ""))
    return f"person:{account.id}" if account else ""


def _link_account() -> str:
    account = centre().accounts.by_email(g.audited_link) if g.audited_link else None
    return f"person:{account.id}" if account else ""


def _ticket() -> str:
    return f"ticket:{(request.view_args or {})['number'].upper()}"


def _generation() -> str:
    return f"generation:{centre().index.published_name() or ''}"


class Audited(NamedTuple):
    """What an entry says once the request is ``done``, and what when it was ``refused``."""

    done: Action
    target: Callable[[], str] | None = None
    refused: Action | None = None
    when: tuple[str, str] = ("", "")  # an argument or field that must have this value
    facts: Mapping[str, str] = MappingProxyType({})


def _half_account() -> str:
    """The account of a sign-in that needs a second step."""
    return f"person:{g.audited_half.person.id}" if g.audited_half else ""


def _member() -> str:
    return f"person:{(request.view_args or {})['member']}"


def _new_key() -> str:
    return f"api-key:{g.audited_key}" if "audited_key" in g else ""


def _key() -> str:
    return f"api-key:{(request.view_args or {})['key_id']}"


def _new_endpoint() -> str:
    return f"webhook:{g.audited_endpoint}" if "audited_endpoint" in g else ""


def _endpoint() -> str:
    return f"webhook:{(request.view_args or {})['endpoint_id']}"


def _factor(action: Action, factor: str) -> tuple[Audited, ...]:
    return (Audited(action, None, Action.PASSWORD_REFUSED, facts={"factor": factor}),)


_LINK = "account.use_link"
#: (endpoint, method) -> the entries of the route; the first whose condition holds is written.
AUDITED: Mapping[tuple[str, str], tuple[Audited, ...]] = by_route(
    {
        ("account.check_sign_in", "POST"): (
            Audited(Action.SIGNED_IN, _typed_account, Action.SIGN_IN_REFUSED),
        ),
        ("oidc.back", "GET"): (Audited(Action.SIGNED_IN, None, Action.SIGN_IN_REFUSED),),
        ("second_step.check", "POST"): (
            Audited(
                Action.RECOVERY_CODE_USED,
                _half_account,
                Action.SECOND_FACTOR_REFUSED,
                when=("way", "recovery"),
            ),
            Audited(Action.SIGNED_IN, _half_account, Action.SECOND_FACTOR_REFUSED),
        ),
        ("second_factor.add_app", "POST"): _factor(Action.SECOND_FACTOR_ADDED, "app"),
        ("second_factor.add_passkey", "POST"): _factor(Action.SECOND_FACTOR_ADDED, "passkey"),
        ("second_factor.remove_app", "POST"): _factor(Action.SECOND_FACTOR_REMOVED, "app"),
        ("second_factor.remove_passkey", "POST"): _factor(Action.SECOND_FACTOR_REMOVED, "passkey"),
        ("second_factor.renew_codes", "POST"): (
            Audited(Action.RECOVERY_CODES_RENEWED, None, Action.PASSWORD_REFUSED),
        ),
        ("staff.reset_factor", "POST"): (Audited(Action.SECOND_FACTOR_RESET, _member),),
        ("account.sign_out", "POST"): (Audited(Action.SIGNED_OUT),),
        ("account.set_password", "POST"): (
            Audited(Action.PASSWORD_CHANGED, refused=Action.PASSWORD_REFUSED),
        ),
        ("account.end_session", "POST"): (Audited(Action.SESSIONS_ENDED),),
        (_LINK, "POST"): (
            Audited(Action.PASSWORD_CHANGED, _link_account, when=("purpose", "reset")),
            Audited(Action.ACCOUNT_CHANGED, _link_account, when=("purpose", "join")),
            Audited(Action.ACCOUNT_CHANGED, _link_account, when=("purpose", "address")),
            Audited(Action.ACCOUNT_ADDED, _link_account),
        ),
        ("contacts.invite", "POST"): (Audited(Action.ACCOUNT_INVITED),),
        ("contacts.withdraw", "POST"): (Audited(Action.INVITATION_WITHDRAWN),),
        ("contacts.change", "POST"): (Audited(Action.ACCOUNT_CHANGED, _contact),),
        ("contacts.switch", "POST"): (
            Audited(Action.ACCOUNT_DEACTIVATED, _contact, when=("state", "deactivate")),
            Audited(Action.ACCOUNT_REACTIVATED, _contact),
        ),
        ("account.change_address", "POST"): (
            # Asked for; it changes by the link, which leaves an entry of its own.
            Audited(Action.ACCOUNT_CHANGED, refused=Action.PASSWORD_REFUSED),
        ),
        ("people.change", "POST"): (
            Audited(Action.ACCOUNT_DEACTIVATED, _account, when=("action", "deactivate")),
            Audited(Action.ACCOUNT_REACTIVATED, _account, when=("action", "reactivate")),
            Audited(Action.ACCOUNT_CHANGED, _account),
        ),
        ("people.set_organisation", "POST"): (Audited(Action.ORGANISATION_CHANGED, _organisation),),
        ("people.set_licence", "POST"): (Audited(Action.ORGANISATION_CHANGED, _organisation),),
        ("webhooks.add", "POST"): (Audited(Action.WEBHOOK_ADDED, _new_endpoint),),
        ("webhooks.change", "POST"): tuple(
            Audited(Action.WEBHOOK_CHANGED, _endpoint, when=("action", action))
            for action in ("events", "pause", "resume")
        ),
        ("webhooks.remove", "POST"): (Audited(Action.WEBHOOK_REMOVED, _endpoint),),
        ("api_keys.add", "POST"): (Audited(Action.API_KEY_ADDED, _new_key),),
        ("api_keys.revoke", "POST"): (Audited(Action.API_KEY_REVOKED, _key),),
        ("tickets.revoke_links", "POST"): (Audited(Action.LINKS_REVOKED, _ticket),),
        ("ticket_actions.act", "POST"): (
            Audited(Action.LINKS_REVOKED, _ticket, when=("form_name", "revoke-links")),
        ),
        ("generations.order", "POST"): (
            Audited(Action.PUBLISH_ORDERED, _generation, when=("kind", "publish")),
        ),
        ("publishing.order", "POST"): (
            Audited(Action.PUBLISH_ORDERED, _generation, when=("kind", "publish")),
        ),
        ("editor.rollback", "POST"): (Audited(Action.ROLLED_BACK, _generation),),
    }
)


def register(app: Flask) -> None:
    """Write entries for the requests of ``app``."""
    app.before_request(_note_before)
    app.after_request(_add_entry)


def _note_before() -> None:
    """Who asks, and whose link is used: after the view the session and the link are gone."""
    rows = AUDITED.get((request.endpoint or "", request.method))
    if rows is None:
        return
    g.audited_rows = rows
    g.audited_person = asker()
    g.audited_half = None if "unreadable" in g else half_sign_in()
    g.audited_link = ""
    if request.endpoint == _LINK:
        try:
            link = centre().accounts.links.get((request.view_args or {})["secret"], now=now())
            g.audited_link = link.email
        except NotFound:
            pass  # the view answers for it


def _add_entry(response: Response) -> Response:
    # A request that was stopped before the view, say for its form token, is no event.
    if "audited_link" not in g:
        return response
    row = next((row for row in g.audited_rows if _applies(row)), None)
    if row is None:
        return response
    outcomes = {status: row.done for status in (201, 202, 303)}
    outcomes |= {status: row.refused for status in (403, 429)}
    action = outcomes.get(response.status_code)
    if action is not None:
        try:
            _write(action, row)
        except KbError as error:
            # The action has happened; the log of the server keeps what the database did not.
            LOG.error("not in the audit log: %s: %s", action, error.sentence)
    return response


def _applies(row: Audited) -> bool:
    name, value = row.when
    body = request.get_json(silent=True) if request.is_json else None
    sent = body if isinstance(body, dict) else request.form
    fields = {**sent, **(request.view_args or {})}
    return not name or fields.get(name) == value


def _write(action: Action, row: Audited) -> None:
    actor = g.audited_person or person()
    if action is Action.SIGNED_IN:
        actor = person()
        if actor is None:
            return  # a further step is asked for
    _add(action, actor, row.target() if row.target else "", row.facts)
    if g.audited_half and person() and action is not Action.SIGNED_IN:
        _add(Action.SIGNED_IN, person(), _half_account(), {})  # and so the sign-in is complete


def _add(action: Action, actor: Person | None, target: str, facts: Mapping[str, str]) -> None:
    AuditLog(centre().database).add(
        AuditEntry(
            at=now(),
            action=action,
            actor_id=actor.id if actor else None,
            target=target,
            address=address(),
            request_id=g.request_id,
            facts=facts,
        )
    )
