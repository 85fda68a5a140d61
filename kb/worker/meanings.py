"""Meanings: the worker lets the sentence encoder read what was published with drafts.

In a process of its own, `kb index meanings`, with the lowest priority: visitors come first.
"""

from __future__ import annotations

import os
import subprocess

from kb.centre import HelpCentre
from kb.jobs.index_runner import KB_COMMAND, end_process
from kb.search.generations.generation import Manifest
from kb.search.meaning.model_file import model_path

_LOWEST_PRIORITY = 19


class MeaningRunner:
    """One process at a time, and one for each generation that a build has published."""

    def __init__(self, centre: HelpCentre) -> None:
        self._data = centre.settings.data
        self._generations = centre.index
        self._looked_at: str | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start_if_due(self, *, editors_wait: bool) -> None:
        """Start reading when the published generation has drafts, unless editors wait for a run.

        Raises Unavailable when the generation has no valid manifest.
        """
        if editors_wait or (self._process is not None and self._process.poll() is None):
            return
        name = self._generations.published_name()
        if name is None or name == self._looked_at or model_path() is None:
            return
        self._looked_at = name
        if not Manifest.read(self._generations.path(name)).settings.get("drafts"):
            return
        command = [*KB_COMMAND, "index", "meanings", "--data", str(self._data.resolve())]
        # In a session of its own: Ctrl-C in the terminal ends the worker, which ends it.
        self._process = subprocess.Popen(  # noqa: S603 - our own program, with our own arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_step_back,
        )

    def stop(self) -> None:
        """Ends the process in progress; what it has published stays."""
        if self._process is not None:
            end_process(self._process)


def _step_back() -> None:
    os.nice(_LOWEST_PRIORITY)
