"""The embed as other sites load it: ``/embed.js``, and what it loads itself.

Made of the files in ``static/embed`` by leaving out comments and indentation. A tag can name the
checksum of what it loads (Subresource Integrity).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

_FOLDER = Path(__file__).parent.parent / "static" / "embed"
#: To the end of the line; or in the middle of one, as bundlers read them.
_COMMENT = re.compile(r" +// [^\"'`]*$|/\* [^*\"'`]* \*/ ?")
#: One function around the first file: a tag that is there twice shares what the first has started.
_CLASSIC = """(() => {{
{source}
globalThis.askfirst ??= {{ attach, detach, configure, addTag }};
const tag = document.currentScript;
if (tag) askfirst.addTag(tag);
document.dispatchEvent(new CustomEvent("askfirst:ready"));
}})();
"""


class EmbedFile(NamedTuple):
    """A script and its checksum, as a tag may name it."""

    body: bytes
    integrity: str


#: Address -> file.
EMBED_FILES: Mapping[str, str] = MappingProxyType(
    {
        "/embed.js": "main.js",
        "/embed-companion.js": "companion.js",
        "/embed-pack.js": "pack.js",
    }
)


def embed_file(address: str) -> EmbedFile:
    """What is served at an address of ``EMBED_FILES``; an edited file is seen at once."""
    path = _FOLDER / EMBED_FILES[address]
    return _made(path, path.stat().st_mtime_ns)


@functools.lru_cache(4)
def _made(path: Path, _changed: int) -> EmbedFile:
    source = without_comments(path.read_text(encoding="utf-8"))
    if path.name == "main.js":
        source = _CLASSIC.format(source=source.replace("\nexport ", "\n").rstrip())
    source = source.replace('"./pack.js"', '"./embed-pack.js"')
    body = source.encode()
    digest = base64.b64encode(hashlib.sha384(body).digest()).decode()
    return EmbedFile(body, f"sha384-{digest}")


def without_comments(source: str) -> str:
    """JavaScript without indentation, empty lines and comments.

    >>> without_comments('// Says it.\\nif (x) {\\n  say(/* so */ "// so"); // loudly\\n}\\n')
    'if (x) {\\nsay("// so");\\n}\\n'
    """
    lines = (_COMMENT.sub("", line.strip()) for line in source.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//"))
