"""The application for a WSGI server: ``webapp.wsgi:app``, from the ``KB_*`` variables of the environment."""

from __future__ import annotations

from kb.settings import load
from webapp import create_app

app = create_app(load())
