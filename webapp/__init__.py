"""The portal: Flask over ``kb.centre``, for people with and without JavaScript and for programs.

``create_app`` joins the parts; each blueprint is one noun. Nothing here decides about tickets,
promises or ranking.
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
    """The WSGI application. ``centre`` is opened from the settings when none is given.

    Raises Misconfigured when the data folder, the policies or the catalogue cannot be used.
    """
    from kb.centre import HelpCentre
    from webapp import assets, context, problems
    from webapp import formatting as view
    from webapp.agent import desk
    from webapp.agent import ticket_actions as handling
    from webapp.api import health
    from webapp.api import v1 as api
    from webapp.api import well_known as machine
    from webapp.customer import account, contacts, oidc, tickets
    from webapp.customer import help as reading
    from webapp.editor import overview as editor
    from webapp.editor import publishing
    from webapp.security import guard

    app = Flask(__name__)
    app.config.update(KB=settings, CLOCK=clock)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the order of the published contract
    app.jinja_options["trim_blocks"] = app.jinja_options["lstrip_blocks"] = True
    app.extensions[context.EXTENSION] = centre or HelpCentre.open(settings)
    app.before_request(context.renew)
    problems.register(app)
    problems.logging_as(settings)
    guard.protect(app, settings)
    view.register(app)
    assets.register(app)
    for part in (
        health,
        reading,
        tickets,
        desk,
        handling,
        editor,
        publishing,
        account,
        contacts,
        api,
        machine,
    ):
        app.register_blueprint(part.blueprint)
    oidc.register(app, settings)
    guard.csrf.exempt(api.blueprint)  # JSON of our own origin only, see api.check_origin
    app.context_processor(
        lambda: {"person": context.asker(), "settings": settings, "now": context.now()}
    )
    app.add_template_global(guard.edits, "edits")
    app.add_template_global(view.support_ends, "support_ends")
    return app
