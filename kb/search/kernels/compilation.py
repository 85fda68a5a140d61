"""Compilation of the innermost loops: once per installation, before the first answer.

The compiled code is kept on disk and shared by all processes. Its folder is named by a digest of
all that is compiled in, because numba unpickles what it finds before it checks its age: code of an
earlier release is never read. The loops themselves are in ``numba_loops``.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kb.search import weights
from kb.search.analysis import char_ngrams
from kb.search.kernels.layout import Loops

_LOOPS = Path(__file__).with_name("numba_loops.py")
#: The files whose code, constants and types are compiled in.
SOURCES = (
    *(_LOOPS.with_name(f"{name}.py") for name in ("numba_loops", "finding_loops", "ranking_loops")),
    *(_LOOPS.with_name(f"{name}.py") for name in ("encoder_loops", "reading_loops")),
    *(_LOOPS.with_name(f"{name}.py") for name in ("compiled", "layout")),
    *(Path(str(module.__file__)) for module in (char_ngrams, weights)),
)
#: In a data folder, where nothing else can be written.
LOOPS_FOLDER = "cache"
_READY = "ready"  # a file: everything was compiled into its folder


def compiled_loops(spare: Path | None = None) -> Loops:
    """The compiled loops; whoever asks first in an installation waits until they are compiled.

    ``spare`` is a folder that may hold the compiled code where neither the package's own folder
    nor the user's cache can be written.
    """
    return _loaded(cache_folder(spare))


@functools.cache
def _loaded(folder: Path | None) -> Loops:
    import numba

    # numba reads it when a loop is defined.
    config: Any = numba.config
    config.CACHE_DIR = str(folder) if folder else ""
    was_compiled = "kb.search.kernels.numba_loops" in sys.modules  # with another folder
    from kb.search.kernels import numba_loops

    if was_compiled:
        numba_loops.warm_up()
    elif folder is None:
        _announce("No folder can be written that could hold the compiled code of the search")
        numba_loops.warm_up()
    else:
        prepare(folder, numba_loops.warm_up)
    return numba_loops


def prepare(folder: Path, warm_up: Callable[[], None]) -> None:
    """Compile into ``folder``, or load from it; of several processes, one compiles."""
    with _lock(folder / ".lock"):
        if not (folder / _READY).exists():
            _announce("Compiling the innermost loops of the search, once for this installation")
        try:
            warm_up()
        except Exception:  # a damaged file raises whatever unpickling it raises
            for file in folder.rglob("*.nb[ic]"):
                file.unlink(missing_ok=True)
            warm_up()
        (folder / _READY).touch()


def cache_folder(spare: Path | None = None) -> Path | None:
    """Where the compiled code of this release is kept; None when no folder can be written."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    bases = (chosen, _LOOPS.with_name("__pycache__"), Path(cache, "askfirst"), spare)

    name = f"loops-{_digest()}"
    folders = [Path(base, name) for base in bases if base and Path(base).is_absolute()]
    return next((folder for folder in folders if _writable(folder)), None)


@functools.cache
def _digest() -> str:
    import numba

    digest = hashlib.sha256(f"{numba.__version__} {sys.version} {_LOOPS}".encode())
    for source in SOURCES:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _announce(what: str) -> None:
    sys.stderr.write(f"{what} (takes about 30 seconds) ...\n")
    sys.stderr.flush()
