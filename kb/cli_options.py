"""Options that several commands share, with the same names and the same help.

A command that asks for more than these (`kb restore --data`: an empty folder) has its own.
"""

from __future__ import annotations

import click

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False),
    help="The data folder. Default: KB_DATA.",
)
site_option = click.option(
    "--site",
    type=click.Path(),
    metavar="FOLDER",
    help="The support site to work with: one folder. Default: KB_SITE.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
