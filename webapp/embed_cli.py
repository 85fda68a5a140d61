"""`kb embed`: what to paste into the page of another site."""

from __future__ import annotations

import base64
import hashlib
import html
import json

import click

from kb.operations.signing_key import signing_keys
from kb.settings import load_settings
from webapp.api.embed_pack import public_pack_key
from webapp.api.embed_script import EMBED_FILES, embed_file

#: A tag with ``src`` delays the ``load`` event of a page until the server answers; an import does
#: not. The script is the same for every page, so its hash in a policy is also the same.
LOADER = """
(tag => import(tag.dataset.src).then(() => askfirst.addTag(tag), () => {}))(document.currentScript)
"""


@click.group()
def embed() -> None:
    """Show suggestions on the forms of other sites."""


@embed.command()
@click.option(
    "--input",
    "selector",
    default="#subject",
    show_default=True,
    help="A CSS selector for the field.",
)
@click.option("--form", help="A name for the form, so that its visits are counted.")
@click.option(
    "--integrity",
    is_flag=True,
    help="Add checksums, so that browsers refuse scripts that have changed.",
)
@click.option(
    "--pack",
    is_flag=True,
    help="Add the key for answers without a round trip: see KB_EMBED_PACK.",
)
@click.option(
    "--tag",
    is_flag=True,
    help="Print a tag without an inline script. It delays the load event of the page.",
)
def snippet(selector: str, form: str | None, *, integrity: bool, pack: bool, tag: bool) -> None:
    """Print the lines that add the suggestion box to a page.

    The address is that of KB_BASE_URL. Checksums are those of this installation: print the lines
    again after each upgrade.
    """
    settings = load_settings()
    base = settings.base_url
    options = {"input": selector} | ({"form": form} if form else {})
    if pack:
        options["pack"] = public_pack_key(signing_keys(settings)[0])
    source = f"{base}/embed.js"
    attributes = {"src" if tag else "data-src": source}
    if integrity:
        # The checksum of a tag is in the tag.
        imported = [address for address in EMBED_FILES if not tag or address != "/embed.js"]
        pinned = {f"{base}{address}": embed_file(address).integrity for address in imported}
        import_map = json.dumps({"integrity": pinned})
        click.echo(f'<script type="importmap">{import_map}</script>')
        _tell_hash(import_map)
        if tag:
            checksum = embed_file("/embed.js").integrity
            attributes |= {"integrity": checksum, "crossorigin": "anonymous"}

    attributes |= {f"data-{name}": value for name, value in options.items()}
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    if tag:
        click.echo(f"<script {written} async></script>")
    else:
        click.echo(f"<script {written}>{LOADER}</script>")
        _tell_hash(LOADER)


def _tell_hash(script: str) -> None:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    click.echo(f"For script-src of a content security policy: 'sha256-{digest}'", err=True)
