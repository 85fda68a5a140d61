"""The `kb` command: finds its sub-commands through entry points and turns every KbError into one
sentence.

Not for any work of its own: each sub-command is one library call and printing.
Exit codes: 0 done, 1 findings or nothing found, 2 wrong usage or settings.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points

import click

from kb import __version__
from kb.errors import Invalid, KbError, Misconfigured
from kb.settings import SETTINGS, load


class _Commands(click.Group):
    """Sub-commands by entry point, imported only when one is called: `kb suggest` never pays for
    Flask.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_found())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command's first sentence as a whole: click would cut it to fit one line."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(200)) for name, command in commands if command]
            )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        entry = _found().get(cmd_name)
        if entry is None:
            return None
        command: click.Command = entry.load()
        return command


def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="kb.commands")}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kb")
def kb() -> None:
    """Askfirst: search before you file; what is filed keeps its promise."""


@click.command()
def settings() -> None:
    """Print every setting, its value and what it is for; secrets stay hidden."""
    values = load()
    for setting in SETTINGS:
        value = (
            "(hidden)"
            if setting.secret and getattr(values, setting.name)
            else getattr(values, setting.name)
        )
        shown = " ".join(value) if isinstance(value, tuple) else str(value)
        click.echo(f"KB_{setting.name.upper()}={shown}\n    {setting.help} Accepts {setting.form}.")


def main() -> None:
    """The console script. No traceback reaches a person for an expected failure."""
    os.umask(0o077)  # tickets, addresses and drafts are nobody else's on this machine
    try:
        code = kb(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KbError as error:
        click.echo(f"kb: {error.sentence}", err=True)
        sys.exit(2 if isinstance(error, Misconfigured | Invalid) else 1)
    except BrokenPipeError:
        # The reader went away (`kb search ... | head`); point stdout nowhere so that closing it
        # stays quiet.
        sys.stdout = None
        sys.exit(0)
