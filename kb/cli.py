"""The `kb` command: finds its sub-commands by entry point, and prints a KbError as one message.

Each sub-command is one library call and printing. Exit codes: 0 success, 1 issues or nothing found,
2 wrong usage or settings.
"""

from __future__ import annotations

import ast
import contextlib
import os
import select
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from kb import __version__
from kb.errors import Invalid, KbError, Misconfigured
from kb.settings import SETTINGS, load_settings


@contextlib.contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Ends the command with 0 when the reader of its output is gone (`kb search ... | head`).

    Left to click, the exit code would be 1, "nothing found".
    """
    try:
        yield
    except BrokenPipeError:
        if not _reader_is_gone():  # another pipe broke
            raise
        sys.stdout = None  # the interpreter does not flush to it when it ends
        raise click.exceptions.Exit(0) from None


def _reader_is_gone() -> bool:
    stdout = select.poll()
    stdout.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in stdout.poll(0))


class _EntryPointGroup(click.Group):
    """Imports a sub-command only when it is called: `kb suggest` does not wait for Flask."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_entry_points())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        rows = [(name, command_summary(entry)) for name, entry in sorted(_entry_points().items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        entry = _entry_points().get(cmd_name)
        if entry is None:
            return None
        command: click.Command = entry.load()
        return command

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        with _reader_may_leave():  # --help and --version print here
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _reader_may_leave():
            return super().invoke(ctx)


def command_summary(entry: EntryPoint) -> str:
    """What `kb --help` says of a sub-command: its first sentence as a whole, not cut to a line.

    It is read from the source: importing all sub-commands takes a second.
    """
    text = _docstring(entry.module, entry.attr)
    command: click.Command = click.Command(entry.name, help=text) if text else entry.load()
    return command.get_short_help_str(200)


def _docstring(module: str, name: str) -> str | None:
    """That of a function of a module, or of the module from which it is imported there."""
    package, *names = module.split(".")
    spec = find_spec(package)  # of a package, which imports nothing
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder, *names).with_suffix(".py")
        nodes = ast.parse(path.read_bytes()).body if path.exists() else []
        for node in nodes:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return ast.get_docstring(node)
            if isinstance(node, ast.ImportFrom):
                original = {each.asname or each.name: each.name for each in node.names}.get(name)
                if original is not None:
                    return _docstring(node.module or "", original)
    return None


def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="kb.commands")}


@click.group(cls=_EntryPointGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kb")
def kb() -> None:
    """Askfirst: knowledge-base search, deflection, and tickets with SLAs."""


@click.command()
def settings() -> None:
    """Print every setting with its value and its purpose. Secrets stay hidden."""
    values = load_settings()
    for setting in SETTINGS:
        value = getattr(values, setting.name)
        if setting.secret and value:
            value = "(hidden)"
        text = " ".join(value) if isinstance(value, tuple) else str(value)
        click.echo(f"KB_{setting.name.upper()}={text}\n    {setting.help} Accepts {setting.form}.")


def main() -> None:
    """The console script. An expected failure never shows a traceback."""
    os.umask(0o077)  # other users of this machine must not read tickets, addresses and drafts
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
