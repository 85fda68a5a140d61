"""Options that several commands share, with the same names and the same help everywhere."""

from __future__ import annotations

import click

data_option = click.option("--data", help="The data folder. Default: KB_DATA.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
