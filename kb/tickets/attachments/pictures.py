"""Pictures of attachments, decoded and encoded again: nobody is shown the file that was sent.

So nothing hides behind the pixels: no script in a polyglot file, no place in the metadata. Only for
the kinds that ``validation`` allows; there is no way to show SVG or HTML.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from PIL import Image, ImageOps

#: Media type of an attachment -> the format in which it is shown.
SHOWN_FORMATS: Mapping[str, str] = MappingProxyType(
    {"image/png": "PNG", "image/gif": "PNG", "image/jpeg": "JPEG"}
)
_LONGEST_SIDE = 1_600  # pixels
_MAX_PIXELS = 40_000_000  # of the file: a screenshot of five screens, and little memory


def encode_again(path: Path, media_type: str) -> bytes | None:
    """The first picture of the file, perhaps smaller; None for what cannot be decoded."""
    shown_format = SHOWN_FORMATS[media_type]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # there is a limit here
            with Image.open(path, formats=("PNG", "GIF", "JPEG")) as file:
                if file.width * file.height > _MAX_PIXELS:
                    return None
                file.draft("RGB", (_LONGEST_SIDE, _LONGEST_SIDE))
                picture = ImageOps.exif_transpose(file)
                picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
                picture = picture.convert("RGB" if shown_format == "JPEG" else "RGBA")
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        # Pillow raises SyntaxError for broken PNG files.
        return None
    picture.info.clear()  # comments, profiles and places would be written again
    stream = io.BytesIO()
    picture.save(stream, shown_format)
    return stream.getvalue()
