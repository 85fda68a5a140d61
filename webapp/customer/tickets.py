"""How does a customer file a ticket and follow it?

The form (with a review step where there is no JavaScript), my tickets, and a ticket's own page.
Nothing between a customer and filing may fail the filing: suggestions, the index and the counting
of episodes are all optional here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response as BaseResponse

from kb import ids
from kb.errors import (
    Conflict,
    Forbidden,
    Invalid,
    KbError,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
)
from kb.people.person import Person
from kb.search.results import Hit
from kb.tickets import actions
from kb.tickets.actions.file_ticket import Promise
from kb.tickets.attachments.validation import ALLOWED_FILES
from kb.tickets.decision import Command
from kb.tickets.permissions import link_not_found
from kb.tickets.ticket import Attachment, Draft, Type
from webapp.context import audience, centre, now, person, settings
from webapp.customer.action_forms import command_of, midnight
from webapp.customer.help import page_number
from webapp.customer.ticket_form import (
    Filing,
    blank,
    check,
    file_once,
    read,
    receipts,
    remember,
    shown,
    uploads,
)
from webapp.problems import LOG, of_csrf, of_kb_error, told, wants_json
from webapp.security.guard import FILES_PER_TICKET
from webapp.security.rate_limits import count

blueprint = Blueprint("tickets", __name__)
PER_PAGE = 25
REVIEWED = 5  # suggestions on the review step
_AGAIN = (Invalid, Conflict, TooLarge, TooMany, Unavailable)
FILED_BEFORE = (
    "A ticket was already filed from this form, with another text. Send it again to "
    "file this as a second ticket."
)
EXPIRED = (
    "The form had been open for too long or cookies are off; your text is still here: look "
    "it over and send it again."
)


@blueprint.get("/tickets/new")
def new() -> str:
    return form_page(blank(request.args))


@blueprint.post("/tickets/edit")
def edit() -> str:
    """Back from the review step, with everything that was typed."""
    return form_page(read(request.form))


def form_page(
    form: Mapping[str, str], *, sentence: str = "", errors: Mapping[str, str] | None = None
) -> str:
    policy, catalogue = centre().policy, centre().catalogue
    return render_template(
        "customer/ticket_form.html",
        form=form,
        sentence=sentence,
        errors=errors or {},
        anchors={"severity_detail": f"severity_detail_{form['severity']}"},
        files_lost=bool(sentence)
        and any(file.filename for file in request.files.getlist("attachments")),
        types=[(key, kind.title) for key, kind in policy.types.items()]
        or [(t.value, t.value.title()) for t in Type],
        severities=policy.severities.values(),
        catalogue=catalogue,
        known_products={product.key for product in catalogue.products},
        files_limit=FILES_PER_TICKET,
        files_allowed=ALLOWED_FILES,
    )


@blueprint.post("/tickets/review")
def review() -> str | Response | BaseResponse:
    """Without JavaScript: what may answer it, once, before filing.

    Files cannot travel through a second form, so a ticket with files is filed at once; so is one
    without suggestions.
    """
    form, files = read(request.form), uploads(request)
    checked = check(form, files)
    hits = () if files else _suggestions(checked.draft.title)
    if not hits:
        count("ticket")
        return _filed(checked)
    _record(form["episode"], "shown", {"ids": [hit.id for hit in hits]})
    return render_template(
        "customer/ticket_review.html",
        form={**form, "consulted": shown(hits)},
        hits=hits,
        promise=_promise(checked.draft),
    )


def _suggestions(title: str) -> tuple[Hit, ...]:
    try:
        return centre().searcher.suggest(title, audience=audience(), limit=REVIEWED).hits
    except KbError:
        return ()


def _promise(draft: Draft) -> Promise | None:
    """What filing now would promise; None while nobody can say, since the way to a person stays
    open.

    Raises Invalid for a coupon that is spent or not theirs.
    """
    facts = {
        "severity": draft.severity,
        "product": draft.product,
        "version": draft.version,
        "coupon": draft.coupon,
    }
    try:
        return centre().desk.promise(type=draft.type.value, customer=person(), now=now(), **facts)
    except Unavailable as error:
        LOG.info("no promise on the review step: %s", error.sentence)
        return None


def _record(episode: str, kind: str, payload: Mapping[str, object]) -> None:
    """Counting is a courtesy to the operator; it never costs a customer anything."""
    try:
        centre().deflection.record(episode, kind, payload, now=now())
    except KbError as error:
        LOG.info("episode not counted: %s", error.sentence)


@blueprint.post("/tickets")
def file() -> Response | BaseResponse:
    return _filed(check(read(request.form), uploads(request)))


def _filed(checked: Filing) -> Response | BaseResponse:
    number = file_once(checked)
    target = url_for("tickets.show", number=number, filed=1)
    if wants_json():
        return make_response(jsonify(number=number, url=target), 201)
    return redirect(target, 303)


@blueprint.errorhandler(KbError)
def form_again(error: KbError) -> Response:
    """A form that could not be filed comes back with everything typed and a sentence at every
    field.
    """
    if request.endpoint not in ("tickets.file", "tickets.review") or wants_json():
        return of_kb_error(error)
    fields = error.fields if isinstance(error, Invalid) else {}
    form, sentence = read(request.form), told(error)
    if error.field == "key" or "key" in fields:
        form["key"] = secrets.token_urlsafe(18)  # the next try is a ticket of its own
    if isinstance(error, Conflict) and error.field == "key":
        sentence = FILED_BEFORE
    return make_response(form_page(form, sentence=sentence, errors=fields), error.status)


@blueprint.errorhandler(CSRFError)
def form_expired(error: CSRFError) -> Response:
    if request.endpoint not in ("tickets.file", "tickets.review") or wants_json():
        return of_csrf(error)
    return make_response(form_page(read(request.form), sentence=EXPIRED), 400)


@blueprint.route("/tickets/solved", methods=["GET", "POST"])
def solved_before_filing() -> str | BaseResponse:
    """An answer was found, no ticket is filed. A script has told us already; a form tells us here."""
    if request.method == "POST":
        document = request.form.get("document", "")
        _record(request.form.get("episode", ""), "helped", {"id": document[:300], "yes": True})
        return redirect(url_for("tickets.solved_before_filing"), 303)
    return render_template("customer/solved.html")


@blueprint.get("/tickets")
def mine() -> str:
    names = ("words", "status", "since", "until", "whose")
    filters = {name: request.args.get(name, "").strip()[:200] for name in names}
    total, rows = centre().desk.mine(
        _signed_in(),
        status=filters["status"] or None,
        words=filters["words"],
        since=midnight(filters["since"], "since", days=0),
        until=midnight(filters["until"], "until", days=1),
        company=filters["whose"] == "company",
        page=page_number(),
        now=now(),
    )
    pages = -(-total // PER_PAGE)
    return render_template(
        "customer/tickets.html",
        total=total,
        rows=rows,
        filters=filters,
        page=page_number(),
        pages=pages,
        shared=centre().desk.shares_tickets(_signed_in()),
    )


def _signed_in() -> Person:
    someone = person()
    if someone is None:
        raise Forbidden("Sign in to see your tickets.")
    return someone


@blueprint.get("/tickets/<number>")
def show(number: str) -> str | BaseResponse:
    secret = request.args.get("key")
    if secret:
        # Out of the address bar, the history and every link that is shared from here on.
        remember(number, secret, centre().desk.links.holder(number, secret, now=now()))
        return redirect(url_for("tickets.show", number=number), 303)
    viewer = viewer_of(number)
    if viewer is not None:
        return _page(number, viewer)
    if number in receipts():
        raise link_not_found()  # a guest whose link has run out; there is no account to sign in with
    return redirect(url_for("account.sign_in", next=request.path), 303)


def viewer_of(number: str) -> Person | None:
    """Who looks: the guest whose link this browser holds, else who is signed in."""
    serial = ids.ticket_serial(number)
    secret = receipts().get(ids.ticket_number(serial)) if serial is not None else None
    if secret:
        try:
            return centre().desk.links.holder(number, secret, now=now())
        except NotFound:
            pass  # the link has run out
    return person()


def _page(number: str, viewer: Person, *, sentence: str = "", typed: str = "") -> str:
    ticket = centre().desk.ticket(number, viewer, now=now())
    return render_template(
        "customer/ticket.html",
        ticket=ticket,
        filed="filed" in request.args,
        link=_link(ticket.number) if viewer.guest else "",
        severities=centre().policy.severities,
        key=secrets.token_urlsafe(18),
        sentence=sentence,
        typed=typed,
    )


def _link(number: str) -> str:
    secret = receipts().get(number, "")
    return settings().base_url + url_for("tickets.show", number=number, key=secret)


def _act(
    number: str, command: Command, *, typed: str = "", key: str = ""
) -> BaseResponse | tuple[str, int]:
    """One verb by whoever looks; what cannot be done comes back with the page and what was typed."""
    viewer = viewer_of(number)
    if viewer is None:
        if number in receipts():
            raise link_not_found()
        raise Forbidden("Your session has ended; sign in again, or open the link that you kept.")
    try:
        centre().desk.act(number, viewer, command, key=key, now=now())
    except _AGAIN as error:
        if wants_json():
            raise
        return _page(number, viewer, sentence=told(error), typed=typed), error.status
    return redirect(url_for("tickets.show", number=number), 303)


@blueprint.post("/tickets/<number>/comments")
def comment(number: str) -> BaseResponse | tuple[str, int]:
    body, key = request.form.get("body", ""), request.form.get("key", "")
    return _act(number, actions.comment(body, uploads(request)), typed=body, key=key)


@blueprint.post("/tickets/<number>/solve")
def solve(number: str) -> BaseResponse | tuple[str, int]:
    return _act(number, actions.solve(), key=request.form.get("key", ""))


@blueprint.post("/tickets/<number>/cancel")
def cancel(number: str) -> BaseResponse | tuple[str, int]:
    return _act(number, actions.cancel(), key=request.form.get("key", ""))


@blueprint.post("/tickets/<number>/reopen")
def reopen(number: str) -> BaseResponse | tuple[str, int]:
    reason, key = request.form.get("reason", ""), request.form.get("key", "")
    return _act(number, actions.reopen(reason), typed=reason, key=key)


@blueprint.post("/tickets/<number>/<any(agree, decline, escalate, rate, copies):word>")
def respond(number: str, word: str) -> BaseResponse | tuple[str, int]:
    """The other verbs of requesters: each reads the fields of its form."""
    command = command_of(word, request.form)
    return _act(
        number, command, typed=request.form.get("body", ""), key=request.form.get("key", "")
    )


@blueprint.get("/tickets/<number>/live")
def live(number: str) -> Response:
    """What changes while the page is open, as a piece of it."""
    viewer = viewer_of(number)
    if viewer is None:
        raise NotFound("Your session has ended; sign in again, or open the link that you kept.")
    return fragment(
        "shared/live.html",
        ticket=centre().desk.ticket(number, viewer, now=now()),
        others=(),
        staff=False,
    )


def fragment(template: str, **values: object) -> Response:
    """A piece of a page with its hash as ETag: 304 while it is the same. Asked for by scripts, kept
    by nobody.
    """
    response = make_response(render_template(template, **values))
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/attachments/<ref>/<name>")
def attachment(ref: str, name: str) -> Response:
    """Always a download, never shown inside the portal; the name in the address is only for
    reading.
    """
    del name
    found, path = _attachment(ref)
    response = send_file(
        path,
        mimetype=found.media_type,
        as_attachment=True,
        download_name=found.name,
        conditional=False,
        etag=False,
    )
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _attachment(ref: str) -> tuple[Attachment, Path]:
    """By the account, or by one of the tickets whose links this browser holds."""
    viewers = [one for one in (person(), *map(viewer_of, receipts())) if one]
    for viewer in viewers:
        try:
            return centre().desk.attachment(ref, viewer)
        except NotFound:
            continue
    raise NotFound(
        "There is no such file, or it is not yours; sign in with the account of its ticket."
    )
