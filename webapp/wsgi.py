"""The WSGI application ``webapp.wsgi:app``, configured by the ``KB_*`` environment variables."""

from __future__ import annotations

from kb.centre import HelpCentre
from kb.operations import logs
from kb.settings import load_settings
from webapp import create_app
from webapp.security.start_checks import check_start

settings = load_settings()
logs.set_up(settings.log_level, settings.log_format)
check_start(settings)
centre = HelpCentre.open(settings)
centre.searcher.prepare()  # before the first answer
app = create_app(settings, centre)
