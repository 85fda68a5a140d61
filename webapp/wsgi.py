"""The application for a WSGI server: ``webapp.wsgi:app``, from the ``KB_*`` variables of the
environment.
"""

from __future__ import annotations

from kb.search.kernels.dispatch import compile_aside
from kb.settings import load_settings
from webapp import create_app

compile_aside()  # a server lives long enough to make up for it
app = create_app(load_settings())
