"""The portal: a Flask application over ``kb.centre``, with and without JavaScript.

``create_app`` joins the parts; each blueprint is one noun. Rules about tickets, SLAs and ranking
live in ``kb``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from kb.settings import Settings
from webapp.context import Clock, utc_now

if TYPE_CHECKING:
    from kb.centre import HelpCentre


def create_app(
    settings: Settings, centre: HelpCentre | None = None, *, clock: Clock = utc_now
) -> Flask:
    """The WSGI application; ``centre`` is opened from the settings when it is not passed.

    Raises Misconfigured when the data folder, the policies or the catalogue cannot be used.
    """
    from kb.centre import HelpCentre
    from webapp import assets, context, formatting, hot_routes, metrics, problems, sub_path
    from webapp.admin import api_keys, webhooks
    from webapp.agent import (
        audit,
        board,
        flags,
        insights,
        people,
        personal_data,
        queue,
        releases,
        staff,
        ticket_actions,
        ticket_page,
    )
    from webapp.agent import (
        problems as problem_desk,
    )
    from webapp.api import (
        articles,
        changes,
        generations,
        health,
        organisations,
        reference,
        v1,
        well_known,
    )
    from webapp.api import tickets as ticket_api
    from webapp.assistants import proposal_api, proposals
    from webapp.customer import (
        account,
        contacts,
        copies,
        help_centre,
        oidc,
        privacy,
        second_factor,
        second_step,
        sections,
        site,
        tickets,
        uploads,
    )
    from webapp.discovery import addresses, feeds, files, structured_data
    from webapp.editor import (
        article_page,
        experiments,
        gaps,
        overview,
        publishing,
        review,
        ticket_drafts,
    )
    from webapp.mail import confirm, hook, quarantine, shown_mails
    from webapp.notifications import mail_links, staff_news
    from webapp.security import access_log, admission, audit_trail, bearer, guard, public_pages
    from webapp.status import following, subscriptions
    from webapp.status import problems as known_problems

    app = Flask(__name__)
    app.config.update(KB=settings, CLOCK=clock)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the order of the published contract
    app.jinja_options["trim_blocks"] = app.jinja_options["lstrip_blocks"] = True

    app.extensions[context.EXTENSION] = centre or HelpCentre.open(settings)
    app.before_request(context.renew)
    problems.register(app)
    hot = hot_routes.register(app, settings)
    bearer.register(app, settings)
    guard.protect(app, settings)
    entrance = admission.register(app)
    access_log.register(app, settings)
    audit_trail.register(app)
    metrics.register(app, settings, entrance, hot)
    formatting.register(app)
    shown_mails.register(app)
    assets.register(app)
    sub_path.register(app, settings)
    public_pages.register(app)

    programs = (v1, hook, articles, ticket_api, changes, organisations, generations, proposal_api)
    for room in (
        health,
        help_centre,
        sections,
        site,
        tickets,
        uploads,
        proposals,
        copies,
        subscriptions,
        following,
        known_problems,
        privacy,
        staff_news,  # before the pages of tickets, whose numbers stand at the same place
        mail_links,
        ticket_drafts,
        releases,  # before the pages of tickets, whose numbers stand at the same place
        quarantine,
        confirm,
        queue,
        board,
        insights,
        problem_desk,
        flags,
        ticket_page,
        ticket_actions,
        audit,
        personal_data,
        api_keys,
        webhooks,
        people,
        staff,
        overview,
        publishing,
        gaps,
        article_page,
        experiments,
        review,
        account,
        second_step,
        second_factor,
        contacts,
        *programs,
        well_known,
        reference,
        files,
        feeds,
    ):
        app.register_blueprint(room.blueprint)
    oidc.register(app, settings)
    guard.csrf.exempt("webapp.notifications.mail_links.stop")
    for room in (copies, subscriptions):  # sent by mail programs (RFC 8058); the link is the secret
        guard.csrf.exempt(room.blueprint)
    guard.exempt_forms(app)
    for room in programs:  # JSON of our own origin only, see v1.check_origin
        guard.csrf.exempt(room.blueprint)

    app.context_processor(
        lambda: {
            "person": context.asker(),
            "settings": settings,
            "site": context.centre().site,
            "now": context.now(),
        }
    )
    app.add_template_global(guard.edits, "edits")
    app.add_template_global(staff_news.unseen_news)
    addresses.register(app)
    structured_data.register(app)
    return app
