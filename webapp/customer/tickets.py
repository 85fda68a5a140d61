"""Customers' tickets: the form, its review step, "My tickets" and a ticket's own page.

Nothing between a customer and filing may fail the filing: suggestions, the index and the counting
of episodes are all optional here. Without JavaScript a review step shows the suggestions.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import BinaryIO, TypeVar

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
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from kb import ids
from kb.analytics.episode import Arm
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
from kb.mail.ticket_mails import MAILBOX_FACT, answering_mailbox
from kb.notifications.mail_templates import mail_sender
from kb.people.person import Person
from kb.problems.matching import alike_titles, matching_problems
from kb.problems.problem import KnownProblem
from kb.search.documents import Document, visible_to
from kb.search.results import Suggestions
from kb.search.standpoint import Standpoint
from kb.sla.form_fields import ArticleOffer
from kb.sla.policy import Updates
from kb.tickets import actions, drafts
from kb.tickets.actions.filing import Promise
from kb.tickets.attachments.validation import allowed_files
from kb.tickets.lifecycle import VERBS, Side, Status, Verb
from kb.tickets.permissions import check_file, link_not_found, may, side_of
from kb.tickets.ticket import Attachment, Draft, Ticket, TicketRow
from webapp.context import asker, audience, centre, language, now, person, settings
from webapp.customer.account import signed_in_person
from webapp.customer.action_forms import (
    FORM_VERBS,
    RefusedForm,
    command_of,
    form_rule,
    midnight,
    offered_forms,
)
from webapp.customer.help_centre import page_number
from webapp.customer.ticket_form import (
    CheckedForm,
    blank_form,
    check_form,
    file_once,
    held_links,
    hold_link,
    read_form,
    shown_articles,
)
from webapp.customer.visits import SHOWN_SUGGESTIONS, arm_of_visit, record_event
from webapp.formatting import status_title
from webapp.problems import (
    LOG,
    csrf_error_response,
    kb_error_response,
    public_sentence,
    retry_header,
    wants_json,
)
from webapp.security.guard import FILES_PER_TICKET
from webapp.security.rate_limits import count
from webapp.status.problems import open_problems

blueprint = Blueprint("tickets", __name__)
PER_PAGE = 25
Found = TypeVar("Found")
MOST_OWN_TICKETS = 3  # that are named beside the title

#: Refusals that show the page again with the typed text.
_RETRIABLE = (Invalid, Conflict, TooLarge, TooMany, Unavailable)

FILED_BEFORE = (
    "A ticket with a different text was already filed from this form. Send it again to file a "
    "second ticket."
)
EXPIRED_FORM = (
    "The form was open for too long, or cookies are off. Your text is still here. Check it and "
    "send it again."
)
EXPIRED_SESSION = "Your session has ended. Sign in again, or open your private link."


@blueprint.get("/tickets/new")
def new() -> str:
    form, viewer = blank_form(request.args), asker()
    try:
        if viewer is not None:
            check_file(viewer)
    except Forbidden as error:  # said before anything is typed
        return form_page(form, sentence=error.sentence)
    return form_page(form)


@blueprint.post("/tickets/edit")
def edit() -> str:
    """Back from the review step, with everything typed."""
    return form_page(read_form(request.form))


def form_page(
    form: Mapping[str, str],
    *,
    sentence: str = "",
    errors: Mapping[str, str] | None = None,
    is_proposed: bool = False,
) -> str:
    """``is_proposed``: an assistant has filled it in, which the page says."""
    policy, catalogue = centre().policy, centre().catalogue
    return render_template(
        "customer/ticket_form.html",
        form=form,
        sentence=sentence,
        is_proposed=is_proposed,
        errors=errors or {},
        anchors={
            name: f"{name}_{form['severity']}"
            for name in ("severity_detail", "severity_explanation")
        },
        files_lost=bool(sentence)
        and any(file.filename for file in request.files.getlist("attachments")),
        types=policy.types.values(),
        topics=policy.topics.values(),
        severities=policy.severities.values(),
        own_fields=[
            own
            for own in policy.fields.values()
            if own.on_form and (not own.is_secret or settings().field_key)
        ],
        deciding_fields={name for each in policy.severities.values() for name in each.when},
        required=policy.required,
        has_coupons=bool(policy.coupons),
        condition=partial(drafts.condition, policy=policy),
        catalogue=catalogue,
        product_keys={product.key for product in catalogue.products},
        files_limit=FILES_PER_TICKET,
        files_allowed=allowed_files(policy.xml_files),
        offers=_offered_articles(policy.offers),
        silent=arm_of_visit(form["episode"]) is Arm.HOLDOUT,
        problems=open_problems(),
    )


def _offered_articles(offers: Iterable[ArticleOffer]) -> list[tuple[ArticleOffer, Document]]:
    """The offers whose articles the visitor can see."""
    offered = []
    for offer in offers:
        with contextlib.suppress(KbError):
            article = centre().searcher.article(offer.article, audience=audience())
            offered.append((offer, article))
    return offered


def own_tickets_alike(viewer: Person, typed: str) -> tuple[TicketRow, ...]:
    """Active tickets of the viewer, or that colleagues share, that ``typed`` may be about.

    Empty while the database cannot be read: the form works without them.
    """
    desk = centre().desk
    try:
        company = desk.shares_tickets(viewer)
        _, rows = desk.mine(viewer, status="active", company=company, now=now())
    except Unavailable:
        return ()
    alike = alike_titles(typed, [row.title for row in rows])
    return tuple(rows[position] for position in alike[:MOST_OWN_TICKETS])


@blueprint.post("/tickets/review")
def review() -> str | Response | BaseResponse:
    """Without JavaScript: shows the suggestions once, before filing.

    Files cannot travel through a second form, so a ticket with files is filed at once. So is one
    without suggestions.
    """
    checked = check_form(request.form, request.files)
    form, files = checked.form, checked.draft.attachments
    suggestions = None if files else _suggestions(checked.draft.title)
    hits = suggestions.hits if suggestions else ()
    arm = _record_shown(checked.draft, form["episode"], [hit.id for hit in hits])
    if arm is Arm.HOLDOUT:  # only the list is hidden, never what is broken or one's own
        hits = ()
    title, viewer = checked.draft.title, person()
    problems = () if files else matching_problems(title, open_problems())
    own_tickets = own_tickets_alike(viewer, title) if viewer and not files else ()
    if not (hits or problems or own_tickets):
        count("ticket")
        return _filed(checked)
    return render_template(
        "customer/ticket_review.html",
        form={**form, "consulted": shown_articles(hits)},
        hits=hits,
        answer=suggestions.answer if suggestions else None,
        problems=problems,
        own_tickets=own_tickets,
        promise=_promise(checked.draft),
    )


def _record_shown(draft: Draft, episode: str, shown: list[str]) -> Arm:
    """Also of the holdout, to whom they would have been shown."""
    record_event(episode, "query", {"q": draft.title, "found": len(shown)}, product=draft.product)
    if shown:
        record_event(episode, "shown", {"ids": shown})
    return arm_of_visit(episode)


def _suggestions(title: str) -> Suggestions | None:
    try:
        return centre().searcher.suggest(
            title,
            audience=audience(),
            limit=SHOWN_SUGGESTIONS,
            standpoint=Standpoint(language()),
            trial=centre().experiments.trial(now()),
            settled=True,
        )
    except KbError:
        return None


def _promise(draft: Draft) -> Promise | None:
    """The level and due time of filing now; None while the database is unavailable.

    The way to a person stays open without it. Raises Invalid for a coupon that is used up or
    belongs to somebody else.
    """
    try:
        return centre().desk.filing.promise(
            type=draft.type,
            severity=draft.severity,
            topic=draft.topic,
            product=draft.product,
            version=draft.version,
            coupon=draft.coupon,
            customer=person(),
            now=now(),
        )
    except Unavailable as error:
        LOG.info("no promise on the review step: %s", error.sentence)
        return None


@blueprint.post("/tickets")
def file() -> Response | BaseResponse:
    return _filed(check_form(request.form, request.files))


def _filed(checked: CheckedForm) -> Response | BaseResponse:
    number, _ = file_once(checked)
    target = url_for("tickets.show", number=number, filed=1)
    if wants_json():
        return make_response(jsonify(number=number, url=target), 201)
    return redirect(target, 303)


@blueprint.errorhandler(KbError)
def form_again(error: KbError) -> Response:
    """A refused form comes back with everything typed and a sentence at each field at fault."""
    if isinstance(error, TooMany) and "form_name" in (request.view_args or {}) and not wants_json():
        return _too_many(error)
    if request.endpoint not in ("tickets.file", "tickets.review") or wants_json():
        return kb_error_response(error)
    fields = error.fields if isinstance(error, Invalid) else {}
    form, sentence = read_form(request.form), public_sentence(error)
    if error.field == "key" or "key" in fields:
        form["key"] = secrets.token_urlsafe(18)  # so that the next try files another ticket
    if isinstance(error, Conflict) and error.field == "key":
        sentence = FILED_BEFORE
    page = form_page(form, sentence=sentence, errors=fields)
    return make_response(page, error.status, retry_header(error))


def _too_many(error: TooMany) -> Response:
    """The ticket's page again: the limit is told at the button, and what was typed is in its form.

    A limit is checked before the view runs, so that the view cannot do this itself.
    """
    arguments = request.view_args or {}
    number = arguments["number"]
    viewer = viewer_of(number)
    if viewer is None:
        return kb_error_response(error)
    refused = RefusedForm(arguments["form_name"], public_sentence(error), _sent_form())
    return make_response(_page(number, viewer, refused), error.status, retry_header(error))


def _sent_form() -> MultiDict[str, str]:
    """What was sent to a verb; pages of earlier versions call the text for reopening ``reason``."""
    form = MultiDict(request.form)
    if "reason" in form:
        form.setdefault("body", form["reason"])
    return form


@blueprint.errorhandler(CSRFError)
def form_expired(error: CSRFError) -> Response:
    arguments = request.view_args or {}
    if "form_name" in arguments and not wants_json() and viewer_of(arguments["number"]):
        viewer = actor_of(arguments["number"])
        refused = RefusedForm(arguments["form_name"], EXPIRED_FORM, _sent_form())
        return make_response(_page(arguments["number"], viewer, refused), 400)
    if request.endpoint not in ("tickets.file", "tickets.review") or wants_json():
        return csrf_error_response(error)
    return make_response(form_page(read_form(request.form), sentence=EXPIRED_FORM), 400)


@blueprint.route("/tickets/solved", methods=["GET", "POST"])
def solved_before_filing() -> str | BaseResponse:
    """A suggestion solved it, so no ticket is filed. Without a script, the form reports it here."""
    if request.method == "POST":
        document = request.form.get("document", "")
        episode = request.form.get("episode", "")
        record_event(episode, "helped", {"id": document[:300], "yes": True})
        return redirect(url_for("tickets.solved_before_filing"), 303)
    return render_template("customer/solved.html")


def own_number(words: str, viewer: Person) -> str:
    """The number of the ticket that was typed into a list's search field, if the viewer may see it:
    it is opened instead of listed.
    """
    if ids.ticket_serial(words) is None:
        return ""
    try:
        return centre().desk.ticket(words, viewer, now=now()).number
    except NotFound:
        return ""


@blueprint.get("/tickets")
def mine() -> str | BaseResponse:
    names = ("words", "status", "since", "until", "whose")
    filters = {name: request.args.get(name, "").strip()[:200] for name in names}
    number = own_number(filters["words"], signed_in_person())
    if number and not any(filters[name] for name in names[1:]):
        return redirect(url_for("tickets.show", number=number), 303)
    total, rows = centre().desk.mine(
        signed_in_person(),
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
        status_choices=[
            ("", "All"),
            ("active", "All open tickets"),
            ("recent", "Open and recently closed"),
            *((status.value, status_title(status, own=True)) for status in Status),
        ],
        shared=centre().desk.shares_tickets(signed_in_person()),
    )


@blueprint.get("/tickets/<number>")
def show(number: str) -> str | BaseResponse:
    secret = request.args.get("key")
    if secret:
        # Out of the address bar, the history and every link that is shared from here on.
        hold_link(number, secret, centre().desk.links.open(number, secret, now=now()))
        return redirect(url_for("tickets.show", number=number), 303)
    viewer = viewer_of(number)
    if viewer is not None:
        return _page(number, viewer)
    if number in held_links():
        # A guest whose link has expired; there is no account to sign in with.
        raise link_not_found()
    return redirect(url_for("account.sign_in", next=request.path), 303)


def viewer_of(number: str) -> Person | None:
    """The guest whose link this browser holds, else the person who is signed in."""
    serial = ids.ticket_serial(number)
    secret = held_links().get(ids.ticket_number(serial)) if serial is not None else None
    if secret:
        try:
            return centre().desk.links.holder(number, secret, now=now())
        except NotFound:
            pass  # the link has expired
    return person()


def _page(number: str, viewer: Person, refused: RefusedForm | None = None) -> str:
    ticket = centre().desk.ticket(number, viewer, now=now())
    side = side_of(viewer, ticket.ownership)
    # Agents work on their own page of the ticket.
    forms = offered_forms(ticket, side) if side and side is not Side.STAFF else ()
    decisions = tuple(form for form in forms if VERBS[FORM_VERBS[form.name]].needs_proposal)
    return render_template(
        "customer/ticket.html",
        ticket=ticket,
        staff=side is Side.STAFF,
        forms=tuple(form for form in forms if form not in decisions),
        decisions=decisions,
        form_values={
            "copies": {"copy_to": ", ".join(ticket.copy_to)},
            "rate": {"score": str(ticket.rating.score), "body": ticket.rating.words}
            if ticket.rating
            else {},
        },
        refused=refused.shown_in(forms) if refused else None,
        filed="filed" in request.args,
        mail_address=_mail_address(ticket),
        problem=_problem(number),
        link=_link(ticket.number) if viewer.guest else "",
        upload_end=centre().desk.large_files.link_end(number, now()),
        may_upload=centre().desk.large_files.may_open(viewer)
        and may(viewer, Verb.UPLOAD, ticket.ownership),
        severities=centre().policy.severities,
        key=secrets.token_urlsafe(18),
    )


def _problem(number: str) -> KnownProblem | None:
    """The known problem that the ticket waits for, if its reader may see it."""
    problem = centre().problems.of_ticket(number)
    return problem if problem and problem.audience in visible_to(audience()) else None


def _mail_address(ticket: Ticket) -> str:
    """The sender of the e-mails about a ticket; empty where none are sent."""
    given = settings()
    if not given.smtp_host:
        return ""
    came_to = str(ticket.events[0].facts.get(MAILBOX_FACT, "")) if ticket.events else ""
    mailbox = answering_mailbox(centre().policy.mailboxes, came_to, ticket.row.product)
    if mailbox is not None and mailbox.updates is not Updates.SITE:
        return mailbox.address
    return mail_sender(centre().site.name, given.base_url, given.mail_from).address


def _link(number: str) -> str:
    secret = held_links().get(number, "")
    return settings().origin + url_for("tickets.show", number=number, key=secret)


def actor_of(number: str) -> Person:
    """As ``viewer_of``. Raises NotFound for a guest whose link ended, Forbidden for nobody."""
    viewer = viewer_of(number)
    if viewer is None:
        if number in held_links():
            raise link_not_found()
        raise Forbidden(EXPIRED_SESSION)
    return viewer


@blueprint.post("/tickets/<number>/comments", endpoint="comment", defaults={"form_name": "comment"})
@blueprint.post(f"/tickets/<number>/{form_rule(Side.OWNER)}")
def act(number: str, form_name: str) -> BaseResponse | tuple[str, int]:
    """One action by the viewer, ``form_name`` is that of its row in ``kb.tickets.lifecycle``.

    A refusal shows the page again with what was typed.
    """
    form, viewer = _sent_form(), actor_of(number)
    try:
        command = command_of(form_name, Side.OWNER, form)
        centre().desk.act(number, viewer, command, key=form.get("key", ""), now=now())
    except _RETRIABLE as error:
        if wants_json():
            raise
        refused = RefusedForm(form_name, public_sentence(error), form)
        return _page(number, viewer, refused), error.status
    return redirect(url_for("tickets.show", number=number), 303)


@blueprint.post("/tickets/<number>/revoke-links", defaults={"form_name": "revoke-links"})
def revoke_links(number: str, form_name: str) -> BaseResponse:
    """Ends every private link to a guest's ticket; this browser gets a new one."""
    del form_name  # names the button at which a limit is told
    viewer = actor_of(number)
    desk = centre().desk
    desk.act(number, viewer, actions.revoke_links(), now=now())
    secret = desk.links.renew(number, viewer, now=now())
    if secret:
        hold_link(number, secret, viewer)
    return redirect(url_for("tickets.show", number=number), 303)


