"""Settings for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# No time limits on examples: a busy machine is no defect. In CI the examples are the same in every run, so that a
# failure there is of the change; elsewhere they are new ones, so that they go on finding things.
settings.register_profile("askfirst", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI")))
settings.load_profile("askfirst")