@blueprint.get("/tickets/<number>/live")
def live(number: str) -> Response:
    """The part of the page that changes while it is open."""
    viewer = viewer_of(number)
    if viewer is None:
        raise NotFound(EXPIRED_SESSION)
    return fragment(
        "shared/live.html",
        ticket=centre().desk.ticket(number, viewer, now=now()),
        others=(),
        staff=False,
    )


def fragment(template: str, **values: object) -> Response:
    """A part of a page with its hash as ETag, answered with 304 while it is the same."""
    response = make_response(render_template(template, **values))
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/attachments/<ref>/<name>")
def attachment(ref: str, name: str) -> Response:
    """Always a download, never shown inside the portal; the name in the address is decoration."""
    del name
    return attached_file(*_first_seen(lambda viewer: centre().desk.attachment(ref, viewer)))


def attached_file(attachment: Attachment, file: BinaryIO) -> Response:
    """A file of a ticket as a download."""
    response = send_file(
        file,
        mimetype=attachment.media_type,
        as_attachment=True,
        download_name=attachment.name,
        conditional=False,
        etag=False,
    )
    response.content_length = attachment.size
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@blueprint.get("/pictures/<ref>")
def picture(ref: str) -> Response:
    """An attached picture on the pages of the ticket: encoded again, never as it was sent."""
    file, media_type = _first_seen(lambda viewer: centre().desk.picture(ref, viewer))
    response = send_file(file, mimetype=media_type, conditional=False, etag=False)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _first_seen(find: Callable[[Person], Found]) -> Found:
    """As seen by the account, or by one of the guest links that this browser holds."""
    viewers = filter(None, (person(), *map(viewer_of, held_links())))
    for viewer in viewers:
        try:
            return find(viewer)
        except NotFound:
            continue
    raise NotFound(
        "This file does not exist or belongs to another account. Sign in with the account that "
        "filed the ticket."
    )
